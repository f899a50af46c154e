"""How partitions and versions are spelled in file names."""

import functools
from datetime import UTC, datetime
from urllib.parse import quote, unquote

_STAMP = "%Y%m%dT%H%M%S.%fZ"
SUFFIX = ".parquet"
#: a lone per cent sign is nothing quoted
_NOTHING = "%"


@functools.lru_cache(maxsize=65536)
def quoted(partition: str) -> str:
    """The partition key as a file name: `AAPL|2020` is `AAPL%7C2020`.

    A leading dot or underscore is quoted too: such names are not partitions. Whatever the key, the name stays in its
    folder.
    """
    name = quote(partition, safe="", errors="surrogatepass") or _NOTHING
    return f"%{ord(name[0]):02X}{name[1:]}" if name[0] in "._" else name


def unquoted(name: str) -> str:
    """The partition key of a file name without suffix."""
    return "" if name == _NOTHING else unquote(name)


def is_partition_file(name: str) -> bool:
    """Whether a name in a table's folder is a partition, not a schema or a writer's leftover."""
    return name.endswith(SUFFIX) and name[0] not in "._"


def stamp(instant: datetime) -> str:
    """An instant as a file name that sorts by time."""
    return instant.astimezone(UTC).strftime(_STAMP)
