"""Which symbols a stream of the crypto domain serves."""

from datetime import date

from market_assets.crypto.settings import CryptoSettings


def listed(crypto: CryptoSettings, day: date) -> tuple[str, ...]:
    """The symbols whose listing window has this day, as far as the settings know it."""
    windows = {symbol: crypto.listing(symbol) for symbol in crypto.symbols}
    return tuple(
        symbol
        for symbol, window in windows.items()
        if window is None
        or (
            (window.valid_from is None or window.valid_from <= day)
            and (window.valid_to is None or day < window.valid_to)
        )
    )
