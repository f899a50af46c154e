"""`market-assets alerts`: what is wrong now, and who is to hear of it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from market_assets.cli.who import who
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest
from market_assets.settings import settings

if TYPE_CHECKING:
    from resources.alerting.book import IncidentBook

app = typer.Typer()


class Shown(StrEnum):
    """Which incidents are listed."""

    CURRENT = "current"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    ATTACHED = "attached"
    RECOVERED = "recovered"
    ALL = "all"


_State = Annotated[Shown, typer.Option("--state", help="current: all that have not recovered")]
_Json = Annotated[bool, typer.Option("--json", help="as JSON")]
_Limit = Annotated[int, typer.Option(min=1, help="most that are listed")]


@app.callback(invoke_without_command=True)
def listed_by_default(context: typer.Context, state: _State = Shown.CURRENT, as_json: _Json = False) -> None:
    """List incidents, silence and acknowledge them, and try the channels."""
    if context.invoked_subcommand is None:
        list_incidents(state, as_json)


@app.command("list")
def list_incidents(state: _State = Shown.CURRENT, as_json: _Json = False, limit: _Limit = 200) -> None:
    """Print incidents, errors first, and the silences in force."""
    from resources.alerting.inbox import STATES, listed

    book, now = _book(), clock.now()
    states = STATES if state is Shown.ALL else [name for name in STATES if name == state.value]
    rows = listed(book, now, states, limit)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(rows, book, now)


@app.command()
def test() -> None:
    """Send a message through every channel, one after the other. Exit code 1 where one does not take it."""
    from resources.alerting.channels import Channels
    from resources.alerting.records import Text

    alerts = settings().alerts
    if not alerts.channels:
        raise InvalidRequest(
            "a channel is needed for a test, and alerts.channels names none: only the inbox of the app is told; "
            'write e.g. channels: {desk: ALERTS_DESK_URL} and critical: [desk] under "alerts" in the settings file'
        )
    channels = Channels(alerts)
    text = Text("Test of market-assets", f"This is a test: alerts reach this channel.\n{alerts.app_url}/alerts")
    outcomes = [channels.send(name, text) for name in alerts.channels]
    for outcome in outcomes:
        said = f" ({outcome.said})" if outcome.said else ""
        typer.echo(f"{outcome.channel}: {'taken' if outcome.is_taken else 'NOT taken'}{said}")
    raise typer.Exit(0 if all(outcome.is_taken for outcome in outcomes) else 1)


@app.command()
def silence(
    pattern: Annotated[str, typer.Argument(help="glob over subject/check, or over the subject alone: 'bars_*'")],
    hours: Annotated[float | None, typer.Option("--hours", min=0, help="for so long")] = None,
    until: Annotated[str | None, typer.Option(help="until an instant, as 2026-11-03T14:05:00Z")] = None,
    reason: Annotated[str, typer.Option(help="why, for whoever wonders")] = "",
) -> None:
    """Say nothing of what a pattern covers for a while. What still lasts when it ends is told then."""
    if (hours is None) == (until is None):
        raise InvalidRequest("a silence ends: give either --hours or --until")
    made = _book().silence(pattern, _end(hours, until), reason, who())
    typer.echo(f"silence {made.id}: {pattern} until {made.silence.until.isoformat()}")


@app.command()
def unsilence(id: Annotated[int, typer.Argument(help="number of the silence, as `list` shows it")]) -> None:
    """End a silence now."""
    typer.echo(f"silence {id} of {_book().unsilence(id).silence.pattern} has ended")


@app.command()
def acknowledge(id: Annotated[int, typer.Argument(help="number of the incident")]) -> None:
    """Say that you are at it: it does not escalate, or not again."""
    entry = _book().acknowledge(id, who())
    finding, by = entry.incident.finding, entry.incident.acknowledged_by
    typer.echo(f"incident {entry.id}, {finding.subject} {finding.check}: acknowledged by {by}")


def _book() -> "IncidentBook":
    from resources.alerting.book import IncidentBook

    return IncidentBook(settings().home)


def _end(hours: float | None, until: str | None) -> datetime:
    if until is None:
        return clock.now() + timedelta(hours=hours or 0)
    try:
        return clock.instant(until)
    except ValueError as wrong:
        raise InvalidRequest(f"--until: {wrong}") from None


def _print(rows: list[dict[str, Any]], book: "IncidentBook", now: datetime) -> None:
    from rich.console import Console

    # a line each, as long as it has to be: a narrow table would cut what matters
    console = Console(soft_wrap=True, highlight=False)
    for row in rows:
        part_of = f" of {row['root_id']}" if row["root_id"] else ""
        explains = f" Explains {row['n_attached']} more." if row["n_attached"] else ""
        since = row["since"][:16].replace("T", " ")
        head = f"{row['id']:>4}  {row['severity']:5}  {row['state']}{part_of}  {row['subject']} {row['check']}"
        style = {"ERROR": "bold red", "WARN": "yellow"}.get(row["severity"], "")
        console.print(f"{head}  since {since}Z", style=style, markup=False)
        console.print(f"      {row['said']}{explains}", markup=False)
    if not rows:
        console.print("no incident")
    for kept in book.silences(now):
        reason = f": {kept.reason}" if kept.reason else ""
        covers = f"{kept.silence.pattern} until {kept.silence.until.isoformat()}"
        console.print(f"silence {kept.id}: {covers} by {kept.made_by}{reason}", markup=False)
