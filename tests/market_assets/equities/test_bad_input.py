"""Bad input, and what it gets: the answers that a vendor should not give, through the graph to the store."""

import logging
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import zstandard
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core.checks import no_synthetic_source
from market_assets.instance import materialize_range, prepare
from tests.desk import Desk, failed_checks, reason, told, verdicts
from tests.market_assets.equities.conftest import Chain

BARS = dg.AssetKey("equities_daily_bars")
SATURDAY_ROW = "2023-07-01"
#: six Saturdays and a Sunday of 2023: more than 1 % of a year
WEEKENDS = "2023-02-04,2023-03-04,2023-04-01,2023-05-06,2023-06-03,2023-07-01,2023-07-02"
KEY = "delayed-k3y-0f-the-desk-5f2c9b"


def fetch(desk: Desk, *keys: str) -> dg.ExecuteInProcessResult:
    """One run of raw bars that may fail."""
    (result,) = desk.materialize("equities_daily_bars", keys=keys, succeed=False)
    return result


def go_live(desk: Desk, key: str | None) -> None:
    """Ask as in production: live mode, each vendor at its own address, which here is the sandbox's."""
    desk.set(
        MARKET_ASSETS_VENDORS="live",
        MARKET_ASSETS_POLYGON__BASE_URL=f"{desk.sandbox.url}/polygon",
        MARKET_ASSETS_POLYGON__BUDGET__PER_MINUTE="0",
        MARKET_ASSETS_YAHOO__BASE_URL=f"{desk.sandbox.url}/yahoo",
        POLYGON_API_KEY=key,
    )


def assert_kept(desk: Desk, before: dict[str, bytes], rows: int = 250) -> None:
    """The stored partition is byte for byte what it was, and readable."""
    assert before
    assert desk.bytes_of("equities_daily_bars") == before
    assert desk.read("equities_daily_bars").height == rows


def test_a_refused_key_ends_the_run_with_one_request(desk: Desk) -> None:
    """401: one message naming the variable, no retry, no other symbol asked, no other vendor papered over it."""
    desk.set(POLYGON_API_KEY="bad-key")
    desk.list_symbols("AAPL", "SPLT")
    failed = fetch(desk, "AAPL|2023", "SPLT|2023")
    assert not failed.success
    assert "the key in POLYGON_API_KEY is refused (HTTP 401: Unknown API Key)" in reason(failed)
    assert "1 of 2 request series failed, 0 stored, 1 not asked" in reason(failed)
    assert reason(failed).count("is refused") == 1
    assert list(desk.sandbox.asked("polygon").values()) == [1]
    assert desk.sandbox.asked("yahoo") == {}
    assert desk.stored("equities_daily_bars") == []


def test_a_missing_key_names_the_variable_before_anything_is_sent(desk: Desk) -> None:
    """Without POLYGON_API_KEY and with no other source the run says which variable to set."""
    desk.list_symbols("AAPL", sources=["polygon"])
    go_live(desk, None)
    failed = fetch(desk, "AAPL|2023")
    assert "needs a key and POLYGON_API_KEY is not set; nothing was sent" in reason(failed)
    assert desk.sandbox.asked("polygon") == {}
    assert desk.stored("equities_daily_bars") == []


def test_a_missing_key_is_told_where_the_next_source_serves(desk: Desk) -> None:
    """With Yahoo behind it the year is whole from Yahoo, and the event says why."""
    desk.list_symbols("AAPL")
    go_live(desk, None)
    facts = told([fetch(desk, "AAPL|2023")], "equities_daily_bars")["AAPL|2023"]
    assert facts["sources"] == {"yahoo": 250}
    assert "POLYGON_API_KEY is not set" in facts["fallback_trace"]
    assert desk.sandbox.asked("polygon") == {}


