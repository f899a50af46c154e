"""How `market-assets status` looks: a state in, something for a rich console out. Reads nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dashboards.data import TableFacts
from dashboards.orchestrator import Run
from dashboards.pages import wording
from dashboards.sources import SourceFacts
from dashboards.stopped import Standstill
from market_assets.cli.status_bars import BarLine, PolledLine
from market_assets.cli.status_crypto import AccountLine, SymbolLine
from market_assets.cli.status_state import ExchangeLine, Service, State
from market_assets.core import clock

#: columns from which on two stand side by side
_WIDE = 160
_RUNS = 8
_STALE_S, _DEAD_S = 600.0, 1800.0
#: 1.5 and 3 times the five minutes between two runs of the running day
_LATE_S, _GONE_S = 450.0, 900.0
#: the same of minute bars, in time of their market: 15 and 60 minutes
_BEHIND_S, _LOST_S = 900.0, 3600.0
_ASKED = ("polling", "closed")
_COMPLETE, _HIGH = 95.0, 80.0
_TONES = {
    **{"up": "green", "down": "red", "unknown": "yellow", "silent": "yellow"},
    **{"SUCCESS": "green", "FAILURE": "red", "CANCELED": "yellow", "STARTED": "cyan", "STARTING": "cyan"},
    **{"closed": "green", "half open": "yellow", "open": "red"},
}


def whole(state: State, width: int) -> RenderableType:
    """Everything there is, for a console of so many columns."""
    told = Text(f"store: {state.store}\nat: {state.at:%Y-%m-%d %H:%M:%S}Z\n")
    head = Group(*stopped(state.stopped), told)
    domains = [*exchanges(state.exchanges, width), *crypto(state.symbols, state.account)]
    domains += [*bars(state.bars), *polled(state.polled)]
    now = [services(state.services), runs(state), *domains, *sources(state.sources)]
    if width < _WIDE:
        return Group(head, *_spaced([*now, tables(state.tables)]))
    both = Table.grid(padding=(0, 4))
    both.add_row(Group(*_spaced(now)), tables(state.tables))
    return Group(head, both)


def stopped(found: Standstill | None) -> list[RenderableType]:
    """That this home stands still, before anything else; nothing where it does not."""
    return [] if found is None else [Text(f"THIS HOME IS STOPPED\n{found.said}\n", style="bold red")]


def services(found: Sequence[Service]) -> Table:
    """What runs, and where that shows."""
    table = _table("services", "service", "state", "measured")
    for one in found:
        _add(table, one.name, _toned(one.state), one.said)
    return table


def runs(state: State) -> RenderableType:
    """The newest runs; in words where nobody can tell."""
    if state.runs is None:
        return Text("last runs: unknown, there is no Dagster instance to ask", style="yellow")
    if not state.runs:
        return Text("last runs: none yet")
    table = _table("last runs", "run", "of", "status", "age", "took")
    _right(table, 3, 4)
    # one of many assets is cut, so that the others keep their place
    subject, table.expand = table.columns[1], True
    subject.ratio, subject.no_wrap = 1, True
    for run in state.runs[:_RUNS]:
        _add(table, *_run(run))
    return table


def exchanges(found: Sequence[ExchangeLine], width: int) -> list[Table]:
    """Snapshot ages and completeness of each exchange; nothing before the first."""
    if not found:
        return []
    table = _table("exchanges", "exchange", "snapshot", "contracts", "completeness", "", "complete", "")
    _right(table, 1, 2, 4, 6)
    bar = 10 if width < 120 else 20
    for one in found:
        _add(
            table,
            one.name,
            _aged(one.age_s),
            "" if one.n_active is None else f"{one.n_active:,}",
            *_bar(one.completeness_pct, bar),
            *_bar(one.complete_pct, bar),
        )
    return [table]


def crypto(symbols: Sequence[SymbolLine], account: AccountLine | None) -> list[RenderableType]:
    """The newest candle of each symbol, and the simulated account; nothing of what is not stored."""
    shown: list[RenderableType] = []
    if symbols:
        table = _table("crypto", "symbol", "newest candle closed", "age")
        _right(table, 2)
        for one in symbols:
            closed = f"{one.closed_at:%Y-%m-%d %H:%M}Z" if one.closed_at is not None else ""
            _add(table, one.symbol, closed, _aged(one.age_s, _LATE_S, _GONE_S))
        shown.append(table)
    if account is not None:
        equity = "unknown" if account.equity is None else f"{account.equity:,.2f} USD"
        held = f"{len(account.held)} open" + (f" ({', '.join(account.held)})" if account.held else "")
        drawdown = wording.percent(account.drawdown_ratio)
        shown.append(Text(f"paper account {account.day}: equity {equity}, drawdown {drawdown}, {held}"))
    return shown


def bars(found: Sequence[BarLine]) -> list[Table]:
    """The newest minute and quote of each symbol; nothing of what is neither stored nor collected."""
    if not found:
        return []
    table = _table("bars", "symbol", "market", "newest minute closed", "age", "quote")
    _right(table, 3, 4)
    for one in found:
        closed = f"{one.closed_at:%Y-%m-%d %H:%M}Z" if one.closed_at is not None else ""
        quote = "" if one.quote_age_s is None else wording.age(one.quote_age_s)
        is_open = "open" if one.is_open else "closed"
        _add(table, one.symbol, is_open, closed, _aged(one.age_s, _BEHIND_S, _LOST_S), quote)
    return [table]


def polled(found: Sequence[PolledLine]) -> list[Table]:
    """How often the collector of bars asks each source, and why not more often; nothing while none runs."""
    if not found:
        return []
    table = _table("live sources", "source", "state", "symbols", "every", "why")
    _right(table, 2, 3)
    for one in found:
        every = "" if one.interval_s is None else f"{one.interval_s:,.3g} s"
        state = Text(one.state.replace("_", " "), style="green" if one.state in _ASKED else "yellow")
        _add(table, one.source, state, f"{one.n_symbols:,}", every, one.why or "")
    return [table]


def sources(found: Iterable[SourceFacts]) -> list[Table]:
    """Breaker, calls and budgets of every source that was ever asked."""
    asked = [one for one in found if one.total_calls or not one.healthy]
    if not asked:
        return []
    table = _table("sources", "source", "breaker", "calls", "success", "p95", "budget left")
    _right(table, 2, 3, 4)
    for one in asked:
        state = one.state.replace("_", " ")
        blocked = f"blocked until {one.blocked_until:%H:%M:%S}Z" if one.blocked_until is not None else None
        left = "\n".join(f"{window.left:,}/{window.limit:,} {window.window}" for window in one.budget)
        _add(
            table,
            one.name,
            Text(blocked, style="red") if blocked else _toned(state),
            f"{one.total_calls:,}",
            wording.percent(one.success_rate),
            wording.milliseconds(one.latency_p95_ms),
            left or "no limit",
        )
    return [table]


def tables(found: Iterable[TableFacts]) -> Table:
    """What is stored of each table."""
    table = _table("tables", "table", "parts", "rows", "MiB", "newest", "published", gap=1)
    _right(table, 1, 2, 3)
    for one in found:
        if not one.partitions:
            _add(table, one.name, "0", "", "", "", "not materialised")
            continue
        _add(
            table,
            one.name,
            f"{one.partitions:,}",
            f"{one.rows:,}",
            f"{one.bytes / 2**20:,.2f}",
            f"{one.newest:%Y-%m-%d}" if one.newest else "",
            f"{one.published_at:%Y-%m-%d %H:%M}Z" if one.published_at else "",
        )
    return table


@dataclass(frozen=True)
class Fitted:
    """What fits on a terminal, with a line that says how much did not."""

    shown: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The first lines."""
        lines = console.render_lines(self.shown, options.update(height=None), pad=False)
        height = options.height or console.height
        if len(lines) > height:
            more = Text(f"{len(lines) - height + 1} more lines: `market-assets status` prints them all", style="dim")
            lines = [*lines[: height - 1], *console.render_lines(more, options.update(height=1), pad=False)[:1]]
        for number, line in enumerate(lines):
            yield from line
            if number < len(lines) - 1:
                yield Segment.line()


