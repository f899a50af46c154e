"""Which vendors each table asks, and which others could serve instead."""

from collections.abc import Collection
from dataclasses import dataclass

from market_assets.settings import Settings
from resources.venues.binance_files import NAME as BINANCE_ARCHIVE


@dataclass(frozen=True)
class Supply:
    """One kind of data and the sources that can bring it, in the order in which they are asked."""

    what: str
    sources: tuple[str, ...]
    #: nothing depends on it, or it is had elsewhere as well: without any source it is a warning
    is_optional: bool = False


def asked_by(settings: Settings) -> dict[str, frozenset[str]]:
    """Table -> the vendors that fetching it asks, by the settings. Derived tables are not in it."""
    equities, crypto, bars = settings.equities, settings.crypto, settings.bars
    archive = {BINANCE_ARCHIVE} if settings.funding.archive else set[str]()
    exchanges = frozenset(settings.funding.enabled)
    daily, second = frozenset(equities.sources), frozenset({equities.reconcile.source})
    glassnode, minutes = frozenset({"glassnode"}), frozenset(bars.sources)
    return {
        "equities_daily_bars": daily,
        "equities_corporate_actions": daily,
        "equities_gaps": second,
        "equities_reconciliation": second,
        "btc_price": glassnode,
        "btc_liquidations": glassnode,
        "funding_contracts": exchanges,
        "funding_snapshot": exchanges,
        "funding_rates": exchanges | archive,
        "crypto_klines": frozenset({*([BINANCE_ARCHIVE] if crypto.archive else ()), crypto.venue.vendor}),
        "crypto_sentiment": frozenset({"alternative_me"}),
        "crypto_advice": frozenset({"advisor"}),
        "bars_minute": minutes,
        "bars_reconciliation": minutes,
        "bars_macro_daily": frozenset({"fred"}),
    }


def supplies(settings: Settings) -> list[Supply]:
    """Every kind of data that the settings ask for."""
    equities, crypto, bars, funding = settings.equities, settings.crypto, settings.bars, settings.funding
    found = [
        Supply("daily bars", equities.sources),
        Supply("the comparison of daily bars", (equities.reconcile.source,), is_optional=True),
        Supply("btc", ("glassnode",)),
        *(Supply(f"funding of {name}", (name,)) for name in funding.enabled),
        *(
            Supply(f"minutes of {symbol}", tuple(dict.fromkeys(bound.source for bound in bars.chain(symbol))))
            for symbol in bars.symbols
        ),
        # what the archive has, the exchange has as well, if not for so long
        Supply("archived days", (BINANCE_ARCHIVE,), is_optional=True),
    ]
    if crypto.live:
        found.append(Supply("candles", (crypto.venue.vendor,)))
    if bars.macro.enabled:
        found.append(Supply("macro series", ("fred",)))
    if crypto.sentiment.enabled:
        found.append(Supply("sentiment", ("alternative_me",), is_optional=True))
    if crypto.advice.enabled:
        found.append(Supply("advice", ("advisor",), is_optional=True))
    return found


def can_be_asked(settings: Settings, vendor: str) -> bool:
    """Whether a vendor needs no key, or there is one."""
    return settings.vendors == "sandbox" or getattr(settings, f"{vendor}_api_key", True) is not None


def named_in(text: str, vendors: Collection[str]) -> frozenset[str]:
    """The vendors that an error's text names."""
    words = {word.strip(".,:;()[]'\"") for word in text.split()}
    return frozenset(words & set(vendors))