@pytest.mark.parametrize("faults", [(), ("polygon:401",), ("polygon:500", "yahoo:not_json")])
def test_no_key_is_left_anywhere(
    desk: Desk, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, faults: tuple[str, ...]
) -> None:
    """After success and any failure the key is in no file of the home, Dagster's included, and in no output."""
    caplog.set_level(logging.DEBUG)
    desk.list_symbols("AAPL")
    go_live(desk, KEY)
    desk.sandbox.fault(*faults)
    prepare(desk.settings)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("equity_symbols", ["AAPL"])
        (result,) = materialize_range(desk.defs, instance, ["equities_daily_bars"], ["AAPL|2023"], raise_on_error=False)
        events = "".join(f"{entry}" for entry in instance.all_logs(result.run_id))
    assert desk.sandbox.asked("polygon"), "the key was used"
    shown = capfd.readouterr()
    for text in (events, shown.out, shown.err, caplog.text):
        assert KEY not in text
    files = [path for path in desk.home.rglob("*") if path.is_file()]
    assert any("dagster" in path.parts for path in files)
    assert any(holds(path, '"status"') for path in files if path.suffix == ".zst"), "raw bodies are searched too"
    assert [path for path in files if holds(path, KEY)] == []


def holds(path: Path, text: str) -> bool:
    """Whether a file has the text, compressed files in their content."""
    content = path.read_bytes()
    return text.encode() in (zstandard.decompress(content) if path.suffix == ".zst" else content)


@pytest.mark.parametrize(
    ("fault", "offence"),
    [
        ("not_json", "not JSON"),
        ("truncated", "not JSON"),
        ("wrong_symbol", "ticker must be 'AAPL', as asked, was 'WRNG'"),
    ],
)
def test_a_malformed_answer_leaves_the_old_partition(desk: Desk, fault: str, offence: str) -> None:
    """The failure names vendor, endpoint, symbol and dates, and the first offence; nothing stored changes."""
    desk.list_symbols("AAPL", sources=["polygon"])
    fetch(desk, "AAPL|2023")
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.fault(f"polygon:{fault}")
    failed = fetch(desk, "AAPL|2023")
    assert not failed.success
    assert "polygon /v2/aggs/ticker/AAPL/range/1/day/2023-01-01/2023-12-31" in reason(failed)
    assert "[AAPL 2023-01-01..2023-12-31]" in reason(failed)
    assert offence in reason(failed)
    assert_kept(desk, before)


def test_history_beyond_the_plan_is_not_materialised(desk: Desk) -> None:
    """A key with two years of history: 2020 is refused by name and stays missing, this year is stored."""
    desk.set(POLYGON_API_KEY="plan2y-key")
    desk.list_symbols("AAPL", sources=["polygon"])
    failed = fetch(desk, "AAPL|2020")
    assert not failed.success
    assert "the plan does not include this history (HTTP 403: Your plan doesn't include this data" in reason(failed)
    assert "ask for less history or upgrade the plan" in reason(failed)
    assert fetch(desk, "AAPL|2024").success
    assert desk.stored("equities_daily_bars") == ["AAPL|2024"]
    assert desk.instance.get_materialized_partitions(BARS) == {"AAPL|2024"}


def test_silently_clipped_history_is_noticed(desk: Desk) -> None:
    """Asked from 2021, the two-year plan answers from June 2022 without a word: nothing is stored, and it is said."""
    desk.set(POLYGON_API_KEY="plan2y-key")
    desk.list_symbols("AAPL", sources=["polygon"])
    failed = fetch(desk, "AAPL|2021", "AAPL|2022", "AAPL|2023")
    assert not failed.success
    assert "the first bar is of 2022-06-16" in reason(failed)
    assert "sessions after the first expected from 2021-01-01" in reason(failed)
    assert desk.stored("equities_daily_bars") == []


def test_a_late_listing_is_not_clipping(desk: Desk) -> None:
    """IPOX was listed on 2021-06-15, which the universe does not know: reference data explain the late start."""
    desk.list_symbols("IPOX")
    facts = told([fetch(desk, "IPOX|2021")], "equities_daily_bars")["IPOX|2021"]
    assert (facts["min_ts"], facts["missing_slots"]) == ("2021-06-15", 0)


