"""Exports of the btc domain, from Python and from the command line (btc.md 12)."""

import csv
import io
import json
import sys
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.btc import readers, schemas
from market_assets.btc.export import NOTICE, encoded, export_data, extract
from market_assets.btc.settings import EXPORT_GROUPS, FEATURE_GROUPS
from market_assets.cli import main
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc.stored import at, features, hours, labels, table, training_rows, write

N = 30
RANGE = ("2024-06-01", "2024-06-02")


@pytest.fixture
def store(home):
    """The store that the exports find by the settings."""
    return open_store(settings())


@pytest.fixture
def filled(store):
    """Thirty hours of everything; every fifth hour speaks."""
    ts = hours(N)
    write(store, **features(ts, signal_l1=[int(k % 5 == 0) for k in range(N)]))
    write(
        store,
        price=table(schemas.BtcPrice, ts, price=[100.0 + k for k in range(N)]),
        liquidations=table(schemas.BtcLiquidations, ts, long_liquidations=[float(k) for k in range(N)]),
        labels=pl.concat(labels(ts, horizon, [0.1] * N) for horizon in (1, 6, 24)),
        training_data=training_rows(N),
        signal_performance=table(schemas.BtcSignalPerformance, ts[::24], window_h=168, signal_class="ALL", horizon_h=1),
    )
    with clock.frozen(at(N)):
        yield store


