"""The crypto domain's own clients against the sandbox: both markets, both ways, and what is wrong with an answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.core.revisions import compare
from market_assets.crypto.transforms.klines import VALUES
from market_assets.settings import load
from resources.crypto_fetch import KLINES, CryptoFetch
from resources.http.errors import Clipped, Malformed, VendorError
from resources.partition_fetch import FetchedPartitions
from resources.sandbox.synthetic import SyntheticBackend
from resources.stores import open_store
from resources.vendors.registry import Vendors
from tests.resources.sandbox.wire import Serve
from tests.resources.vendor_host import StillTime

NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
TODAY, BEFORE = "2026-11-20|BTCUSDT", "2026-11-18|BTCUSDT"


@pytest.fixture(scope="module")
def backend() -> Iterator[SyntheticBackend]:
    """One simulated market."""
    yield SyntheticBackend(seed=7)


def bring(url: str, home: Path, key: str, **crypto: Any) -> FetchedPartitions:
    """What a run brings of one partition."""
    settings = load(home=home, vendors="sandbox", sandbox_url=url, crypto=crypto)
    vendors = Vendors(settings, timing=StillTime(NOW).timing)
    fetch = CryptoFetch(settings, vendors, open_store(settings), NOW)
    (unit,) = fetch.units([key])
    try:
        return fetch.klines(unit)
    finally:
        vendors.close()


@pytest.mark.parametrize("market", ["um_futures", "spot"])
def test_archive_and_rest_agree(serve: Serve, backend: SyntheticBackend, tmp_path: Path, market: str) -> None:
    """The same day by both, to 1e-9 in every value, each row marked as the sandbox's (crypto.md 3)."""
    url = serve(backend, now=NOW)
    filed = bring(url, tmp_path, BEFORE, market=market).frames[BEFORE]
    asked = bring(url, tmp_path, BEFORE, market=market, archive=False).frames[BEFORE]
    for frame, source in ((filed, "binance_archive-sandbox"), (asked, "binance_rest-sandbox")):
        assert (frame.height, set(frame["source"])) == (1440, {source})
        KLINES.validate(frame)
    assert (compare(filed, asked, KLINES.key, VALUES).max_rel_diff or 0) <= 1e-9


def test_the_running_day_ends_with_the_last_minute_that_is_over(
    serve: Serve, backend: SyntheticBackend, tmp_path: Path
) -> None:
    """12:00:10: the candle of 12:00 runs, that of 11:59 is the last."""
    frame = bring(serve(backend, now=NOW), tmp_path, TODAY).frames[TODAY]
    assert frame.height == 720
    assert frame["ts"][-1] + timedelta(minutes=1, seconds=10) == NOW


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("binance_usdm:clip:match=klines", Clipped),
        ("binance_usdm:clip:times=1:match=klines", Clipped),
        ("binance_usdm:wrong_window:match=klines", Malformed),
        ("binance_usdm:not_json:match=klines", Malformed),
        ("binance_archive:truncated", Malformed),
    ],
)
def test_half_an_answer_is_none(
    serve: Serve, backend: SyntheticBackend, tmp_path: Path, fault: str, kind: type[VendorError]
) -> None:
    """Nothing is made of an answer that was cut off, is another window's, or no candles at all."""
    url = serve(backend, faults=[fault], now=NOW)
    with pytest.raises(kind):
        bring(url, tmp_path, BEFORE, archive=fault.startswith("binance_archive"))


def test_a_clipped_file_is_made_whole(serve: Serve, backend: SyntheticBackend, tmp_path: Path) -> None:
    """An archive that lacks the first half of the day: the venue has it."""
    brought = bring(serve(backend, faults=["binance_archive:clip"], now=NOW), tmp_path, BEFORE)
    told = brought.metadata[BEFORE]
    assert told["sources"] == {"binance_archive-sandbox": 720, "binance_rest-sandbox": 720}
    assert (told["missing_slots"], told["complete"]) == (0, True)


@pytest.mark.parametrize("fault", ["duplicates", "out_of_order"])
def test_rows_stated_twice_or_out_of_order_change_nothing(
    serve: Serve, backend: SyntheticBackend, tmp_path: Path, fault: str
) -> None:
    """The day is the one without the fault."""
    urls = serve(backend, now=NOW), serve(backend, faults=[f"binance_usdm:{fault}:match=klines"], now=NOW)
    first, second = (bring(url, tmp_path, BEFORE, archive=False).frames[BEFORE] for url in urls)
    assert first.equals(second)
