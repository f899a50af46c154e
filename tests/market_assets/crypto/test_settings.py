"""Settings of the crypto domain: defaults of the spec, partial overrides, errors by key, the config commands."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from market_assets.core.settings import RateBudget
from market_assets.crypto.settings import MINUTES, OVERLAYS, CryptoSettings
from market_assets.settings import InvalidSettings, Settings, load
from tests.market_assets import config_commands
from tests.market_assets.config_commands import Run, initialised, keys_refused

run = config_commands.run

DEFAULTS = CryptoSettings()
#: every number that crypto.md states -> its key
STATED = {
    "market": "um_futures",
    "start_date": date(2024, 1, 1),
    "cadence_min": 5,
    "close_grace_s": 5.0,
    "trailing_days": 2,
    "overlays.enabled": OVERLAYS,
    "overlays.lookback_bars": 600,
    "overlays.lookback_bars_1d": 320,
    "liquidity.window": 100,
    "liquidity.recent": 50,
    "liquidity.bins": 50,
    "liquidity.pad_share": 0.05,
    "liquidity.side_weight": 1.3,
    "liquidity.all_weight": 0.7,
    "liquidity.recent_weight": 0.3 * 1.5,
    "liquidity.kernel": (0.1, 0.2, 0.4, 0.2, 0.1),
    "liquidity.threshold_quantile": 0.95,
    "liquidity.min_distance_pct": 0.5,
    "regime.rank_window": 500,
    "regime.rank_window_1d": 250,
    "regime.trend_min": 0.9,
    "regime.vol_rank": 0.7,
    "regime.range_rank": 0.3,
    "regime.confirm_bars": 3,
    "signals.timeframe": "1h",
    "signals.min_votes": 4,
    "signals.max_against": 1,
    "signals.min_confidence": 0.60,
    "signals.base_size": 0.02,
    "signals.max_size": 0.05,
    "signals.target_pcts": (2.0, 4.0, 6.0),
    "signals.target_shares": (0.5, 0.25, 0.25),
    "signals.time_stop_min": 240,
    "paper.start_equity": 10_000.0,
    "paper.entry_mode": "next_open",
    "paper.zone_limit_min": 15,
    "paper.slippage_pct": 0.05,
    "paper.commission_pct": 0.1,
    "paper.no_bar_min": 5,
    "paper.confidence_drop": 0.15,
    "paper.max_position": 0.05,
    "paper.max_exposure": 0.20,
    "paper.max_positions": 10,
    "paper.max_group": 0.15,
    "paper.correlation": 0.8,
    "paper.correlation_min_days": 20,
    "paper.max_drawdown": 0.10,
    "targets.win_rate": 0.55,
    "targets.sharpe": 1.5,
    "targets.max_drawdown": 0.10,
    "advice.enabled": False,
    "advice.base_url": "https://api.deepseek.com",
    "advice.model": "deepseek-v4-flash",
    "advice.temperature": 0.0,
    "advice.max_tokens": 4000,
    "advice.deadline_s": 120.0,
    "advice.max_calls_per_day": 200,
    "advice.max_failures": 3,
    "telemetry.max_latency_ms": 2000.0,
    "telemetry.max_rss_mb": 512.0,
    "stream.silent_s": 90.0,
}


def written(home: Path, crypto: Any) -> Settings:
    """The settings of a file with this section."""
    (home / "config.yaml").write_text(yaml.safe_dump({"crypto": crypto}))
    return load()


@pytest.mark.parametrize("key", STATED)
def test_defaults_are_those_of_the_spec(key: str) -> None:
    """Every number that the specification states."""
    found: Any = DEFAULTS
    for part in key.split("."):
        found = getattr(found, part)
    assert found == pytest.approx(STATED[key]) if isinstance(STATED[key], float) else found == STATED[key]


def test_symbols_are_those_of_the_spec() -> None:
    """Ten perpetuals, in its order."""
    assert " ".join(DEFAULTS.symbols) == (
        "BTCUSDT ETHUSDT ADAUSDT SOLUSDT DOTUSDT LINKUSDT LTCUSDT BCHUSDT XRPUSDT POLUSDT"
    )


@pytest.mark.parametrize(
    ("market", "vendor", "url", "page", "per_minute", "folder"),
    [
        ("um_futures", "binance_usdm", "https://fapi.binance.com", 1500, 0.6 * 2400, "/data/futures/um/daily/klines"),
        ("spot", "binance_spot", "https://api.binance.com", 1000, 0.6 * 6000, "/data/spot/daily/klines"),
    ],
)
def test_each_market_is_asked_in_its_own_way(
    market: str, vendor: str, url: str, page: int, per_minute: float, folder: str
) -> None:
    """Section 2: pages, and 60 % of the weight that it allows a minute."""
    found = CryptoSettings.model_validate({"market": market})
    venue = found.venue
    assert (venue.vendor, venue.base_url, venue.page, venue.archive) == (vendor, url, page, folder)
    assert found.request_budget == RateBudget(per_minute=int(per_minute))
    assert venue.stream_url.startswith("wss://")


@pytest.mark.parametrize(
    ("stated", "cadence"),
    [({}, 5), ({"profile": "scalp"}, 1), ({"profile": "swing"}, 15), ({"cadence_min": 10}, 10)],
)
def test_the_profile_says_how_often(stated: dict[str, Any], cadence: int) -> None:
    """A profile has its own cadence; `custom` is that of `cadence_min`."""
    assert CryptoSettings.model_validate(stated).cadence == cadence


@pytest.mark.parametrize(
    ("timeframe", "days"), [("5m", 100 / 24), ("15m", 300 / 24), ("1h", 50), ("4h", 200), ("1d", 320)]
)
def test_look_back_reaches_twice_as_far_as_it_is_long(timeframe: str, days: float) -> None:
    """600 bars, of which half may be missing; never more days than the graph gives."""
    assert DEFAULTS.overlays.reach(timeframe).total_seconds() / 86_400 == pytest.approx(days)
    assert set(MINUTES) == {"5m", "15m", "1h", "4h", "1d"}


def test_the_first_word_on_a_listing_is_the_users(home: Path) -> None:
    """Then the curated one: of MATICUSDT and POLUSDT the venue does not tell the day of the rename."""
    assert DEFAULTS.listing("MATICUSDT").valid_to == date(2024, 9, 11)  # type: ignore[union-attr]
    assert DEFAULTS.listing("POLUSDT").valid_from == date(2024, 9, 13)  # type: ignore[union-attr]
    assert DEFAULTS.listing("BTCUSDT") is None
    own = {"symbol": "POLUSDT", "valid_from": "2024-10-01"}
    assert written(home, {"listings": [own]}).crypto.listing("POLUSDT").valid_from == date(2024, 10, 1)  # type: ignore[union-attr]


def test_the_account_starts_with_the_domain_unless_it_says_when() -> None:
    assert DEFAULTS.account_start == DEFAULTS.start_date
    assert CryptoSettings.model_validate({"paper": {"start_day": "2026-01-01"}}).account_start == date(2026, 1, 1)


def test_what_a_file_does_not_say_keeps_its_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also within a section; the environment says what it says over the file."""
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SIGNALS__MIN_VOTES", "5")
    found = written(home, {"signals": {"min_votes": 3, "stop_atr": 2.5}, "paper": {"max_positions": 4}}).crypto
    assert (found.signals.min_votes, found.signals.stop_atr, found.signals.trail_atr) == (5, 2.5, 1.5)
    assert found.paper == DEFAULTS.paper.model_copy(update={"max_positions": 4})
    assert found.liquidity == DEFAULTS.liquidity


