"""The two looks of the app: colours by meaning. `assets/app.css` holds the same colours for HTML."""

from dataclasses import dataclass
from typing import Any, Literal

ThemeName = Literal["light", "dark"]

FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"
#: a legend in a row above the plot; where it begins (`y`) is said beside it
LEGEND: dict[str, Any] = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "yanchor": "bottom",
    "font": {"size": 11},
    "bgcolor": "rgba(0,0,0,0)",
}


@dataclass(frozen=True)
class Theme:
    """Colours of one look."""

    name: ThemeName
    surface: str
    text: str
    muted: str
    grid: str
    up: str
    down: str
    accent: str
    good: str
    warn: str
    bad: str
    idle: str
    band: str

    def layout(self) -> dict[str, Any]:
        """The plotly layout every figure starts from."""
        return {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12, "color": self.text},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {
                "bgcolor": self.surface,
                "bordercolor": self.grid,
                "font": {"family": FONT, "size": 12, "color": self.text},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": self.muted, "activecolor": self.accent},
            "showlegend": False,
        }

    def axis(self) -> dict[str, Any]:
        """The look every axis starts from."""
        return {
            "gridcolor": self.grid,
            "linecolor": self.grid,
            "zeroline": False,
            "tickfont": {"size": 11, "color": self.muted},
            "automargin": True,
        }

    def crosshair(self) -> dict[str, Any]:
        """A dotted line through all panels where the pointer is, for a time axis."""
        return {
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "dot",
            "spikecolor": self.muted,
        }


LIGHT = Theme(
    name="light",
    surface="#ffffff",
    text="#1b2430",
    muted="#5d6b7e",
    grid="#e4e9f0",
    up="#12876f",
    down="#d14343",
    accent="#2f6fde",
    good="#1f9d6b",
    warn="#d99413",
    bad="#d14343",
    idle="#c3ccd8",
    band="rgba(217,148,19,0.18)",
)
DARK = Theme(
    name="dark",
    surface="#171d26",
    text="#e3e9f1",
    muted="#8f9db0",
    grid="#263040",
    up="#2fbf9b",
    down="#ef6a6a",
    accent="#6ea0ff",
    good="#35c088",
    warn="#e8b04a",
    bad="#ef6a6a",
    idle="#3b4759",
    band="rgba(232,176,74,0.20)",
)


def theme(name: str | None) -> Theme:
    """The look of that name; light where none was chosen yet."""
    return DARK if name == "dark" else LIGHT


def ground(colour: str, opacity: float) -> str:
    """A hex colour as the ground of a band."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.2f})"


def quality_colour(score: float | None, theme: Theme) -> str:
    """Green from 0.95, amber from 0.85 (validated), red below; grey where there is no score."""
    if score is None:
        return theme.idle
    if score >= 0.95:
        return theme.good
    return theme.warn if score >= 0.85 else theme.bad
