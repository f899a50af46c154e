"""The units a funding rate is shown in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A unit: its name, its column among predicted and among settled rates, and how it becomes percent."""

    title: str
    predicted: str
    settled: str
    #: value x this is percent
    to_percent: float
    digits: int

    @property
    def d3(self) -> str:
        """The d3 format of its percent."""
        return f",.{self.digits}f"

    def text(self, percent: float) -> str:
        """Its percent in words."""
        return f"{percent:,.{self.digits}f} %"


MEASURES = {
    "native": Measure("native", "predicted_rate_native", "rate_native", 100.0, 4),
    "1h": Measure("1 h", "predicted_rate_1h", "rate_1h", 100.0, 5),
    "8h": Measure("8 h", "predicted_rate_8h", "rate_8h", 100.0, 4),
    "apr": Measure("APR", "predicted_apr_pct", "apr_pct", 1.0, 2),
}
DEFAULT = "apr"
