"""What the crypto domain makes of its venue's answers: the base of the stream, gaps asked for, days made final."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.crypto.settings import CryptoSettings
from market_assets.settings import Settings, load
from resources.crypto_fetch import KLINES, CryptoFetch, klines_landing
from resources.http.errors import EmptyUnexpected, Malformed, NotFound, Unavailable
from resources.http.workers import Workers
from resources.partition_fetch import FetchedPartitions, Unit
from resources.stores import open_store
from resources.vendors.registry import Vendors
from tests.market_assets.crypto.transforms.minute_frames import klines
from tests.resources.vendor_host import Asked, Host, Says, StillTime
from tests.resources.vendors.kline_host import MINUTE, Market, crypto_settings, day_rows, files, table

#: 12:00:10 of a Friday: the minute 11:59 is final
NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
YESTERDAY, BEFORE = TODAY - DAY, TODAY - 2 * DAY


@dataclass
class Desk:
    """A venue and an archive by script, a real store, and the hand on the clock."""

    host: Host
    home: Path
    at: datetime = NOW
    crypto: dict[str, Any] = field(default_factory=dict)
    market: Market = field(default_factory=lambda: Market(now=NOW))
    held: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host.script = self._answer
        self.store = open_store(self.settings)

    @property
    def settings(self) -> Settings:
        """Live settings."""
        return crypto_settings(self.host, home=self.home, **self.crypto)

    def bring(self, *days: datetime, symbol: str = "BTCUSDT") -> FetchedPartitions:
        """What a run at `at` brings of days, stored."""
        self.host.asked.clear()
        self.market.now = self.at
        settings = self.settings
        vendors = Vendors(settings, timing=StillTime(self.at).timing)
        fetch = CryptoFetch(settings, vendors, self.store, self.at)
        try:
            (unit,) = fetch.units([f"{day:%Y-%m-%d}|{symbol}" for day in days])
            brought = fetch.klines(unit)
        finally:
            vendors.close()
        for key, frame in brought.frames.items():
            self.store.write(KLINES, key, KLINES.validate(frame))
        return brought

    def day(self, day: datetime, symbol: str = "BTCUSDT") -> tuple[pl.DataFrame, dict[str, Any]]:
        """One day as it was brought, and what was told of it."""
        brought, key = self.bring(day, symbol=symbol), f"{day:%Y-%m-%d}|{symbol}"
        return brought.frames[key], dict(brought.metadata[key])

    def stream(self, rows: pl.DataFrame) -> None:
        """Candles of the stream that land."""
        settings = self.settings
        klines_landing(settings).append(settings.crypto.venue.vendor, rows["ts"][-1], rows)

    @property
    def asked(self) -> list[tuple[str, int]]:
        """Candles asked of the venue: first minute, and how many."""
        queries = [asked.query for asked in self.host.asked if asked.path.endswith("/klines")]
        starts = [datetime.fromtimestamp(int(query["startTime"]) / 1000, UTC) for query in queries]
        return [(f"{start:%d %H:%M}", int(query["limit"])) for start, query in zip(starts, queries, strict=True)]

    def _answer(self, asked: Asked) -> Says:
        if asked.path.startswith("/data/"):
            return Says(self.held[asked.path]) if asked.path in self.held else Says(b"<Error/>", 404)
        return self.market(asked)


@pytest.fixture
def desk(host: Host, tmp_path: Path) -> Iterator[Desk]:
    """Two symbols that have traded for years; the archive is empty."""
    return Desk(host, tmp_path)


def streamed(first: datetime, n: int, **more: Any) -> pl.DataFrame:
    """Candles of the stream, as the venue's except for what `more` says."""
    told = {"open": 100.0, "high": 101.0, "low": 99.5, "volume": 10.5, "quote_volume": 1055.25, "trade_count": 7}
    taken = {"taker_buy_base": 4.25, "taker_buy_quote": 427.125}
    return klines(first, n, **{"close": 100.5, "source": "binance_stream", **told, **taken, **more})


