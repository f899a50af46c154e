"""What a collector has to be told: how its venue speaks, and how often what is done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resources.stream.candle import Candle, Farewell, Update
from resources.stream.hot import Features
from resources.stream.socket import Patience


@dataclass(frozen=True)
class Feed:
    """One venue, as the loop needs it."""

    name: str
    symbols: tuple[str, ...]
    url: str
    #: what a frame says, received at that instant; raises Malformed
    parse: Callable[[str | bytes, datetime], Update | Farewell | None]
    #: closed candles of a symbol from one instant to another, by REST; raises VendorError
    fill: Callable[[str, datetime, datetime], Sequence[Candle]]
    #: the closed candles that are stored already, some days back
    known: Callable[[], Sequence[Candle]]
    #: live, or sandbox
    vendors: str = "live"
    #: what follows from newly closed candles, in the order of their minutes, and from what is settled of each symbol
    features: Callable[[Sequence[Candle], Mapping[str, datetime]], Iterable[Features]] = lambda _, __: ()
    #: what `features` needs before the first candle comes
    seed: Callable[[datetime], None] = lambda _: None


@dataclass(frozen=True)
class Pace:
    """How often what is done."""

    patience: Patience
    #: longest time that a closed candle waits to be stored
    flush_s: float
    #: time after its end from which a candle is final
    grace_s: float
    publish_s: float = 0.25
    #: time after the grace that the stream has before REST is asked
    late_s: float = 10.0
    #: between two attempts at the same minutes, doubled up to `fill_max_s`
    fill_s: float = 5.0
    fill_max_s: float = 60.0
    #: answers without a minute after which the venue does not have it
    fill_tries: int = 3
