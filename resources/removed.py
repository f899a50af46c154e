"""What a removal looked at and took away."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Counts of one removal; of a dry run those of what would go."""

    examined: int = 0
    removed: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        """Both together."""
        return Removed(
            examined=self.examined + other.examined,
            removed=self.removed + other.removed,
            bytes=self.bytes + other.bytes,
        )