@pytest.mark.parametrize(
    ("crypto", "key", "rule"),
    [
        ({"symbols": []}, "crypto.symbols", "at least 1 item"),
        ({"symbols": ["BTCUSDT", "BTCUSDT"]}, "crypto", "must differ from each other"),
        ({"symbols": ["btcusdt"]}, "crypto", "spelled as BTCUSDT; was btcusdt"),
        ({"symbols": ["BTC-USDT"]}, "crypto", "spelled as BTCUSDT; was BTC-USDT"),
        ({"market": "coin_futures"}, "crypto.market", "'um_futures' or 'spot'"),
        ({"cadence_min": 0}, "crypto.cadence_min", "greater than or equal to 1"),
        ({"cadence_min": 31}, "crypto.cadence_min", "less than or equal to 30"),
        ({"trailing_days": 0}, "crypto.trailing_days", "greater than or equal to 1"),
        ({"overlays": {"enabled": ["macd"]}}, "crypto.overlays.enabled.0", "'supertrend'"),
        ({"overlays": {"lookback_bars_1d": 321}}, "crypto.overlays.lookback_bars_1d", "less than or equal to 320"),
        ({"liquidity": {"kernel": [0.5, 0.5]}}, "crypto.liquidity", "odd number of weights"),
        ({"regime": {"vol_rank": 1.5}}, "crypto.regime.vol_rank", "less than or equal to 1"),
        ({"signals": {"timeframe": "1m"}}, "crypto.signals.timeframe", "'5m', '15m', '1h', '4h' or '1d'"),
        ({"signals": {"min_votes": 7}}, "crypto.signals.min_votes", "less than or equal to 6"),
        ({"signals": {"target_pcts": [2, 4]}}, "crypto.signals.target_pcts.2", "Field required"),
        ({"paper": {"start_equity": 0}}, "crypto.paper.start_equity", "greater than 0"),
        ({"paper": {"max_exposure": 2}}, "crypto.paper.max_exposure", "less than or equal to 1"),
        ({"advice": {"temperature": 3}}, "crypto.advice.temperature", "less than or equal to 2"),
        ({"advice": {"api_key": "x"}}, "crypto.advice.api_key", "not permitted"),
        ({"stream": {"silent_s": 0}}, "crypto.stream.silent_s", "greater than 0"),
        ({"singals": {}}, "crypto.singals", "not permitted"),
        ({"listings": [{"valid_to": "2024-01-01"}]}, "crypto.listings.0.symbol", "Field required"),
    ],
)
def test_an_error_is_named_by_its_key(home: Path, crypto: dict[str, Any], key: str, rule: str) -> None:
    """One line with the dotted key and the rule."""
    with pytest.raises(InvalidSettings) as refused:
        written(home, crypto)
    (line,) = str(refused.value).splitlines()[1:]
    assert line.startswith(f"  {key}: ")
    assert rule in line