@pytest.mark.parametrize(
    ("group", "rows", "column"),
    [
        ("raw", N, "long_liquidations"),
        ("processed", N, "long_share"),
        ("rpn", N, "risk_priority_number"),
        ("bins", N, "bin_index"),
        ("dominance", N, "dominance_class"),
        ("signals", N, "signal_class"),
        ("all_features", N, "signal_strength"),
        ("latest_signals", 6, "signal_l1"),
        ("labels", 3 * N, "return_exec"),
        ("performance", 2, "win_rate"),
        ("training_data", N, "label_class_24"),
    ],
)
def test_every_group_can_be_exported(filled, tmp_path, group, rows, column):
    """With its rows and no state; the hour is called `time`."""
    bounds = (None, None) if group == "latest_signals" else RANGE
    written = export_data(group, *bounds, "parquet", tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert (found.height, written.rows, written.found, written.truncated) == (rows, rows, rows, False)
    assert {"time", column} <= set(found.columns)
    assert [name for name in found.columns if name == "ts" or name.startswith("st_")] == []


def test_every_group_of_the_settings_is_tested_above():
    """None is forgotten."""
    (mark,) = [mark for mark in test_every_group_can_be_exported.pytestmark if mark.name == "parametrize"]
    assert tuple(case[0] for case in mark.args[1]) == EXPORT_GROUPS


def test_hourly_groups_stand_side_by_side(filled):
    """By time, each column once; the same as the readers give."""
    found = extract("processed,rpn", *RANGE).frame
    assert_frame_equal(found.rename({"time": "ts"}), readers.get_all_features(*RANGE, groups=["processed", "rpn"]))
    everything = extract(["raw", "all_features"], *RANGE).frame
    assert everything.height == N
    assert everything.columns.count("price") == 1
    assert {"long_liquidations", "signal_class", "bin_index"} <= set(everything.columns)
    assert_frame_equal(extract(["all_features"], *RANGE).frame, extract(list(FEATURE_GROUPS), *RANGE).frame)


@pytest.mark.parametrize("groups", [["labels", "rpn"], ["training_data", "labels"], ["latest_signals", "signals"], []])
def test_tables_of_other_rows_stand_alone(filled, groups):
    """They have no one row per hour to stand beside."""
    with pytest.raises(InvalidRequest, match="an export is one group, or several of raw, processed"):
        extract(groups, *RANGE)


def test_an_unknown_group_lists_the_near_ones(filled):
    """Also among known ones."""
    with pytest.raises(UnknownName, match="did you mean processed"):
        extract("rpn,procesed")


def test_a_range_that_cannot_be_is_refused(filled, tmp_path):
    """Nothing is written; latest signals have a range of their own."""
    for group, start in (("rpn", datetime(2024, 6, 1)), ("labels", "2024-06-09"), ("latest_signals", "2024-06-01")):
        with pytest.raises(InvalidRequest):
            export_data(group, start, "2024-06-02", "csv", tmp_path / "out.csv")
    assert list(tmp_path.glob("out*")) == []


def test_a_group_without_data_names_the_command(store):
    """Not an empty file."""
    with pytest.raises(NotMaterialised, match="--select btc_labels"):
        extract("labels")


def test_csv_and_json_say_the_same_as_parquet(filled, tmp_path):
    """Times are ISO 8601 with Z; null is nothing in csv and null in json; zero is zero."""
    for name in ("out.csv", "out.json", "out.parquet"):
        export_data("raw", *RANGE, None, tmp_path / name)
    rows = pl.read_parquet(tmp_path / "out.parquet")
    records = json.loads((tmp_path / "out.json").read_text())
    with (tmp_path / "out.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(records) == len(lines) == N
    assert records[1] == {
        "time": "2024-06-01T01:00:00Z", "available_at": "2024-06-01T02:10:00Z", "price": 101.0, "open": None,
        "high": None, "low": None, "close": None, "long_liquidations": 1.0, "short_liquidations": None,
    }  # fmt: skip
    assert (lines[1]["time"], lines[1]["price"], lines[1]["open"]) == ("2024-06-01T01:00:00Z", "101.0", "")
    assert (records[0]["long_liquidations"], lines[0]["long_liquidations"]) == (0.0, "0.0")
    assert [row["time"] for row in lines] == [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in rows["time"]]
    assert [record["price"] for record in records] == rows["price"].to_list()


def test_a_part_of_a_second_is_not_lost():
    """Microseconds are written where there are any."""
    frame = pl.DataFrame({"time": [at(0) + timedelta(microseconds=5)]}, {"time": pl.Datetime("us", "UTC")})
    assert encoded(frame, "csv").decode().splitlines()[1] == "2024-06-01T00:00:00.000005Z"


@pytest.mark.parametrize(
    ("asked", "name", "default", "expected"),
    [
        ("json", "out.csv", "csv", "json"),
        (None, "out.parquet", "csv", "parquet"),
        (None, "out.txt", "json", "json"),
    ],
)
def test_the_format_is_the_one_asked_for_then_the_files_then_the_default(
    filled, tmp_path, monkeypatch, asked, name, default, expected
):
    """btc.export.default_format where the name says nothing."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__EXPORT__DEFAULT_FORMAT", default)
    settings.cache_clear()
    assert export_data("rpn", *RANGE, asked, tmp_path / name).format == expected


def test_a_format_that_is_not_exported_is_refused(filled, tmp_path, monkeypatch):
    """btc.export.formats names those that are; a folder that is not there is refused as well."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__EXPORT__FORMATS", '["csv"]')
    settings.cache_clear()
    with pytest.raises(InvalidRequest, match="a format is one of csv"):
        export_data("rpn", *RANGE, "json", tmp_path / "out.json")
    with pytest.raises(InvalidRequest, match="folder of an export must exist"):
        export_data("rpn", *RANGE, "csv", tmp_path / "nowhere" / "out.csv")


@pytest.fixture
def capped(filled, monkeypatch):
    """At most seven rows may be exported."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__EXPORT__MAX_RECORDS", "7")
    settings.cache_clear()


def test_too_many_rows_are_refused_with_their_number(capped, tmp_path):
    """Nothing is cut off silently; nothing is written."""
    with pytest.raises(InvalidRequest, match=r"at most 7 rows \(btc.export.max_records\), this one has 30"):
        export_data("rpn", *RANGE, "csv", tmp_path / "out.csv")
    assert list(tmp_path.glob("out*")) == []


def test_exactly_the_most_is_allowed(capped):
    """The limit is no row beyond it."""
    found = extract("rpn", at(0), at(6))
    assert (found.frame.height, found.truncated) == (7, False)


def test_truncated_are_the_oldest_rows(capped, tmp_path):
    """The newest are kept, in order, and the answer says that there were more."""
    written = export_data("rpn", *RANGE, "parquet", tmp_path / "out.parquet", truncate=True)
    assert (written.rows, written.found, written.truncated) == (7, 30, True)
    assert pl.read_parquet(tmp_path / "out.parquet")["time"].to_list() == hours(7, at(23))


def test_truncated_latest_signals_are_the_newest(filled, monkeypatch):
    """Which stand first there."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__EXPORT__MAX_RECORDS", "2")
    settings.cache_clear()
    assert extract("latest_signals", truncate=True).frame["time"].to_list() == [at(25), at(20)]


