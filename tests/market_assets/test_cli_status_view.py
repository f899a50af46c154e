"""How the status looks: states made by hand, printed by a recording console without colours."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console, Group, RenderableType

from dashboards.data import TableFacts
from dashboards.orchestrator import Run
from dashboards.sources import SourceFacts
from dashboards.stopped import Standstill
from market_assets.cli import status_view
from market_assets.cli.status_bars import BarLine, PolledLine
from market_assets.cli.status_crypto import AccountLine, SymbolLine
from market_assets.cli.status_state import ExchangeLine, Service, State
from market_assets.core import clock
from resources.vendor_budgets import WindowLeft

NOW = datetime(2026, 10, 5, 12, 3, tzinfo=UTC)
STORED = TableFacts(
    name="funding_rates",
    domain="funding",
    title="Settled funding",
    partitions=1234,
    rows=1_600_000,
    bytes=3 * 2**20,
    timed=True,
    newest=NOW,
    published_at=NOW,
)
NOTHING = TableFacts("btc_price", "btc", "Price", 0, 0, 0, timed=True, newest=None, published_at=None)
BYBIT = SourceFacts(
    name="bybit",
    state="closed",
    blocked_until=None,
    total_calls=1234,
    success_rate=0.995,
    latency_p95_ms=231.4,
    last_success_at=NOW,
    budget=(
        WindowLeft("second (history)", 3, 5, NOW, "history"),
        WindowLeft("second (market)", 5, 5, NOW, "market"),
    ),
    failures={},
)
UNASKED = SourceFacts("okx", "closed", None, 0, None, None, None, (), {})


def printed(shown: RenderableType | list, width: int = 80) -> list[str]:
    """The lines of a plain console."""
    console = Console(record=True, width=width, color_system=None, file=io.StringIO())
    console.print(Group(*shown) if isinstance(shown, list) else shown)
    return [line.rstrip() for line in console.export_text().splitlines()]


def coloured(shown: RenderableType | list) -> str:
    """The same with the escape codes of 16 colours."""
    console = Console(width=80, color_system="standard", force_terminal=True, file=io.StringIO())
    with console.capture() as said:
        console.print(Group(*shown) if isinstance(shown, list) else shown)
    return said.get()


def run(number: int, **facts: object) -> Run:
    """A run of an hour before NOW and `number` seconds."""
    told: dict[str, object] = {"subject": "funding_rates", "status": "SUCCESS", "duration_s": 16.64}
    told["created_at"] = NOW - timedelta(hours=1, seconds=number)
    return Run(run_id=f"{number:08d}-rest", **{**told, **facts})  # type: ignore[arg-type]


def state(**parts: object) -> State:
    """A state with nothing in it but `parts`."""
    empty: dict = {"services": (), "runs": (), "exchanges": (), "symbols": (), "sources": (), "tables": ()}
    empty |= {"stopped": None, "account": None, "bars": (), "polled": ()}
    return State(**{"at": NOW, "store": "duckdb at data/lake", **empty, **parts})  # type: ignore[arg-type]


def words(line: str) -> list[str]:
    """The cells of a line: what stands at least two blanks apart."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_services_are_told_by_state_and_measure():
    """Up, down and unknown each with why; colours tell them apart as well."""
    found = (Service("app", "up", "listens"), Service("sandbox", "down", "silent"), Service("dagster", "unknown", "-"))
    shown = status_view.services(found)
    assert [words(line) for line in printed(shown)[2:]] == [
        ["app", "up", "listens"],
        ["sandbox", "down", "silent"],
        ["dagster", "unknown", "-"],
    ]
    colours = coloured(shown)
    assert all(word in colours for word in ("\x1b[32mup", "\x1b[31mdown", "\x1b[33munknown"))


def test_runs_are_told_newest_first_and_eight_at_most():
    """Id, what, how it ended, age, time taken; one that still runs has taken none yet."""
    found = (run(1, status="STARTED", duration_s=None), *(run(number) for number in range(2, 12)))
    with clock.frozen(NOW):
        lines = printed(status_view.runs(state(runs=found)))[2:]
    assert [words(line) for line in lines[:2]] == [
        ["00000001", "funding_rates", "started", "60 min"],
        ["00000002", "funding_rates", "success", "60 min", "16.6 s"],
    ]
    assert [words(line)[0] for line in lines] == [f"{number:08d}" for number in range(1, 9)]


def test_a_run_of_many_assets_is_cut_not_wrapped():
    """A selection longer than the line leaves status, age and time where they are."""
    many = ", ".join(f"funding_table_{number}" for number in range(30))
    with clock.frozen(NOW):
        (line,) = printed(status_view.runs(state(runs=(run(1, subject=many),))))[2:]
    assert len(line) <= 80
    assert "funding_table_0, " in line
    assert "…" in line
    assert words(line)[-3:] == ["success", "60 min", "16.6 s"]


