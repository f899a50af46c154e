"""Colours of the crypto charts by meaning; each can be read on both grounds."""

from datetime import timedelta

from dashboards.theme import Theme, ground

#: regime -> what it is called, colour of its band, overlays that read it best
REGIMES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "TRENDING_HIGH_VOL": ("trend, volatile", "#8e63ce", ("supertrend", "chandelier")),
    "TRENDING_LOW_VOL": ("trend, calm", "#3d85c6", ("supertrend",)),
    "RANGING_COMPRESSION": ("range, narrow", "#17a2a2", ("liquidity", "order_flow")),
    "RANGING_EXPANSION": ("range, wide", "#e69138", ("liquidity", "order_flow")),
    "TRANSITION": ("transition", "#7f8c9b", ("order_flow",)),
    "UNKNOWN": ("unknown", "#b0483f", ()),
}
EMAS = {"ema_10": ("EMA 10", "#e0a526"), "ema_21": ("EMA 21", "#3d85c6"), "ema_55": ("EMA 55", "#c2559d")}
ZONE = "#b5725a"
_BAND = {"light": 0.10, "dark": 0.14}
#: milliseconds that plotly counts widths of bars in
_MS = timedelta(milliseconds=1)


def band(colour: str, theme: Theme) -> str:
    """The colour as a ground behind candles."""
    return ground(colour, _BAND[theme.name])


def side(direction: float | None, theme: Theme) -> str:
    """Green for up, red for down, grey for neither."""
    if not direction:
        return theme.muted
    return theme.up if direction > 0 else theme.down


def milliseconds(length: timedelta) -> float:
    """A length as plotly counts it."""
    return length / _MS
