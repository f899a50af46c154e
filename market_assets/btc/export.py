"""Files made of the domain's tables: groups of columns over a range of hours, as csv, json or parquet.

In files the hour is called `time`, and times are ISO 8601 in UTC with a Z.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from market_assets.btc.readers_frames import get_all_features, get_latest_signals, get_raw_data
from market_assets.btc.reading import Moment, rows, span
from market_assets.btc.settings import EXPORT_GROUPS, FEATURE_GROUPS, Format
from market_assets.btc.transforms import training
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import settings

NOTICE = (
    "this file holds data of the vendor (Glassnode) as it was received. Its licence forbids to redistribute them: "
    "keep the file to yourself"
)
#: hours of `latest_signals`
LATEST_HOURS = 168
#: what the vendor stated, by the name it has in any table
VENDOR_COLUMNS = (
    *("price", "open", "high", "low", "close", "entry_price", "exit_price"),
    *("long_liquidations", "short_liquidations", "long_filled", "short_filled"),
)
_SIDE_BY_SIDE = ("raw", *FEATURE_GROUPS, "all_features")
_TABLES = {"labels": "btc_labels", "performance": "btc_signal_performance", "training_data": "btc_training_data"}
_ISO = "%Y-%m-%dT%H:%M:%S%.fZ"


@dataclass(frozen=True)
class Extract:
    """The rows of an export."""

    frame: pl.DataFrame
    #: rows there were before anything was left out
    found: int
    #: what a person must know of the data; None where there is nothing
    notice: str | None

    @property
    def truncated(self) -> bool:
        """Whether only the newest rows were kept."""
        return self.frame.height < self.found


@dataclass(frozen=True)
class Exported:
    """A written file."""

    path: Path
    format: Format
    rows: int
    found: int
    truncated: bool
    notice: str | None


def export_data(
    groups: str | Sequence[str],
    start: Moment | None,
    end: Moment | None,
    format: Format | None,
    path: str | Path,
    truncate: bool = False,
) -> Exported:
    """Write groups to a file; `format` None is that of the file's name, or btc.export.default_format.

    Raises what `extract` does, and InvalidRequest for a format that is not exported or a folder that is not there.
    """
    to = Path(path)
    chosen = format_of(format, to)
    if not to.parent.is_dir():
        raise InvalidRequest(f"the folder of an export must exist; {to.parent} does not")
    found = extract(groups, start, end, truncate=truncate)
    to.write_bytes(encoded(found.frame, chosen))
    return Exported(to, chosen, found.frame.height, found.found, found.truncated, found.notice)


def extract(
    groups: str | Sequence[str], start: Moment | None = None, end: Moment | None = None, *, truncate: bool = False
) -> Extract:
    """The rows of one group, or of several hourly ones side by side.

    raw, processed, rpn, bins, dominance, signals and all_features have one row per hour and stand side by side;
    labels, performance, training_data and latest_signals (the last LATEST_HOURS) stand alone. The default range
    is that of the readers. Raises InvalidRequest where there are more than btc.export.max_records rows, unless
    `truncate` keeps the newest; for groups that do not go together; UnknownName for a group that does not exist.
    """
    asked = [name.strip() for name in groups.split(",")] if isinstance(groups, str) else list(groups)
    for name in asked:
        if name not in EXPORT_GROUPS:
            raise UnknownName("export group", name, EXPORT_GROUPS)
    frame = _collected(asked, start, end)
    cap = settings().btc.export.max_records
    if frame.height > cap and not truncate:
        raise InvalidRequest(
            f"an export holds at most {cap:,} rows (btc.export.max_records), this one has {frame.height:,}; narrow "
            "start and end, or keep the newest with truncate (--truncate)"
        )
    newest = frame.head(cap) if asked == ["latest_signals"] else frame.tail(cap)
    return Extract(newest.rename({"ts": "time"}), frame.height, notice(frame))


def notice(frame: pl.DataFrame) -> str | None:
    """What must be told with a file of these columns; None where none of them is the vendor's."""
    return NOTICE if set(VENDOR_COLUMNS) & set(frame.columns) else None


def _collected(asked: Sequence[str], start: Moment | None, end: Moment | None) -> pl.DataFrame:
    """The rows of the groups, whatever their number."""
    alone = [name for name in asked if name not in _SIDE_BY_SIDE]
    if not asked or (alone and len(asked) > 1):
        raise InvalidRequest(
            f"an export is one group, or several of {', '.join(_SIDE_BY_SIDE)}; was {', '.join(asked) or 'none'}"
        )
    if asked == ["latest_signals"]:
        if start is not None or end is not None:
            raise InvalidRequest(
                f"latest_signals are those of the last {LATEST_HOURS} hours; leave out start and end, or export signals"
            )
        return get_latest_signals(LATEST_HOURS)
    bounds = span(start, end)
    if alone:
        return rows(_TABLES[alone[0]], *bounds)
    features = FEATURE_GROUPS if "all_features" in asked else [name for name in FEATURE_GROUPS if name in asked]
    parts = [get_raw_data(*bounds)] if "raw" in asked else []
    parts += [get_all_features(*bounds, features)] if features else []
    return training.joined(parts, how="left")


def format_of(format: str | None, path: Path | None) -> Format:
    """The format asked for, or that of the file's name, or the default.

    Raises InvalidRequest for one that btc.export.formats does not name.
    """
    chosen = settings().btc.export
    suffix = path.suffix.lstrip(".") if path else ""
    wanted = format or (suffix if suffix in chosen.formats else chosen.default_format)
    for known in chosen.formats:
        if wanted == known:
            return known
    raise InvalidRequest(f"a format is one of {', '.join(chosen.formats)} (btc.export.formats); was {wanted!r}")


def encoded(frame: pl.DataFrame, format: Format) -> bytes:
    """The file's content: csv with a header, json as an array of records, or parquet."""
    if format == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    text = frame.with_columns(pl.selectors.datetime().dt.strftime(_ISO))
    return (text.write_csv() if format == "csv" else text.write_json()).encode()
