"""The ops assets as Dagster runs them, over a small desk of the crypto domain."""

import dagster as dg
import polars as pl
import pytest

from market_assets.tables import contract
from tests.desk import Built, Desk, Sandbox, failed_checks, opened, verdicts

DAYS = ("2024-06-13", "2024-06-14")
SYMBOLS = ("BTCUSDT", "ETHUSDT")
KEYS = [f"{day}|{symbol}" for day in DAYS for symbol in SYMBOLS]
TABLES = ("crypto_klines", "crypto_timeframes")


def fill(desk: Desk) -> Desk:
    """Minutes of two coins and two days; the second day lacks an hour of one of them. It is Saturday noon."""
    desk.configure(crypto={"symbols": list(SYMBOLS), "start_date": DAYS[0]})
    desk.materialize(*TABLES, keys=KEYS[:2])
    desk.sandbox.fault(
        *(f"{vendor}:missing_rows:dates=2024-06-14T05:symbol=ETHUSDT" for vendor in ("binance_usdm", "binance_archive"))
    )
    desk.materialize(*TABLES, keys=KEYS[2:])
    desk.sandbox.heal()
    return desk


@pytest.fixture(scope="module")
def built(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Such a home, without what Dagster knows of it."""
    home = tmp_path_factory.mktemp("ops")
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch) as desk:
        fill(desk)
        return Built(home, {})


@pytest.fixture
def filled(built: Built, desk: Desk) -> Desk:
    """A copy of it, to be changed."""
    built.copy_to(desk)
    return desk


def latest(desk: Desk, table: str, day: str) -> dict[str, str]:
    """Name -> severity of the failed checks of a table, as Dagster states the last run over that day's partitions."""
    runs = [run for run in desk.instance.get_runs() if any(day in value for value in run.tags.values())]
    for run in runs:  # newest first
        found = {}
        for record in desk.instance.get_records_for_run(run.run_id).records:
            event = record.event_log_entry.dagster_event
            if event is None or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                continue
            one = event.asset_check_evaluation_data
            if one.asset_key.to_user_string() == table and not one.passed:
                found[one.check_name] = one.severity.value
        if any(dg.AssetKey(table) == key for key in run.asset_selection or ()):
            return found
    return {}


def test_the_condition_equals_the_checks(desk: Desk):
    """For every table and day: the failing checks and their number are those of Dagster's own record."""
    filled = fill(desk)
    filled.materialize("ops_condition", keys=[*DAYS, "2024-06-15"])
    rows = filled.read("ops_condition").filter(pl.col("dataset").is_in(TABLES))
    assert rows.height == 6
    n_failing = 0
    for row in rows.iter_rows(named=True):
        expected = latest(filled, row["dataset"], str(row["day"]))
        assert sorted(row["failing"]) == sorted(expected), row
        severities = list(expected.values())
        assert (row["n_errors"], row["n_warnings"]) == (severities.count("ERROR"), severities.count("WARN"))
        assert (row["condition"] == "ok") == (expected == {}), row
        n_failing += len(expected)
    assert n_failing > 0


def test_a_lost_partition_makes_the_day_missing_and_the_check_says_so(filled: Desk):
    """What is due and gone is missing, with its name; `nothing_missing` warns."""
    filled.store.drop(contract("crypto_klines"), KEYS[0])
    results = filled.materialize("ops_condition", keys=[DAYS[0]])
    (row,) = filled.read("ops_condition", DAYS[0]).filter(dataset="crypto_klines").iter_rows(named=True)
    assert row["condition"] == "missing"
    assert KEYS[0] in row["reason"]
    assert failed_checks(results, "ops_condition") == {"nothing_missing": "WARN"}


def test_holes_are_listed_with_what_repairing_them_costs(filled: Desk):
    """Sixty minutes of one coin, ours; a request or two would fetch them."""
    results = filled.materialize("ops_gaps")
    (row,) = filled.read("ops_gaps").filter(table="crypto_klines").iter_rows(named=True)
    assert (row["partition"], row["n_missing"], row["kind"], row["status"]) == (KEYS[3], 60, "ours", "open")
    assert row["n_requests"] >= 1
    assert failed_checks(results, "ops_gaps") == {}


def test_a_backup_is_taken_restored_and_proven(filled: Desk):
    """Every table of the home comes back; a damaged file makes the drill fail, and says where."""
    filled.materialize("ops_backup")
    (kept,) = filled.read("ops_backup").iter_rows(named=True)
    assert kept["n_rows"] == sum(filled.read(table).height for table in TABLES)
    assert failed_checks(filled.materialize("ops_restore_drill"), "ops_restore_drill") == {}
    restored = dict(filled.read("ops_restore_drill").select("table", "n_rows_restored").iter_rows())
    assert {table: restored[table] for table in TABLES} == {table: filled.read(table).height for table in TABLES}
    damaged = next((filled.home / "backups" / kept["name"] / "lake" / "crypto_klines").glob("2024*.parquet"))
    content = bytearray(damaged.read_bytes())
    damaged.unlink()  # a link: the lake's own file stays as it is
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert failed_checks(filled.materialize("ops_restore_drill"), "ops_restore_drill") == {"backup_restorable": "ERROR"}


def test_retention_says_what_it_removed_and_what_it_could_not(filled: Desk):
    """Raw responses are younger than 90 days and stay; an instance in memory has neither ticks nor compute logs."""
    results = filled.materialize("ops_retention")
    rows = {row["what"]: row for row in filled.read("ops_retention").iter_rows(named=True)}
    assert rows["raw"]["n_examined"] > 0
    assert (rows["raw"]["n_removed"], rows["raw"]["is_dry_run"]) == (0, False)
    assert {name for name, row in rows.items() if row["detail"]} == {"logs", "ticks"}
    assert failed_checks(results, "ops_retention") == {"all_thinned": "WARN"}


def test_a_repair_given_up_is_told_for_a_week(filled: Desk):
    """The check warns of a hole that was tried in vain two days ago, and no more of one of last month."""
    from market_assets.ops.checks import repairs_succeed
    from tests.dashboards.ops_home import HOME, NOW, tables

    table = contract("ops_gaps")
    HOME.write(filled.store, table.name, tables()["ops_gaps"])
    rows = filled.store.read(table)
    for days, passed in ((2, False), (30, True)):
        told = rows.with_columns(last_tried_at=pl.lit(NOW, table.schema["last_tried_at"]) - pl.duration(days=days))
        assert repairs_succeed(told, NOW).passed is passed
    assert set(verdicts(filled.materialize("ops_gaps"), "ops_gaps")) == {"contract", "repairs_succeed"}