@pytest.mark.parametrize(
    ("group", "is_vendors"),
    [("raw", True), ("processed", True), ("labels", True), ("all_features", True), ("training_data", True),
     ("latest_signals", True), ("rpn", False), ("bins", False), ("signals", False), ("performance", False)],
)  # fmt: skip
def test_what_the_vendor_stated_comes_with_the_notice(filled, group, is_vendors):
    """Prices and volumes as received must not be redistributed; what is computed of them may."""
    bounds = (None, None) if group == "latest_signals" else RANGE
    assert extract(group, *bounds).notice == (NOTICE if is_vendors else None)


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(home, monkeypatch, capsys):
    """`market-assets export`, in this process."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["market-assets", "export", *arguments])
        code = 0
        capsys.readouterr()
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capsys.readouterr())

    return command


GROUPS = ["--feature-groups", "processed,rpn", "--start", "2024-06-01", "--end", "2024-06-02"]


def test_the_command_writes_groups_to_standard_output(filled, run):
    """The table alone, so it can be piped; count and notice go to standard error."""
    said = run(*GROUPS)
    lines = list(csv.DictReader(io.StringIO(said.out)))
    assert (said.code, len(lines), lines[3]["price"]) == (0, N, "103.0")
    assert said.err.splitlines() == ["30 rows of processed,rpn", f"notice: {NOTICE}"]


def test_the_command_writes_groups_to_a_file(filled, run, tmp_path):
    """The format is that of the name; without the vendor's columns there is no notice."""
    to = tmp_path / "rpn.parquet"
    said = run("--feature-groups", "rpn", *GROUPS[2:], "--out", str(to))
    assert (said.code, said.out, said.err) == (0, "", f"30 rows of rpn to {to}\n")
    assert pl.read_parquet(to).height == N


def test_the_command_refuses_too_many_rows_or_says_what_it_left_out(capped, run):
    """With the number, in both."""
    refused = run(*GROUPS)
    assert (refused.code, refused.out) == (1, "")
    assert "at most 7 rows (btc.export.max_records), this one has 30" in refused.err
    cut = run(*GROUPS, "--truncate", "--format", "json")
    assert json.loads(cut.out)[0]["time"] == "2024-06-01T23:00:00Z"
    assert "truncated: the newest 7 of 30 rows" in cut.err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "an export is of a table or of --feature-groups: name one of the two"),
        (["btc_rpn", *GROUPS], "name one of the two"),
        ([*GROUPS, "--columns", "price", "--as-of", "2024-06-01"], "--columns, --as-of go with a table"),
        ([*GROUPS, "--symbol", "AAPL"], "--symbol go with a table"),
        (["btc_rpn", "--truncate"], "--truncate goes with --feature-groups"),
        (["--feature-groups", "price"], "no export group named 'price'"),
        ([*GROUPS, "--format", "parquet"], "parquet is binary: name a file with --out"),
        (["btc_rpn", "--columns", "ts,st_long_x"], "st_long_x: the internal state of a table is not exported"),
    ],
)
def test_the_command_refuses_what_cannot_be(filled, run, arguments, said):
    """One line on standard error and nothing on standard output."""
    refused = run(*arguments)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: ")
    assert said in refused.err


def test_a_table_of_the_domain_is_exported_without_state_and_with_the_notice(filled, run):
    """As groups are; a date as the end is the whole day."""
    rpn = run("btc_rpn", "--start", "2024-06-02", "--end", str(date(2024, 6, 2)))
    header, *lines = rpn.out.splitlines()
    assert (rpn.code, len(lines)) == (0, 6)
    assert [name for name in header.split(",") if name.startswith("st_")] == []
    assert NOTICE not in rpn.err
    assert run("btc_price").err.splitlines() == ["30 rows of btc_price", f"notice: {NOTICE}"]
