"""What a collector handed over and nobody published goes in the end; what can never be asked for again does not."""

from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.bars.schemas import BarsMinute
from market_assets.crypto.schemas import CryptoKlines
from market_assets.settings import load
from resources.bars_fetch import minutes_landing
from resources.crypto_fetch import klines_landing
from resources.funding_fetch import LOOKS, looks_of
from resources.retention import segments
from resources.retention.job import Job, Tally
from resources.stores import open_store
from tests.resources.retention.stored import rows_of

NOW = datetime(2026, 8, 1, 15, tzinfo=UTC)


def test_landed_days_go_and_looks_do_not(home):
    """Of 30 days the one that ended 30 days ago is the last that goes, with a killed writer's unfinished file."""
    found = load()
    klines, minutes, looks = klines_landing(found), minutes_landing(found), looks_of(found)
    for days_ago in (31, 30, 0):
        at = NOW - timedelta(days=days_ago)
        klines.append("a_venue", at, rows_of(CryptoKlines.contract(), f"{at:%Y-%m-%d}|BTCUSDT", 1))
        minutes.append("EURUSD", at, rows_of(BarsMinute.contract(), f"{at:%Y-%m-%d}|EURUSD", 1))
        looks.append("bybit", at, pl.DataFrame(schema=LOOKS))
    day = (NOW - timedelta(days=31)).date()
    (klines.root / "a_venue" / day.isoformat() / "120500000000.parquet.0a.part").write_bytes(b"PAR1 half")
    size = klines.size("a_venue", day) + minutes.size("EURUSD", day)

    def thinned(*, dry_run: bool) -> Tally:
        tally = Tally()
        segments.thin(Job(found, open_store(found), None, NOW, dry_run), tally)
        return tally

    would = thinned(dry_run=True)
    assert len(klines.days("a_venue")) == 3 == len(minutes.days("EURUSD"))
    done = thinned(dry_run=False)
    assert would == done
    assert (done.total.examined, done.total.removed, done.total.bytes) == (6, 2, size)
    left = [(NOW - timedelta(days=n)).date() for n in (30, 0)]
    assert klines.days("a_venue") == left == minutes.days("EURUSD")
    assert len(looks.days("bybit")) == 3