def test_values_depend_on_rules_and_windows_but_on_no_address() -> None:
    """The fingerprint of what is computed, which every decision carries."""

    def fingerprint(**crypto: Any) -> str:
        return load(crypto=crypto).config_hash()

    same = {
        "base_url": "http://127.0.0.1:9",
        "cadence_min": 7,
        "stream": {"flush_s": 1},
        "telemetry": {"max_rss_mb": 1},
    }
    assert fingerprint(**same) == fingerprint()
    others = ({"signals": {"min_votes": 5}}, {"liquidity": {"bins": 40}}, {"paper": {"slippage_pct": 0.1}})
    assert len({fingerprint(), *(fingerprint(**one) for one in others)}) == 4


def test_config_init_writes_the_section_so_that_it_says_what_it_said(home: Path, run: Run) -> None:
    """Every key with its default; read back it is the same, and checking it finds nothing wrong."""
    assert initialised(run, home, "crypto")["signals"]["target_pcts"] == [2.0, 4.0, 6.0]


def test_config_check_tells_every_error_of_the_section(home: Path, run: Run) -> None:
    """Three mistakes are three lines; the exit code is 1."""
    mistakes = {"cadence_min": 0, "paper": {"max_group": -1}, "regime": {"slwo": 50}}
    assert keys_refused(run, home, "crypto", mistakes) == {
        "crypto.cadence_min",
        "crypto.paper.max_group",
        "crypto.regime.slwo",
    }