def test_a_unit_is_a_symbol_with_its_days(desk: Desk) -> None:
    """Whatever the order of the keys; years of history are cut into months, so that a failure costs one."""
    fetch = CryptoFetch(load(), Vendors(load()), desk.store, NOW)
    assert fetch.units(["2026-11-20|ETHUSDT", "2026-11-20|BTCUSDT", "2026-11-19|ETHUSDT"]) == [
        Unit("ETHUSDT", ("2026-11-19|ETHUSDT", "2026-11-20|ETHUSDT")),
        Unit("BTCUSDT", ("2026-11-20|BTCUSDT",)),
    ]
    long = fetch.units([f"{date(2025, 12, 30) + n * DAY}|BTCUSDT" for n in range(4)])
    assert [(unit.name, len(unit.partitions)) for unit in long] == [("BTCUSDT 2025-12", 2), ("BTCUSDT 2026-01", 2)]


def test_the_running_day_is_asked_for_what_is_over(desk: Desk) -> None:
    """At 12:00:10 the minutes until 11:59; five minutes later the five that came since."""
    frame, told = desk.day(TODAY)
    assert frame["ts"].to_list() == [TODAY + n * MINUTE for n in range(720)]
    assert desk.asked == [("20 00:00", 720)]
    assert {name: told[name] for name in ("expected_rows", "missing_slots", "missing_ranges", "complete")} == {
        "expected_rows": 720,
        "missing_slots": 0,
        "missing_ranges": [],
        "complete": False,
    }
    assert (told["requests"], told["sources"], set(frame["ingested_at"])) == (1, {"binance_rest": 720}, {NOW})
    desk.at += timedelta(minutes=5)
    frame, told = desk.day(TODAY)
    assert (frame.height, desk.asked) == (725, [("20 12:00", 5)])
    frame, told = desk.day(TODAY)
    assert (frame.height, desk.asked, told["requests"]) == (725, [], 0)


def test_what_the_stream_brought_is_not_asked_for(desk: Desk) -> None:
    """REST fills the holes and the end; the stream's candles stand, and each row says whence it is."""
    desk.stream(streamed(TODAY, 300, without=range(100, 110)))
    desk.stream(streamed(TODAY + 320 * MINUTE, 395))
    frame, told = desk.day(TODAY)
    assert desk.asked == [("20 01:40", 10), ("20 05:00", 20), ("20 11:55", 5)]
    assert frame.height == 720
    assert told["sources"] == {"binance_rest": 35, "binance_stream": 685}


def test_many_holes_are_asked_for_at_once(desk: Desk) -> None:
    """One request over all of them; what the stream said in between stands until the day is over."""
    desk.stream(streamed(TODAY, 720, without=range(100, 200, 10), close=100.25))
    frame, told = desk.day(TODAY)
    assert desk.asked == [("20 01:40", 91)]
    assert told["sources"] == {"binance_rest": 10, "binance_stream": 710}
    assert (frame["close"] == 100.25).sum() == 710


def test_other_symbols_of_the_stream_are_no_base(desk: Desk) -> None:
    """All symbols land together; each day takes its own."""
    desk.stream(streamed(TODAY, 720, symbol="ETHUSDT"))
    frame, told = desk.day(TODAY)
    assert (set(frame["symbol"]), told["sources"]) == ({"BTCUSDT"}, {"binance_rest": 720})


def test_streamed_rows_that_break_a_rule_are_asked_for(desk: Desk) -> None:
    """A candle whose takers bought more than was traded is no candle."""
    desk.stream(streamed(TODAY, 719))
    desk.stream(streamed(TODAY + 719 * MINUTE, 1, taker_buy_base=11.0))
    frame, _ = desk.day(TODAY)
    assert desk.asked == [("20 11:59", 1)]
    assert frame["source"][-1] == "binance_rest"


def test_a_day_that_is_over_is_asked_for_whole(desk: Desk) -> None:
    """The final pass settles what the stream said otherwise, and tells how much it was."""
    desk.at = YESTERDAY + timedelta(hours=12, seconds=10)
    desk.stream(
        streamed(YESTERDAY, 720).with_columns(volume=pl.when(pl.col("ts") == YESTERDAY).then(10.0).otherwise("volume"))
    )
    desk.day(YESTERDAY)
    desk.at = TODAY + timedelta(minutes=5)
    frame, told = desk.day(YESTERDAY)
    assert desk.asked == [("19 00:00", 1440)]
    assert told["sources"] == {"binance_rest": 1440}
    assert frame["volume"][0] == 10.5
    assert (told["complete"], told["differing_rows"], told["missing_slots"]) == (True, 1, 0)
    assert told["differing_max_rel_diff"] == pytest.approx(0.05)