def test_nulls_in_the_arrays_of_the_fallback_cost_their_rows_only(desk: Desk) -> None:
    """Polygon down, Yahoo with a day of nulls: the year is Yahoo's, unadjusted again, without that day."""
    desk.list_symbols("SPLT")
    desk.sandbox.fault("polygon:500", "yahoo:nulls:dates=2022-03-01")
    facts = told([fetch(desk, "SPLT|2022")], "equities_daily_bars")["SPLT|2022"]
    desk.sandbox.heal()
    assert (facts["sources"], facts["missing_slots"]) == ({"yahoo-sandbox": 250}, 1)
    assert facts["fallback_trace"].startswith("polygon: HTTP 500")
    rows = desk.read("equities_daily_bars")
    assert date(2022, 3, 1) not in rows["session_date"].to_list()
    assert rows.select("price_basis", "fallback_level").unique().rows() == [("unadjusted_derived", 1)]
    traded = {row["c"] for row in desk.sandbox.aggregates("SPLT", "2022-06-03", "2022-06-03")}
    (friday,) = rows.filter(session_date=date(2022, 6, 3))["close"]
    assert friday == pytest.approx(traded.pop(), rel=0.005), "as traded, before the 2-for-1"


def test_nulls_of_the_second_source_are_missing_not_zero(desk: Desk) -> None:
    """Reconciliation calls the day missing_b; no price is invented and no other day is touched."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    desk.materialize("equities_corporate_actions", keys=["AAPL"])
    desk.sandbox.fault("yahoo:nulls:dates=2023-03-01")
    desk.materialize("equities_reconciliation", keys=["2023"])
    rows = desk.read("equities_reconciliation")
    assert rows.height == 250
    assert rows.filter(status="missing_b").select("session_date", "close_b", "rel_diff").rows() == [
        (date(2023, 3, 1), None, None)
    ]


def test_duplicates_and_disorder_are_resolved_and_counted(desk: Desk) -> None:
    """Every tenth row twice and the halves swapped: the same 250 sessions, 25 duplicates told."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.fault("polygon:duplicates", "polygon:out_of_order")
    result = fetch(desk, "AAPL|2023")
    facts = told([result], "equities_daily_bars")["AAPL|2023"]
    assert (facts["duplicates"], facts["unchanged"]) == (25, True)
    assert_kept(desk, before)


def test_a_row_on_a_saturday_is_put_aside(desk: Desk) -> None:
    """One of 251 rows is no session: 250 are stored, it is in quarantine with the reason, and a check warns."""
    desk.list_symbols("AAPL")
    desk.sandbox.fault(f"polygon:extra_rows:dates={SATURDAY_ROW}")
    result = fetch(desk, "AAPL|2023")
    assert result.success
    facts = told([result], "equities_daily_bars")["AAPL|2023"]
    assert (facts["dagster/row_count"], facts["quarantined_rows"]) == (250, 1)
    rejected = desk.read("quarantine_equities_daily_bars")
    assert rejected.select("symbol", "session_date", "reason", "run_id").rows() == [
        ("AAPL", date(2023, 7, 1), "not_a_session", result.run_id)
    ]
    assert failed_checks([result], "equities_daily_bars") == {"quarantine_empty": "WARN"}
    assert verdicts([result], "equities_daily_bars")["quarantine_empty"].metadata["n"].value == 1


def test_the_quarantine_is_emptied_by_a_clean_answer(desk: Desk) -> None:
    """Once the vendor has corrected itself nothing is left to warn about."""
    desk.list_symbols("AAPL")
    desk.sandbox.fault(f"polygon:extra_rows:dates={SATURDAY_ROW}")
    fetch(desk, "AAPL|2023")
    desk.sandbox.heal()
    assert failed_checks([fetch(desk, "AAPL|2023")], "equities_daily_bars") == {}
    assert desk.read("quarantine_equities_daily_bars").is_empty()