def _table(title: str, *columns: str, gap: int = 2) -> Table:
    table = Table(
        *columns,
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, gap, 0, 0),
    )
    table.columns[0].no_wrap = True
    return table


def _add(table: Table, *cells: RenderableType) -> None:
    """A row; text is shown as it is, because messages have brackets, which rich would read as markup."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _right(table: Table, *numbers: int) -> None:
    for number in numbers:
        table.columns[number].justify = "right"


def _run(run: Run) -> tuple[RenderableType, ...]:
    # Dagster's processes know no stopped clock
    age_s = (clock.wall() - run.created_at).total_seconds()
    took = f"{run.duration_s:,.1f} s" if run.duration_s is not None else ""
    return run.run_id[:8], run.subject, _toned(run.status), wording.age(age_s), took


def _aged(age_s: float | None, stale_s: float = _STALE_S, dead_s: float = _DEAD_S) -> Text:
    if age_s is None:
        return Text("none", style="dim")
    return Text(wording.age(age_s), style="red" if age_s > dead_s else "yellow" if age_s > stale_s else "green")


def _bar(pct: float | None, width: int) -> tuple[RenderableType, RenderableType]:
    """A bar and its number; nothing where it is unknown."""
    if pct is None:
        return Text("unknown", style="dim"), ""
    tone = "green" if pct >= _COMPLETE else "yellow" if pct >= _HIGH else "red"
    return ProgressBar(100.0, pct, width, complete_style=tone, finished_style=tone), f"{pct:.1f} %"


def _toned(word: str) -> Text:
    return Text(word.lower(), style=_TONES.get(word, ""))


def _spaced(parts: Sequence[RenderableType]) -> list[RenderableType]:
    """The parts with a line between them."""
    return [piece for part in parts for piece in (part, "")][:-1]
