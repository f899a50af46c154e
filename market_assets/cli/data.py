"""`market-assets export`: a way out."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import polars.selectors as cs
import typer

from market_assets.btc import export as btc_export
from market_assets.btc.reading import NAMES as BTC_TABLES
from market_assets.btc.reading import served
from market_assets.btc.schemas import STATE_PREFIX
from market_assets.btc.settings import EXPORT_GROUPS
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.equities.universe import universe
from market_assets.settings import settings
from market_assets.tables import TABLES
from market_assets.values import load_asset_value
from resources.stores import open_store


class Format(StrEnum):
    """File formats of an export."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def export(
    table: Annotated[str | None, typer.Argument(help="a table; or leave it out and pass --feature-groups")] = None,
    feature_groups: Annotated[
        str | None, typer.Option(help=f"comma-separated groups of btc: {', '.join(EXPORT_GROUPS)}")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="file to write; standard output for csv and json by default")] = None,
    format: Annotated[Format | None, typer.Option(help="csv, json or parquet; from the file's name by default")] = None,
    columns: Annotated[str | None, typer.Option(help="comma-separated columns")] = None,
    start: Annotated[str | None, typer.Option(help="first day or instant")] = None,
    end: Annotated[str | None, typer.Option(help="last day or instant, inclusive")] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="only these symbols")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="only these partitions, for example AAPL|2025")] = None,
    as_of: Annotated[str | None, typer.Option(help="the data as it was published then")] = None,
    adjust: Annotated[str | None, typer.Option(help="none, split or total, for equities_daily_bars")] = None,
    max_rows: Annotated[
        int | None, typer.Option(help="refuse to write more rows; api.export_max_rows by default")
    ] = None,
    truncate: Annotated[
        bool, typer.Option(help="of --feature-groups: keep the newest rows where there are too many")
    ] = False,
) -> None:
    """Write a table, a part of it, or feature groups of btc to a file.

    A table, group, column, partition or symbol that does not exist is refused with the nearest that do.
    """
    if (table is None) == (feature_groups is None):
        raise InvalidRequest("an export is of a table or of --feature-groups: name one of the two")
    if feature_groups is not None:
        of_tables = {
            "--columns": columns, "--symbol": symbol, "--partition": partition, "--as-of": as_of, "--adjust": adjust,
            "--max-rows": max_rows,
        }  # fmt: skip
        given = [option for option, value in of_tables.items() if value]
        if given:
            raise InvalidRequest(f"{', '.join(given)} go with a table; with --feature-groups leave them out")
        _export_groups(feature_groups, out, format, start, end, truncate=truncate)
        return
    assert table is not None
    if truncate:
        raise InvalidRequest("--truncate goes with --feature-groups; a table takes --max-rows")
    frame = load_asset_value(
        table,
        partition,
        start=start,
        end=end,
        columns=_columns(table, columns),
        where={"symbol": symbol} if symbol else None,
        as_of=as_of,
        adjust=adjust,  # type: ignore[arg-type]
    )
    if symbol:
        _check_symbols(symbol)
    cap = max_rows or settings().api.export_max_rows
    if frame.height > cap:
        raise InvalidRequest(
            f"an export holds at most {cap:,} rows, this one has {frame.height:,}; "
            "narrow --start and --end, or pass --max-rows"
        )
    chosen = format or Format(out.suffix.lstrip(".") if out and out.suffix.lstrip(".") in set(Format) else "csv")
    if out is None and chosen is Format.PARQUET:
        raise InvalidRequest("parquet is binary: name a file with --out")
    _write(frame, chosen, out)
    typer.echo(f"{frame.height:,} rows of {table}" + (f" to {out}" if out else ""), err=True)
    _tell(btc_export.notice(frame) if table in BTC_TABLES else None)


def _columns(table: str, asked: str | None) -> list[str]:
    """The columns to write: those asked for, or all but internal state, which no export holds."""
    if asked is None:
        return served(table)
    names = [name.strip() for name in asked.split(",")]
    internal = [name for name in names if name.startswith(STATE_PREFIX)]
    if internal:
        raise InvalidRequest(f"{', '.join(internal)}: the internal state of a table is not exported")
    return names


def _export_groups(
    groups: str, out: Path | None, format: Format | None, start: str | None, end: str | None, *, truncate: bool
) -> None:
    chosen = btc_export.format_of(format and format.value, out)
    if out is not None:
        written = btc_export.export_data(groups, start, end, chosen, out, truncate)
        rows, found, notice = written.rows, written.found, written.notice
    else:
        if chosen == "parquet":
            raise InvalidRequest("parquet is binary: name a file with --out")
        extract = btc_export.extract(groups, start, end, truncate=truncate)
        sys.stdout.write(btc_export.encoded(extract.frame, chosen).decode())
        rows, found, notice = extract.frame.height, extract.found, extract.notice
    typer.echo(f"{rows:,} rows of {groups}" + (f" to {out}" if out else ""), err=True)
    if rows < found:
        typer.echo(f"truncated: the newest {rows:,} of {found:,} rows", err=True)
    _tell(notice)


def _tell(notice: str | None) -> None:
    if notice:
        typer.echo(f"notice: {notice}", err=True)


def _check_symbols(symbols: Sequence[str]) -> None:
    """Raise UnknownName for a symbol that neither the universe nor the stored bars have."""
    store = open_store(settings())
    stored = {key.split("|")[0] for key in store.partitions(TABLES["equities_daily_bars"])}
    known = sorted({*universe(store, settings().equities), *stored})
    for symbol in symbols:
        if symbol not in known:
            raise UnknownName("symbol", symbol, known)


def _write(frame: pl.DataFrame, chosen: Format, out: Path | None) -> None:
    if chosen is Format.PARQUET and out is not None:
        frame.write_parquet(out)
        return
    text = _flat(frame).write_csv() if chosen is Format.CSV else frame.write_json()
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame for CSV, which holds no lists: their items as text, separated by semicolons."""
    return frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(";"))
