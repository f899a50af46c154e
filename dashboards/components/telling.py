"""How a component puts several things that are wrong into one line."""

from collections.abc import Sequence

_MOST = 5


def told(sentences: Sequence[str], of: str = "more", *, between: str = "; ") -> str | None:
    """The first few of them, and how many there are beside; None where there is none."""
    shown = [one.rstrip(".") for one in sentences[:_MOST]]
    hidden = len(sentences) - len(shown)
    return between.join([*shown, *([f"{hidden} {of}"] if hidden else [])]) or None
