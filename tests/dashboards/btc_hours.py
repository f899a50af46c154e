"""Two days of btc tables written by hand, for tests of its REST routes and its page.

Hour n (0 to 47) begins n hours after 2024-06-10 00:00. Its price is 1,000 + n USD, except that hours 10
and 11 have none. `btc_bins` lacks hour 30 altogether, and its bin is null at hour 5; otherwise the bin is
n mod 9. Dominance is +1 in hours 12 to 17, -1 in 20 to 28, null in 24 and 25, else 0. Events: a ceiling
(Sell) at 14, 16 and 32, a bottom (Buy) at 22, a failed ceiling (Strong_Buy) at 34.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.btc.schemas import CORR_CASES
from market_assets.settings import Settings, settings
from market_assets.tables import contract

from .conftest import KEY
from .stored_home import StoredHome

START = datetime(2024, 6, 10, tzinfo=UTC)
N = 48
#: the last hour became available two minutes before
NOW = "2024-06-12T00:12:00Z"
HOUR = timedelta(hours=1)
HOURS = range(N)
#: return_exec after one hour, by hour: those of the Sell class are G-PERF-1's
SELL_RETURNS = {14: -0.01, 16: 0.02, 32: -0.03}


def at(hour: int) -> datetime:
    """Start of that hour."""
    return START + hour * HOUR


def table(name: str, hours: list[int], **values: Any) -> pl.DataFrame:
    """Rows of a btc table: `values` by column (one value, or a function of the hour); null or plain elsewhere."""
    plain = {pl.Boolean: False, pl.Int32: 0, pl.Int16: 1, pl.String: settings().btc.feature_version}
    given = {
        "ts": at,
        "available_at": lambda hour: at(hour) + settings().btc.delay,
        "ingested_at": lambda hour: at(hour) + settings().btc.delay,
        "source": "glassnode",
        **values,
    }
    found: dict[str, list[Any]] = {}
    for column, spec in contract(name).columns.items():
        value = given.get(column, None if spec.nullable else plain.get(spec.dtype))
        found[column] = [value(hour) if callable(value) else value for hour in hours]
    return pl.DataFrame(found, schema=contract(name).schema)


def price(hour: int) -> float | None:
    return None if hour in (10, 11) else 1000.0 + hour


def dominance(hour: int) -> int | None:
    if hour in (24, 25):
        return None
    return 1 if 12 <= hour <= 17 else -1 if 20 <= hour <= 28 else 0


def ceiling(hour: int) -> int | None:
    return None if dominance(hour) is None else -1 if hour in SELL_RETURNS else 1 if hour == 22 else 0


def reverse(hour: int) -> int | None:
    return None if dominance(hour) is None else 1 if hour == 34 else 0


def signal_class(hour: int) -> str | None:
    if dominance(hour) is None:
        return None
    if reverse(hour):
        return "Strong_Buy"
    if ceiling(hour):
        return "Buy" if ceiling(hour) == 1 else "Sell"
    return {1: "Weak_Buy", -1: "Weak_Sell", 0: "Neutral"}[dominance(hour) or 0]


def sign(hour: int) -> int | None:
    name = signal_class(hour)
    return None if name is None else 1 if "Buy" in name else -1 if "Sell" in name else 0


def _duration(hour: int) -> int | None:
    side = dominance(hour)
    first = {1: 12, -1: 20 if hour < 24 else 26}.get(side or 0, 0)
    return None if side is None else hour - first + 1 if side else 0


def processed() -> pl.DataFrame:
    known = dict.fromkeys(("long_filled", "short_filled", "long_volume", "short_volume"), 5.0)
    return table(
        "btc_processed", list(HOURS), price=price, **known, long_share=0.5, net_volume=0.0, total_volume=10.0,
        net_share=lambda hour: (hour % 7) / 10,
    )  # fmt: skip


def rpn() -> pl.DataFrame:
    return table(
        "btc_rpn", list(HOURS), kalman_long=lambda hour: 4.0 + hour % 5, kalman_short=4.0,
        kalman_diff=lambda hour: hour % 5, risk_priority_number=lambda hour: (hour % 10) / 10, rpn_smooth=0.5,
        corr_case=lambda hour: None if hour == 3 else CORR_CASES[hour % 9], is_warm=True, n_obs=300,
        st_long_x=1.0, st_long_p=2.0, st_long_n=300,
    )  # fmt: skip


def bins() -> pl.DataFrame:
    return table(
        "btc_bins", [hour for hour in HOURS if hour != 30], bin_index=lambda hour: None if hour == 5 else hour % 9,
        bin_warm=lambda hour: hour != 5, is_rpn_extreme=lambda hour: -1 if hour < 8 else 1 if hour < 20 else 0,
    )  # fmt: skip


def dominances() -> pl.DataFrame:
    classes = {1: "Bull", -1: "Bear", 0: "Congestion", None: None}
    return table(
        "btc_dominance", list(HOURS), dominance=dominance, dominance_class=lambda hour: classes[dominance(hour)],
        dominance_duration_total=_duration,
        dominance_time=lambda hour: None if dominance(hour) is None else abs(dominance(hour) or 0), threshold_n=8760,
    )  # fmt: skip


def signals() -> pl.DataFrame:
    def strength(hour: int) -> float | None:
        if dominance(hour) is None:
            return None
        return 0.3 * abs(dominance(hour) or 0) + 0.4 * abs(ceiling(hour) or 0) + 0.3 * abs(reverse(hour) or 0)

    return table(
        "btc_signals", list(HOURS), hit_ceiling_bottom=ceiling, reverse_ceiling_bottom=reverse, signal_l1=dominance,
        signal_l2=ceiling, signal_l3=reverse, signal_class=signal_class, signal_sign=sign, signal_strength=strength,
    )  # fmt: skip


def labels() -> pl.DataFrame:
    """Outcomes that had matured by NOW; +1 % but for the Sell class."""
    parts = []
    for horizon in (1, 6, 24):
        known = [hour for hour in HOURS if hour + horizon + 2 <= N]
        delay = settings().btc.delay + (horizon + 1) * HOUR
        due = {"available_at": lambda hour, delay=delay: at(hour) + delay}
        outcome = {"return_exec": lambda hour: SELL_RETURNS.get(hour, 0.01), "label_class": 1}
        parts.append(table("btc_labels", known, horizon_h=horizon, **due, **outcome))
    return pl.concat(parts)


def features() -> pl.DataFrame:
    """All features side by side, joined by hand on `ts`: what the readers give."""
    joined = processed()
    for part in (rpn(), bins(), dominances(), signals()):
        new = [name for name in part.columns if name not in joined.columns and not name.startswith("st_")]
        joined = joined.join(part.select("ts", *new), on="ts", how="left", maintain_order="left")
    return joined


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of an empty home two days after START."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", NOW)
    monkeypatch.setenv("MARKET_ASSETS_API_KEY", KEY)
    for name, value in variables.items():
        monkeypatch.setenv(f"MARKET_ASSETS_{name}", value)
    settings.cache_clear()
    return settings()


def tables() -> dict[str, pl.DataFrame]:
    """All of the above, by table."""
    volumes = {"long_liquidations": 5.0, "short_liquidations": 0.0}
    return {
        "btc_price": table("btc_price", list(HOURS), price=price),
        "btc_liquidations": table("btc_liquidations", list(HOURS), **volumes),
        "btc_processed": processed(),
        "btc_rpn": rpn(),
        "btc_bins": bins(),
        "btc_dominance": dominances(),
        "btc_signals": signals(),
        "btc_labels": labels(),
    }


HOME = StoredHome(configure, tables)


def fill(found: Settings) -> None:
    """Store all of the above."""
    HOME.fill(found)
