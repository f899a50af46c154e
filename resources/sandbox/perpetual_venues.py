"""How each exchange names, sizes, stamps, settles and keeps its perpetuals on the simulated market.

Data only, one row an exchange. What an exchange lists is in `perpetual_catalogue.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["linear", "inverse"]
OiUnit = Literal["base", "contracts", "usd"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """One family of contracts of an exchange."""

    #: native symbol, with `{}` for the native base
    pattern: str
    quote: str = "USDT"
    #: None settles in the base
    settle: str | None = "USDT"
    oi_unit: OiUnit = "base"
    #: USD in a contract of BTC, and of any other base; None for linear contracts
    usd: tuple[float, float] | None = None
    #: a linear contract is a round number of coins worth some hundred USD, instead of one coin
    scaled: bool = False

    @property
    def kind(self) -> Kind:
        """Linear or inverse."""
        return "linear" if self.usd is None else "inverse"

    def base_in(self, native_symbol: str) -> str | None:
        """The native base in a symbol of this family; None in others."""
        found = re.fullmatch(re.escape(self.pattern).replace(r"\{\}", r"([^\W_]+)"), native_symbol)
        return found[1] if found else None


@dataclass(frozen=True, kw_only=True)
class House:
    """One exchange."""

    #: the first is the main one
    forms: tuple[Form, ...]
    opened: datetime
    #: every contract settles each hour; elsewhere contracts differ
    hourly: bool = False
    #: hour of the day of an 8-hour settlement
    phase: int = 0
    #: stamps lie so many milliseconds after the hour, at most
    jitter_ms: int = 0
    #: funding of 8 hours = premium + (interest - premium, at most `damper` either way)
    interest: float = 0.0001
    damper: float = 0.00012
    #: decimals of a stated rate
    decimals: int = 8
    #: a settlement pays the premium of the interval before the one it ends
    measures_previous: bool = False
    #: settled history is kept for so many days, or rows of a contract; None keeps all
    keeps_days: int | None = None
    keeps_rows: int | None = None
    #: how thousands of a cheap coin are listed: `1000PEPE`, `kPEPE`; None lists single coins
    thousand: str | None = "1000"
    #: base -> its name there
    names: Mapping[str, str] = field(default_factory=dict)
    #: open interest against Binance's
    size: float = 0.1


_INVERSE = Form(pattern="{}USD_PERP", quote="USD", settle=None, oi_unit="contracts", usd=(100.0, 10.0))
_XBT = {"BTC": "XBT"}


def _linear(pattern: str, money: str = "USDT", **more: bool) -> Form:
    """Linear contracts counted in coins, or in contracts where those are scaled."""
    return Form(
        pattern=pattern,
        quote=money,
        settle=money,
        oi_unit="contracts" if more.get("scaled") else "base",
        scaled=more.get("scaled", False),
    )


def _since(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


HOUSES: Mapping[str, House] = {
    "binance_usdm": House(
        forms=(_linear("{}USDT"), _linear("{}USDC", "USDC")), opened=_since(2020, 1), jitter_ms=47, size=1.0
    ),
    "binance_coinm": House(forms=(_INVERSE,), opened=_since(2020, 8), jitter_ms=47, thousand=None),
    "bybit": House(
        forms=(
            _linear("{}USDT"),
            _linear("{}PERP", "USDC"),
            Form(pattern="{}USD", quote="USD", settle=None, oi_unit="usd", usd=(1.0, 1.0)),
        ),
        opened=_since(2020, 4),
        measures_previous=True,
        size=0.6,
    ),
    "okx": House(
        forms=(
            _linear("{}-USDT-SWAP", scaled=True),
            Form(pattern="{}-USD-SWAP", quote="USD", settle=None, oi_unit="contracts", usd=(100.0, 10.0)),
        ),
        opened=_since(2020, 2),
        keeps_days=90,
        decimals=10,
        thousand=None,
        size=0.5,
    ),
    "deribit": House(
        forms=(
            _linear("{}_USDC-PERPETUAL", "USDC"),
            Form(pattern="{}-PERPETUAL", quote="USD", settle=None, oi_unit="usd", usd=(10.0, 1.0)),
        ),
        opened=_since(2020, 1),
        hourly=True,
        interest=0.0,
        damper=0.00002,
        decimals=12,
        thousand=None,
        size=0.2,
    ),
    "hyperliquid": House(
        forms=(_linear("{}", "USDC"),),
        opened=_since(2023, 6),
        hourly=True,
        jitter_ms=120,
        decimals=10,
        thousand="k",
        size=0.4,
    ),
    "dydx": House(
        forms=(Form(pattern="{}-USD", quote="USD", settle="USDC"),),
        opened=_since(2023, 11),
        hourly=True,
        jitter_ms=1500,
        interest=0.0,
        damper=0.0,
        decimals=10,
        thousand=None,
        size=0.02,
    ),
    "bitget": House(forms=(_linear("{}USDT"),), opened=_since(2020, 6)),
    "gate": House(forms=(_linear("{}_USDT", scaled=True),), opened=_since(2020, 1), measures_previous=True),
    "kucoin": House(
        forms=(_linear("{}USDTM", scaled=True),), opened=_since(2020, 6), phase=4, keeps_rows=100, names=_XBT
    ),
    "mexc": House(forms=(_linear("{}_USDT", scaled=True),), opened=_since(2021, 1)),
    "aster": House(forms=(_linear("{}USDT"),), opened=_since(2024, 9)),
    "backpack": House(forms=(_linear("{}_USDC_PERP", "USDC"),), opened=_since(2024, 10), thousand="k"),
    "lighter": House(forms=(_linear("{}", "USDC"),), opened=_since(2025, 1), hourly=True, thousand="k"),
    "pacifica": House(forms=(_linear("{}", "USDC"),), opened=_since(2025, 6), hourly=True, thousand="k"),
    "hibachi": House(forms=(_linear("{}/USDT-P"),), opened=_since(2025, 1), thousand=None, keeps_rows=100),
    "krakenfutures": House(
        forms=(_linear("PF_{}USD", "USD"),), opened=_since(2022, 3), hourly=True, thousand=None, names=_XBT
    ),
    "htx": House(
        forms=(_linear("{}-USDT", scaled=True),), opened=_since(2020, 10), measures_previous=True, thousand=None
    ),
    "drift": House(forms=(_linear("{}-PERP", "USDC"),), opened=_since(2022, 12), hourly=True, keeps_days=30),
    "bingx": House(forms=(_linear("{}-USDT"),), opened=_since(2021, 6)),
}


def form_of(exchange: str, native_symbol: str) -> tuple[Form, str] | None:
    """The family and native base of a symbol; None where the exchange has no such symbols.

    Of several families that fit, the one with the longest name: `BTC_USDC-PERPETUAL` is linear.
    """
    house = HOUSES.get(exchange)
    if house is None:
        return None
    fitting = [(form, base) for form in house.forms if (base := form.base_in(native_symbol)) is not None]
    return max(fitting, key=lambda fit: len(fit[0].pattern), default=None)
