"""What a partition's rows tell of it, whatever is stated."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recounted:
    """A partition, counted and digested anew."""

    partition: str
    rows: int
    #: None where nobody can tell which of its columns make up the digest
    digest: str | None
    #: why its rows cannot be read; empty where they can
    damage: str = ""