def test_runs_age_with_the_real_clock(monkeypatch: pytest.MonkeyPatch):
    """Dagster knows no stopped one."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-06-15T12:00:00Z")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1, seconds=1)
    (line,) = printed(status_view.runs(state(runs=(run(1, created_at=an_hour_ago),))))[2:]
    assert "60 min" in words(line)


@pytest.mark.parametrize(("runs", "said"), [(None, "last runs: unknown"), ((), "last runs: none yet")])
def test_no_runs_and_nobody_to_ask_are_two_things(runs: tuple[()] | None, said: str):
    """An instance without runs says none; without an instance it is unknown."""
    assert said in printed(status_view.runs(state(runs=runs)))[0]


def test_bars_are_as_long_as_what_they_tell():
    """Of ten cells 100 % fills ten, 50 % five, 0 % none; ages in words; what was never judged is unknown."""
    found = (
        ExchangeLine("bybit", 180.0, 49, 100.0, 50.0),
        ExchangeLine("okx", 2580.0, 1, 80.0, 0.0),
        ExchangeLine("dydx", None, None, None, None),
    )
    bybit, okx, dydx = (words(line) for line in printed(status_view.exchanges(found, 80))[2:])
    assert bybit == ["bybit", "3 min", "49", "━" * 10, "100.0 %", "━" * 5, "50.0 %"]
    assert okx == ["okx", "43 min", "1", "━" * 8, "80.0 %", "0.0 %"]
    assert dydx == ["dydx", "none", "unknown", "unknown"]
    wide = printed(status_view.exchanges(found, 120), 120)
    assert "━" * 20 in wide[2]


@pytest.mark.parametrize(
    ("age_s", "said", "pct", "colours"),
    [
        (300.0, "5 min", 95.0, "\x1b[32m"),
        (601.0, "10 min", 94.9, "\x1b[33m"),
        (1801.0, "30 min", 79.9, "\x1b[31m"),
    ],
)
def test_ages_and_bars_warn_by_colour(age_s: float, said: str, pct: float, colours: str):
    """From 10 and 30 minutes on, as the alerts do; below 95 and 80 %, as the classes of completeness do."""
    shown = coloured(status_view.exchanges((ExchangeLine("okx", age_s, 1, pct, None),), 80))
    assert re.search(f"{re.escape(colours)} *{said}", shown)
    assert f"{colours}━" in shown
    assert status_view.exchanges((), 80) == []


def test_sources_that_were_asked_are_told_with_both_budgets():
    """Breaker, calls, success, latency, each budget in a line; a source nobody asked is left out."""
    lines = printed(status_view.sources((BYBIT, UNASKED)))
    assert words(lines[2]) == ["bybit", "closed", "1,234", "99.5 %", "231 ms", "3/5 second (history)"]
    assert words(lines[3]) == ["5/5 second (market)"]
    assert len(lines) == 4
    assert status_view.sources((UNASKED,)) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"state": "half_open"}, "half open"),
        ({"state": "open"}, "open"),
        ({"blocked_until": NOW}, "blocked until 12:03:00Z"),
    ],
)
def test_a_source_that_is_not_asked_now_is_told_even_without_calls(facts: dict, said: str):
    """An open breaker, a block by the vendor; without a limit the budget says so."""
    one = SourceFacts(**{**vars(UNASKED), **facts})
    assert words(printed(status_view.sources((one,)))[2]) == ["okx", said, "0", "no data", "no data", "no limit"]


def test_symbols_are_told_by_their_newest_candle():
    """Green up to 7.5 minutes, red beyond 15, which is three cadences; one without a candle has no age."""
    lines = (
        SymbolLine("BTCUSDT", NOW, 450.0),
        SymbolLine("ETHUSDT", NOW, 900.0),
        SymbolLine("ADAUSDT", NOW, 901.0),
        SymbolLine("POLUSDT", None, None),
    )
    shown = status_view.crypto(lines, None)
    assert [words(line) for line in printed(shown)[2:]] == [
        ["BTCUSDT", "2026-10-05 12:03Z", "8 min"],
        ["ETHUSDT", "2026-10-05 12:03Z", "15 min"],
        ["ADAUSDT", "2026-10-05 12:03Z", "15 min"],
        ["POLUSDT", "none"],
    ]
    colours = coloured(shown)
    assert [colours.count(code) for code in ("\x1b[32m", "\x1b[33m", "\x1b[31m")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            AccountLine(NOW.date(), 10_022.0, 0.0125, ("BTCUSDT long", "ETHUSDT short")),
            "paper account 2026-10-05: equity 10,022.00 USD, drawdown 1.2 %, 2 open (BTCUSDT long, ETHUSDT short)",
        ),
        (
            AccountLine(NOW.date(), None, None, ()),
            "paper account 2026-10-05: equity unknown, drawdown no data, 0 open",
        ),
    ],
)
def test_the_account_is_one_line(account: AccountLine, said: str):
    """Equity, drawdown and what it holds at the end of its newest day."""
    assert printed(status_view.crypto((), account), 120) == [said]
    assert status_view.crypto((), None) == []


def test_bars_are_told_by_market_minute_and_quote():
    """Ages of market time: green up to 15 minutes, red beyond 60; what is unknown is left out."""
    lines = (
        BarLine("BTCUSD", True, NOW, 900.0, 1.0),
        BarLine("EURUSD", True, NOW, 901.0, 75.0),
        BarLine("NAS100", False, NOW, 3_601.0, None),
        BarLine("XAUUSD", True, None, None, None),
    )
    shown = status_view.bars(lines)
    assert [words(line) for line in printed(shown)[2:]] == [
        ["BTCUSD", "open", "2026-10-05 12:03Z", "15 min", "1 s"],
        ["EURUSD", "open", "2026-10-05 12:03Z", "15 min", "1 min"],
        ["NAS100", "closed", "2026-10-05 12:03Z", "60 min"],
        ["XAUUSD", "open", "none"],
    ]
    colours = coloured(shown)
    assert [colours.count(code) for code in ("\x1b[32m", "\x1b[33m", "\x1b[31m")] == [1, 1, 1]
    assert status_view.bars(()) == []


def test_live_sources_are_told_by_pace_and_reason():
    """How far apart two quotes of a symbol are, and why no nearer; one that is not asked has no pace."""
    lines = (
        PolledLine("yahoo", "polling", 11, 1.0, None),
        PolledLine("twelvedata", "slower", 7, 324.04, "a round counts as 7"),
        PolledLine("polygon", "not_entitled", 0, None, "no key"),
    )
    shown = status_view.polled(lines)
    assert [words(line) for line in printed(shown)[2:]] == [
        ["yahoo", "polling", "11", "1 s"],
        ["twelvedata", "slower", "7", "324 s", "a round counts as 7"],
        ["polygon", "not entitled", "0", "no key"],
    ]
    assert [coloured(shown).count(code) for code in ("\x1b[32m", "\x1b[33m")] == [1, 2]
    assert status_view.polled(()) == []


def test_a_home_that_stands_still_says_so_first():
    """Before the store, in red."""
    stopped = Standstill("Stopped by ops@desk, because: [bad] prices.")
    lines = printed(status_view.whole(state(stopped=stopped), 80))
    assert lines[:2] == ["THIS HOME IS STOPPED", "Stopped by ops@desk, because: [bad] prices."]
    assert "\x1b[1;31mTHIS HOME IS STOPPED" in coloured(status_view.stopped(stopped))
    assert status_view.stopped(None) == []


def test_a_table_fits_80_columns_and_tells_what_is_not_stored():
    """Numbers with thousands, the newest data, the last publication; nothing is no zero size."""
    long = TableFacts(**{**vars(STORED), "name": "equities_corporate_actions"})
    lines = printed(status_view.tables((long, NOTHING)))
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].split() == [
        *("equities_corporate_actions", "1,234", "1,600,000", "3.00", "2026-10-05", "2026-10-05", "12:03Z")
    ]
    assert words(lines[3]) == ["btc_price", "0", "not materialised"]


def test_one_below_the_other_on_a_narrow_terminal_side_by_side_on_a_wide_one():
    """80 columns hold no line longer; from 160 on tables stand beside services."""
    full = state(
        services=(Service("app", "up", "listens"),),
        exchanges=(ExchangeLine("bybit", 60.0, 49, 100.0, 100.0),),
        sources=(BYBIT,),
        tables=(STORED,),
    )
    narrow, wide = printed(status_view.whole(full, 80)), printed(status_view.whole(full, 160), 160)
    assert max(map(len, narrow)) <= 80
    assert narrow[:3] == ["store: duckdb at data/lake", "at: 2026-10-05 12:03:00Z", ""]
    order = [line for line in narrow if line in {"services", "exchanges", "sources", "tables"}]
    assert order == ["services", "exchanges", "sources", "tables"]
    assert any(line.startswith("services") and line.endswith("tables") for line in wide)


def test_what_does_not_fit_is_counted():
    """Of ten lines on a terminal of four, three are shown, and the fourth says that seven are not."""
    console = Console(width=80, height=4, color_system=None, file=io.StringIO())
    ten = Group(*(f"line {number}" for number in range(10)))
    with console.capture() as said:
        console.print(status_view.Fitted(ten), end="")
    assert said.get().splitlines() == [
        *("line 0", "line 1", "line 2"),
        "7 more lines: `market-assets status` prints them all",
    ]
    with console.capture() as said:
        console.print(status_view.Fitted(Group("one", "two")), end="")
    assert said.get().splitlines() == ["one", "two"]


def test_brackets_of_a_message_are_no_markup():
    """A place that an error names in brackets is shown as it is."""
    (line,) = printed(status_view.services((Service("dagster", "unknown", "needs [bold] in [/x]"),)))[2:]
    assert words(line) == ["dagster", "unknown", "needs [bold] in [/x]"]