def test_too_many_bad_rows_fail_the_run(desk: Desk) -> None:
    """Seven of 257 rows are more than 1 %: the answer is not believed, and the stored year stays."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.fault(f"polygon:extra_rows:dates={WEEKENDS}")
    failed = fetch(desk, "AAPL|2023")
    assert not failed.success
    assert "at most 1.0% of a partition's rows may break row rules" in reason(failed)
    assert "equities_daily_bars AAPL|2023: 7 of 257 did (not_a_session)" in reason(failed)
    assert_kept(desk, before)


def test_when_every_source_fails_nothing_is_invented(desk: Desk) -> None:
    """500 three times at both vendors: three requests each, a failed asset, the old bytes, no generated row."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.heal()
    desk.sandbox.fault("polygon:500", "yahoo:500")
    failed = fetch(desk, "AAPL|2023", "AAPL|2024")
    assert not failed.success
    assert "polygon /v2/aggs/ticker/AAPL/range/1/day/2023-01-01/2024-06-14: HTTP 500" in reason(failed)
    assert "yahoo /v8/finance/chart/AAPL: HTTP 500" in reason(failed)
    assert list(desk.sandbox.asked("polygon").values()) == [3]
    assert list(desk.sandbox.asked("yahoo").values()) == [3]
    assert_kept(desk, before)
    assert desk.stored("equities_daily_bars") == ["AAPL|2023"]
    assert desk.read("equities_daily_bars")["source"].unique().to_list() == ["polygon-sandbox"]


def test_a_live_store_refuses_sandbox_rows(desk: Desk) -> None:
    """A home that holds live bars keeps them when somebody points it at the sandbox."""
    desk.list_symbols("AAPL")
    go_live(desk, KEY)
    assert fetch(desk, "AAPL|2023").success
    before = desk.bytes_of("equities_daily_bars")
    desk.set(MARKET_ASSETS_VENDORS="sandbox")
    failed = fetch(desk, "AAPL|2023", "AAPL|2024")
    assert not failed.success
    assert "this store holds live data and refuses sandbox rows (equities_daily_bars AAPL|2023)" in reason(failed)
    assert_kept(desk, before)
    assert desk.read("equities_daily_bars")["source"].unique().to_list() == ["polygon"]


def test_sandbox_rows_under_live_settings_are_an_error(desk: Desk) -> None:
    """The blocking check finds them wherever they came from; under sandbox settings live rows are as wrong."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    rows = desk.read("equities_daily_bars")
    assert no_synthetic_source(rows, sandboxed=desk.settings.vendors == "sandbox").passed
    go_live(desk, KEY)
    verdict = no_synthetic_source(rows, sandboxed=desk.settings.vendors == "sandbox")
    assert (verdict.passed, verdict.severity, verdict.evidence["wrong_origin"]) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        250,
    )


def test_a_partition_that_does_not_exist_is_named_with_the_near_ones(desk: Desk) -> None:
    """A misspelt key of `load_asset_value` is refused, not answered with an empty frame."""
    desk.list_symbols("AAPL")
    fetch(desk, "AAPL|2023")
    with pytest.raises(LookupError, match=r"no partition of equities_daily_bars named 'APPL\|2023'.*AAPL\|2023"):
        desk.read("equities_daily_bars", "APPL|2023")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/v1/historical/APPL", 404, "AAPL"),
        ("/api/v1/historical/AAPL?start=2023-13-01", 422, "2026-11-03"),
        ("/api/v1/gaps?status=opn", 422, "'open' or 'explained'"),
        ("/api/v1/reconciliation?status=bad", 422, "'ok', 'investigate', 'fail', 'missing_a' or 'missing_b'"),
        ("/api/v1/features/AAPL?as_of=yesterday", 422, "2026-11-03"),
    ],
)
def test_rest_names_what_there_is(chain: Chain, path: str, status: int, said: str) -> None:
    """A symbol, date, filter or version that does not exist is refused with what may stand there."""
    with TestClient(create_app(chain.desk.settings), raise_server_exceptions=False) as client:
        answer = client.get(path)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