def test_a_minute_the_venue_forgot_is_kept(desk: Desk) -> None:
    """What the stream saw is not lost; what nobody has is a gap, told with its range and filled with nothing."""
    desk.market.without = [YESTERDAY + n * MINUTE for n in (60, 61, 62, 200)]
    desk.stream(streamed(YESTERDAY + 60 * MINUTE, 2))
    frame, told = desk.day(YESTERDAY)
    assert told["sources"] == {"binance_rest": 1436, "binance_stream": 2}
    assert (told["expected_rows"], told["missing_slots"]) == (1440, 2)
    assert told["missing_ranges"] == ["01:02..01:02", "03:20..03:20"]
    assert frame.height == 1438


def test_the_archive_is_asked_first_for_older_days(desk: Desk) -> None:
    """A day that ended at least a day ago: two requests, and the venue is not asked for candles."""
    desk.held = files({("BTCUSDT", BEFORE.date()): table(day_rows(BEFORE.date(), close="100.75"))})
    frame, told = desk.day(BEFORE)
    assert (desk.asked, told["requests"], told["complete"]) == ([], 2, True)
    assert told["sources"] == {"binance_archive": 1440}
    assert set(frame["close"]) == {100.75}
    _, told = desk.day(YESTERDAY)
    assert not [asked.path for asked in desk.host.asked if asked.path.startswith("/data/")]
    assert told["fallback_trace"] == "binance_rest: 1440 rows, 1 request(s)"


def test_the_archive_is_compared_with_what_the_venue_said(desk: Desk) -> None:
    """A day asked of the venue and later found in the archive: what differs is replaced, and told."""
    desk.at = YESTERDAY + timedelta(minutes=5)
    desk.day(BEFORE)
    rows = day_rows(BEFORE.date())
    rows[3][4] = "100.6"
    desk.held, desk.at = files({("BTCUSDT", BEFORE.date()): table(rows)}), NOW
    frame, told = desk.day(BEFORE)
    assert (told["archive_compared"], told["archive_conflicts"], told["differing_rows"]) == (1440, 1, 1)
    assert frame["close"][3] == 100.6


def test_without_a_file_the_venue_is_asked(desk: Desk) -> None:
    """The trace tells it. Switched off, the archive is not looked at."""
    _, told = desk.day(BEFORE)
    assert told["fallback_trace"] == "binance_archive: no file of that day > binance_rest: 1440 rows, 1 request(s)"
    assert told["sources"] == {"binance_rest": 1440}
    desk.crypto = {"archive": False}
    desk.day(BEFORE)
    assert {asked.path for asked in desk.host.asked} == {"/fapi/v1/klines"}


def test_what_a_file_lacks_is_asked_of_the_venue(desk: Desk) -> None:
    """Half a day of the archive is no day: the venue has the rest, and each row says whence it is."""
    rows = day_rows(BEFORE.date())
    desk.held = files({("BTCUSDT", BEFORE.date()): table([*rows[300:700], *rows[701:]])})
    frame, told = desk.day(BEFORE)
    assert desk.asked == [("18 00:00", 300), ("18 11:40", 1)]
    assert (frame.height, told["missing_slots"], told["requests"], told["complete"]) == (1440, 0, 4, True)
    assert told["sources"] == {"binance_archive": 1139, "binance_rest": 301}
    desk.crypto = {"live": False}
    desk.home = desk.home / "another"
    desk.store = open_store(desk.settings)
    assert desk.day(BEFORE)[1]["missing_ranges"] == ["00:00..04:59", "11:40..11:40"]


def test_of_a_symbol_that_is_gone_the_file_is_all_there_is(desk: Desk) -> None:
    """MATICUSDT: the venue does not know it any more, the archive's day with a gap is stored as it is."""
    day = date(2024, 9, 10)
    desk.held = files({("MATICUSDT", day): table(day_rows(day)[:1400])})
    frame, told = desk.day(datetime(2024, 9, 10, tzinfo=UTC), "MATICUSDT")
    assert (frame.height, told["missing_slots"], told["complete"]) == (1400, 40, True)
    assert told["fallback_trace"].endswith("binance_rest: MATICUSDT is not known there any more")
    with pytest.raises(NotFound):
        desk.day(datetime(2024, 9, 9, tzinfo=UTC), "MATICUSDT")


