"""`market-assets backup | restore`: a copy of a home, and the way back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from market_assets.core.errors import InvalidRequest, MarketAssetsError
from market_assets.settings import Settings, settings

if TYPE_CHECKING:
    from resources.backup import Backup

Line = tuple[str, str]
_DATABASE, _DAGSTER = "MARKET_ASSETS_POSTGRES_URL", "MARKET_ASSETS_DAGSTER_POSTGRES_URL"


def backup(
    archive: Annotated[Path | None, typer.Option(help="a file that is to hold the backup as well, as one .tar")] = None,
) -> None:
    """Take a backup of this home into its folder `backups`. Exit code 1 where something is missing in it."""
    taken, lines = backed_up(settings())
    is_archived = archive is None
    if taken is not None and archive is not None:
        from resources.backup import pack

        try:
            lines.append(("archive", str(pack(taken.path, archive))))
            is_archived = True
        except (MarketAssetsError, OSError) as failed:
            lines.append(("archive", f"FAILED: {failed}"))
    shown("backup", lines)
    raise typer.Exit(0 if taken is not None and not taken.missing and is_archived else 1)


def restore(
    backup: Annotated[Path, typer.Argument(help="folder or archive of a backup")],
    to: Annotated[Path, typer.Option("--to", help="home to restore into: empty, or not there")],
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="count and digest what was restored")] = True,
    database_url_variable: Annotated[
        str, typer.Option(help="environment variable with the address of an empty database, for a pg_dump")
    ] = _DATABASE,
    dagster_url_variable: Annotated[
        str, typer.Option(help="the same for Dagster's own database, where its runs are on a server")
    ] = _DAGSTER,
) -> None:
    """Put a backup back, all of it or nothing, and tell what has to be set by hand.

    Every file is read and compared with the manifest before anything is touched. Exit code 1 where the backup, the
    home or the database is refused, or the restored rows are not those that were taken.
    """
    from resources.backup import restore as put_back

    try:
        done = put_back(
            backup,
            to,
            verify=verify,
            database=_address(database_url_variable),
            dagster_database=_address(dagster_url_variable),
        )
    except OSError as failed:
        raise MarketAssetsError(f"{backup} must be readable to be restored: {failed}") from None
    lines = [("home", str(done.home)), ("taken", done.backup.taken_at.isoformat()), *_contents(done.backup)]
    lines.append(("verified", "every partition" if done.is_proven else "files alone; rows were not counted"))
    shown("restored", lines)
    shown("to be set by hand", [*done.by_hand, ("MARKET_ASSETS_HOME", f"{done.home.resolve()}")])


def backed_up(found: Settings) -> "tuple[Backup | None, list[Line]]":
    """Take a backup; what was taken, None where it failed, and what to tell of it."""
    from resources.backup import take

    try:
        taken = take(found)
    except (MarketAssetsError, OSError) as failed:
        return None, [("backup", f"FAILED: {failed}")]
    lines = [("backup", str(taken.path)), *_contents(taken)]
    lines += [(name, f"MISSING: {why}") for name, why in sorted(taken.missing.items())]
    return taken, lines


def shown(title: str, lines: list[Line]) -> None:
    """Print lines as a table of two columns."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False)
    for line in lines:
        table.add_row(*line)
    Console(soft_wrap=True).print(table)


def _contents(taken: "Backup") -> list[Line]:
    told = f"{len(taken.tables)} with {taken.partitions:,} partitions, {taken.rows:,} rows"
    return [("tables", told), *sorted(taken.parts.items())]


def _address(variable: str) -> str | None:
    """The address that a variable holds. Raises InvalidRequest where an address was given instead of a name."""
    if not variable.isidentifier():
        # what stands there may be the address itself: it is not repeated
        raise InvalidRequest(
            "--database-url-variable and --dagster-url-variable take the NAME of an environment variable, such as "
            f"{_DATABASE}: a command line is read by everybody on the machine. Put the address into that variable"
        )
    return os.environ.get(variable)
