"""The crypto domain over the simulated venue: two coins, four days, and what happens as time goes on.

Everything that needs a long history is set to a short one, and decisions are made every quarter of an hour, so that
the third day has trades.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.core import clock
from tests.desk import Built, Desk, Results, Sandbox, opened

#: shortly after noon of the fourth day
NOON = "2024-10-05T12:07:20Z"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
FIRST, LAST = date(2024, 10, 2), date(2024, 10, 5)
CHAIN = ("crypto_klines", "crypto_timeframes", "crypto_overlays", "crypto_feature_telemetry", "crypto_signals")
QUICK: dict[str, Any] = {
    "symbols": list(SYMBOLS),
    "overlays": {"lookback_bars": 60, "lookback_bars_1d": 1},
    "liquidity": {"window": 30, "recent": 15},
    "regime": {"rank_window": 30, "rank_window_1d": 1, "slow": 30, "volume_bars": 30},
    "signals": {"timeframe": "15m", "min_votes": 3, "min_confidence": 0.4, "time_stop_min": 900, "stop_atr": 9.0},
    "paper": {"confidence_drop": 0.9},
}
_DAY = timedelta(days=1)


@dataclass
class Crypto:
    """A desk whose crypto domain is materialised, and what Dagster said of each asset last."""

    desk: Desk
    results: dict[str, Results] = field(default_factory=dict)

    def run(self, *assets: str, keys: Sequence[str] | None = None, succeed: bool = True) -> Results:
        """Partitions of assets that are cut alike, in one run a range."""
        found = self.desk.materialize(*assets, keys=keys, succeed=succeed)
        self.results |= dict.fromkeys(assets, found)
        return found

    def days(self, first: date = FIRST, last: date = LAST) -> list[str]:
        """Keys of days."""
        return [str(first + n * _DAY) for n in range((last - first).days + 1)]

    def pairs(self, first: date = FIRST, last: date = LAST, symbols: Sequence[str] = SYMBOLS) -> list[str]:
        """Keys of days and symbols."""
        return [f"{day}|{name}" for day in self.days(first, last) for name in symbols]

    def build(self, first: date = FIRST, last: date = LAST, symbols: Sequence[str] = SYMBOLS) -> None:
        """Everything of these days."""
        self.run(*CHAIN, keys=self.pairs(first, last, symbols))
        self.run("crypto_sentiment")
        self.run("crypto_advice", keys=self.pairs(first, last, symbols))
        self.run("crypto_paper_trades", keys=self.days(first, last))
        self.run("crypto_success_metrics")

    def at(self, now: str) -> None:
        """Move the clock."""
        self.desk.set(MARKET_ASSETS_NOW=now)
        assert clock.now() == clock.instant(now)

    def digests(self, *tables: str) -> dict[tuple[str, str], str]:
        """Table and partition -> digest of what is stored."""
        from market_assets.tables import contract

        found = {}
        for table in tables:
            for key in self.desk.stored(table):
                manifest = self.desk.store.manifest(contract(table), key)
                assert manifest is not None
                found[table, key] = manifest.digest
        return found


def configured(desk: Desk, **crypto: Any) -> Crypto:
    """A domain of short histories without anything stored."""
    desk.configure(crypto=QUICK | crypto)
    return Crypto(desk)


@pytest.fixture(scope="session")
def noon(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built at noon of the fourth day."""
    home = tmp_path_factory.mktemp("crypto")
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch, now=NOON) as desk:
        crypto = configured(desk)
        crypto.build()
        return Built(home, crypto.results)


@pytest.fixture
def crypto(noon: Built, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Crypto]:
    """That of noon, to be read."""
    with opened(noon.home, sandbox, monkeypatch, now=NOON) as desk:
        yield Crypto(desk, dict(noon.results))


@pytest.fixture
def growing(noon: Built, desk: Desk) -> Crypto:
    """A copy of that of noon, to be grown and changed."""
    noon.copy_to(desk)
    desk.set(MARKET_ASSETS_NOW=NOON)
    return Crypto(desk)


@pytest.fixture
def fresh(desk: Desk) -> Crypto:
    """A domain without anything stored."""
    desk.set(MARKET_ASSETS_NOW=NOON)
    return configured(desk)