def test_a_broken_file_fails_the_day(desk: Desk) -> None:
    """A checksum that does not fit is no missing file: nothing is stored, the venue is not asked instead."""
    desk.held = files({("BTCUSDT", BEFORE.date()): table(day_rows(BEFORE.date()))})
    desk.held |= {path: b"0" * 64 for path in desk.held if path.endswith(".CHECKSUM")}
    with pytest.raises(Malformed, match="its checksum must be"):
        desk.day(BEFORE)
    assert desk.asked == []


def test_the_archive_alone(desk: Desk) -> None:
    """`crypto.live=false`: the venue is never asked, young days keep what they have, older ones need their file."""
    desk.crypto = {"live": False}
    desk.stream(streamed(YESTERDAY, 30))
    frame, told = desk.day(YESTERDAY)
    assert (frame.height, told["complete"], told["missing_slots"]) == (30, False, 1410)
    desk.held = files({("BTCUSDT", BEFORE.date()): table(day_rows(BEFORE.date()))})
    assert desk.day(BEFORE)[1]["sources"] == {"binance_archive": 1440}
    assert desk.bring(TODAY).frames["2026-11-20|BTCUSDT"].is_empty()
    with pytest.raises(EmptyUnexpected, match=r"no file of that day.*crypto\.live is false"):
        desk.day(BEFORE - DAY)
    assert {asked.path[:6] for asked in desk.host.asked} == {"/data/"}


def test_outside_its_listing_a_symbol_has_no_rows(desk: Desk) -> None:
    """MATICUSDT ended on 2024-09-10: 0 rows of October, no failure, and nothing is asked for."""
    desk.market.symbols = ("BTCUSDT", "POLUSDT")
    frame, told = desk.day(datetime(2024, 10, 1, tzinfo=UTC), "MATICUSDT")
    assert (frame.height, told["expected_rows"], told["missing_slots"], told["requests"]) == (0, 0, 0, 0)
    assert (told["complete"], told["fallback_trace"]) == (True, "not listed")
    assert desk.asked == []


def test_of_its_first_day_the_minutes_from_the_listing_on_are_expected(desk: Desk) -> None:
    """The venue says at which instant; days before it are empty."""
    began = datetime(2024, 9, 13, 10, tzinfo=UTC)
    desk.market.symbols, desk.market.first = ("POLUSDT",), began
    frame, told = desk.day(datetime(2024, 9, 13, tzinfo=UTC), "POLUSDT")
    assert (frame.height, frame["ts"][0], told["expected_rows"], told["missing_slots"]) == (840, began, 840, 0)
    assert desk.day(datetime(2024, 9, 12, tzinfo=UTC), "POLUSDT")[0].is_empty()
    assert desk.day(TODAY - 100 * DAY, "POLUSDT")[0].height == 1440


def test_a_day_that_comes_back_empty_is_a_failure(desk: Desk) -> None:
    """Though listed: the stored partition stays as it was, and the message names the setting that could explain it."""
    desk.day(YESTERDAY)
    desk.market.first, desk.market.listed = TODAY, {"BTCUSDT": BEFORE}
    with pytest.raises(EmptyUnexpected, match=r"1440 minutes were due.*crypto\.listings") as refused:
        desk.day(YESTERDAY)
    assert "[2026-11-19|BTCUSDT]" in str(refused.value)
    assert desk.store.read(KLINES, ["2026-11-19|BTCUSDT"]).height == 1440


def test_right_after_midnight_nothing_is_due(desk: Desk) -> None:
    """At 00:00:10 no minute is over; at 00:01:10 one is, which may be late."""
    desk.at = TODAY + timedelta(seconds=10)
    frame, told = desk.day(TODAY)
    assert (frame.height, told["expected_rows"], told["complete"]) == (0, 0, False)
    assert desk.asked == []
    desk.at, desk.market.without = TODAY + timedelta(seconds=70), [TODAY]
    frame, told = desk.day(TODAY)
    assert (frame.height, told["expected_rows"], told["missing_slots"]) == (0, 1, 1)
    assert desk.asked == [("20 00:00", 1)]


def test_a_failure_is_the_units(desk: Desk) -> None:
    """An unknown symbol and a venue that is down are told as such; what is stored stays."""
    with pytest.raises(NotFound, match="NOPEUSDT"):
        desk.day(YESTERDAY, "NOPEUSDT")
    desk.day(YESTERDAY)
    desk.host.script = [Says(b"", 503)]
    with pytest.raises(Unavailable):
        desk.day(YESTERDAY)
    assert desk.store.read(KLINES, ["2026-11-19|BTCUSDT"]).height == 1440


def test_broken_rows_go_to_quarantine(desk: Desk) -> None:
    """The day's others are kept; the minute counts as missing, until the venue is asked for it."""
    desk.crypto = {"live": False}
    broken = day_rows(BEFORE.date())
    broken[7][2] = "99.0"
    desk.held = files({("BTCUSDT", BEFORE.date()): table(broken)})
    brought, key = desk.bring(BEFORE), "2026-11-18|BTCUSDT"
    assert brought.quarantined[key].select("reason", "row_number").rows() == [("high_low_crossed", 7)]
    KLINES.quarantine().validate(brought.quarantined[key])
    assert (brought.frames[key].height, brought.metadata[key]["missing_ranges"]) == (1439, ["00:07..00:07"])
    desk.crypto = {}
    assert desk.day(BEFORE)[1]["sources"] == {"binance_archive": 1439, "binance_rest": 1}


def test_a_repeated_run_changes_nothing(desk: Desk) -> None:
    """The same answer over what is stored: no row differs."""
    first = desk.bring(BEFORE, YESTERDAY)
    second = desk.bring(BEFORE, YESTERDAY)
    assert first.frames.keys() == second.frames.keys()
    assert all(first.frames[key].equals(second.frames[key]) for key in first.frames)
    assert {told["differing_rows"] for told in second.metadata.values()} == {0}


def test_symbols_are_fetched_side_by_side(desk: Desk) -> None:
    """Threads share one client, one look at the listing, and the store."""
    desk.market.symbols = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "LTCUSDT")
    vendors = Vendors(desk.settings, timing=StillTime(NOW).timing)
    fetch = CryptoFetch(desk.settings, vendors, desk.store, NOW)
    units = fetch.units([f"2026-11-20|{symbol}" for symbol in desk.market.symbols])
    with Workers(4) as threads:
        brought = list(threads.map(fetch.klines, units))
    assert [frame["symbol"].unique().to_list() for one in brought for frame in one.frames.values()] == [
        [unit.name] for unit in units
    ]
    assert sorted(asked.path for asked in desk.host.asked) == ["/fapi/v1/exchangeInfo"] + ["/fapi/v1/klines"] * 4
    vendors.close()


def test_markets_are_kept_apart(desk: Desk) -> None:
    """Candles of the futures stream are no base of the spot market."""
    desk.stream(streamed(TODAY, 720))
    desk.crypto, desk.market = {"market": "spot"}, Market(root="/api/v3", now=NOW)
    assert desk.day(TODAY)[1]["sources"] == {"binance_rest": 720}


def test_sandbox_rows_say_so(tmp_path: Path) -> None:
    """Every source has the suffix where the vendors are emulated."""
    found = load(home=tmp_path, vendors="sandbox", crypto=CryptoSettings(live=False, archive=False).model_dump())
    fetch = CryptoFetch(found, Vendors(found), open_store(found), NOW)
    rows = streamed(TODAY, 10).with_columns(source=pl.lit("binance_stream-sandbox"))
    klines_landing(found).append("binance_usdm", TODAY, rows)
    (unit,) = fetch.units(["2026-11-20|BTCUSDT"])
    assert fetch.klines(unit).metadata["2026-11-20|BTCUSDT"]["sources"] == {"binance_stream-sandbox": 10}


def test_landed_days_go_once_they_are_published(desk: Desk) -> None:
    """After three days, and only where every landed minute stands in a partition."""
    settings, old = desk.settings, TODAY - 5 * DAY
    landing, vendor = klines_landing(settings), settings.crypto.venue.vendor
    for day in (old, TODAY - 4 * DAY, TODAY - 3 * DAY):
        desk.stream(streamed(day, 10))
    fetch = CryptoFetch(settings, Vendors(settings), desk.store, NOW)
    assert fetch.prune_landing() == []
    for day, n in ((old, 10), (TODAY - 4 * DAY, 9), (TODAY - 3 * DAY, 10)):
        desk.store.write(KLINES, f"{day:%Y-%m-%d}|BTCUSDT", streamed(day, n))
    assert fetch.prune_landing() == [old.date()]
    assert landing.days(vendor) == [(TODAY - n * DAY).date() for n in (4, 3)]
