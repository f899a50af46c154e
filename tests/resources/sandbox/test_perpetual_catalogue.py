"""What the simulated exchanges list: the traps, the changes of interval, the benchmark's contracts."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from market_assets.funding.settings import EXCHANGES
from resources.sandbox.fault_kinds import EXCHANGES as SERVED
from resources.sandbox.perpetual_catalogue import BASES, contracts
from resources.sandbox.perpetual_venues import HOUSES, form_of

CHANGED = datetime(2025, 5, 6, tzinfo=UTC)


def test_every_exchange_of_the_domain_has_a_market():
    """Each key of the settings is simulated, and nothing else is; what has routes has faults."""
    assert set(HOUSES) == set(EXCHANGES)
    assert all(contracts(exchange) for exchange in EXCHANGES)
    assert set(SERVED) <= set(EXCHANGES)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_names_are_read_back(exchange: str):
    """The family and base that a name was made of are found in it, and no two contracts share one."""
    for name, contract in contracts(exchange, 100).items():
        assert form_of(exchange, name) == (contract.form, contract.native_base)


@pytest.mark.parametrize(
    ("exchange", "native_symbol", "quote", "kind"),
    [
        ("binance_usdm", "BTCUSDT", "USDT", "linear"),
        ("binance_usdm", "BTCUSDC", "USDC", "linear"),
        ("binance_coinm", "BTCUSD_PERP", "USD", "inverse"),
        ("bybit", "BTCUSDT", "USDT", "linear"),
        ("bybit", "BTCPERP", "USDC", "linear"),
        ("bybit", "BTCUSD", "USD", "inverse"),
        ("okx", "BTC-USDT-SWAP", "USDT", "linear"),
        ("okx", "BTC-USD-SWAP", "USD", "inverse"),
        ("deribit", "BTC-PERPETUAL", "USD", "inverse"),
        ("deribit", "SOL_USDC-PERPETUAL", "USDC", "linear"),
        ("hyperliquid", "BTC", "USDC", "linear"),
        ("dydx", "BTC-USD", "USD", "linear"),
        ("kucoin", "XBTUSDTM", "USDT", "linear"),
        ("gate", "BTC_USDT", "USDT", "linear"),
        ("krakenfutures", "PF_XBTUSD", "USD", "linear"),
    ],
)
def test_contracts_are_spelled_as_their_exchange_spells_them(exchange: str, native_symbol: str, quote: str, kind: str):
    """Names as in the exchanges' own documents."""
    form = contracts(exchange)[native_symbol].form
    assert (form.quote, form.kind) == (quote, kind)


def test_symbols_of_no_family():
    """An unknown exchange, and a name that no contract of an exchange can have."""
    assert form_of("nowhere", "BTCUSDT") is None
    assert form_of("okx", "BTCUSDT") is None


def test_names_that_mislead():
    """Thousands under three spellings, one beside its single coin, and names that only look like thousands."""
    native = {name: {one.native_base for one in contracts(name).values()} for name in SERVED}
    assert {"1000PEPE", "1000SHIB", "SHIB", "1000CHEEMS", "KAITO", "KAS", "1INCH"} <= native["binance_usdm"]
    assert {"1000PEPE", "1000SHIB", "1000CHEEMS", "KAITO", "KAS"} <= native["bybit"]
    assert {"kPEPE", "kSHIB", "kBONK", "KAITO", "KAS"} <= native["hyperliquid"]
    assert {"PEPE", "CHEEMS", "KAITO"} <= native["okx"] & native["dydx"]
    assert {"AITO", "AS", "INCH"}.isdisjoint(set().union(*native.values()))
    multiples = {name: one.multiplier for name, one in contracts("binance_usdm").items() if one.base == "SHIB"}
    assert multiples == {"1000SHIBUSDT": 1000.0, "SHIBUSDT": 1.0}


def test_sizes_of_contracts():
    """OKX: 0.01 BTC, 0.1 ETH, 1 SOL, 1000 DOGE a contract; inverse ones 100 USD of BTC, 10 of others, at Bybit 1."""
    okx, coinm = contracts("okx"), contracts("binance_coinm")
    sizes = [okx[f"{base}-USDT-SWAP"].contract_size for base in ("BTC", "ETH", "SOL", "DOGE")]
    assert sizes == pytest.approx([0.01, 0.1, 1.0, 1000.0])
    assert [coinm[f"{base}USD_PERP"].contract_size for base in ("BTC", "ETH", "SOL")] == [100.0, 10.0, 10.0]
    assert contracts("bybit")["ETHUSD"].contract_size == 1.0
    assert {one.contract_size for one in contracts("hyperliquid").values()} == {1.0}


def test_layer_settles_every_hour_since_its_change():
    """LAYERUSDT of Binance: 4 hours before 2025-05-06, 1 hour from then on, as the real one."""
    layer = contracts("binance_usdm")["LAYERUSDT"]
    before, after = datetime(2025, 5, 5, 23, tzinfo=UTC), datetime(2025, 5, 6, tzinfo=UTC)
    assert [layer.interval_at(at) for at in (before, after)] == [4, 1]


def test_intervals_that_change_with_the_calendar():
    """WIFUSDT changes on the first of every month and TIAUSDT of every quarter, so a change is never long ago."""
    wif, tia = (contracts("binance_usdm")[f"{base}USDT"] for base in ("WIF", "TIA"))
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]
    assert [wif.interval_at(day) for day in days] == [8, 4] * 6
    assert [tia.interval_at(day) for day in days] == [8, 8, 8, 4, 4, 4] * 2


def test_intervals_of_an_exchange_differ():
    """1, 2, 4 and 8 hours at exchanges without a common interval; one hour at the others; majors settle every 8."""
    for exchange in ("binance_usdm", "bybit", "okx"):
        found = Counter(one.intervals[0][1] for one in contracts(exchange).values())
        assert set(found) == {1, 2, 4, 8}
        majors = (one for one in contracts(exchange).values() if one.base in {"BTC", "ETH", "SOL"})
        assert {hours for one in majors for _, hours in one.intervals} == {8}
    for exchange in ("hyperliquid", "dydx", "deribit"):
        assert {hours for one in contracts(exchange).values() for _, hours in one.intervals} == {1}


def test_coins_of_the_month():
    """That of October 2026 is listed on the 11th and closed on 5 February."""
    coin = contracts("binance_usdm")["NEW2610USDT"]
    assert coin.listed_at == datetime(2026, 10, 11, 10, tzinfo=UTC)
    assert coin.delisted_at == datetime(2027, 2, 5, 9, tzinfo=UTC)


def test_benchmark_contracts_are_spread_over_the_exchanges():
    """2,275 contracts that settle every hour, six exchanges, the same bases at each; the others stay as they are."""
    scaled = {
        exchange: [one for name, one in contracts(exchange, 2275).items() if name not in contracts(exchange)]
        for exchange in SERVED
    }
    assert sum(map(len, scaled.values())) == 2275
    assert sorted(map(len, scaled.values())) == [0, 0, 379, 379, 379, 379, 379, 380]
    assert {one.intervals for found in scaled.values() for one in found} == {((datetime(2024, 12, 1, tzinfo=UTC), 1),)}
    assert scaled["dydx"][0].base == scaled["okx"][0].base == "Z000"


def test_listings_do_not_begin_before_the_exchange_or_the_coin():
    """Nothing at Hyperliquid before June 2023, no KAITO anywhere before February 2025."""
    assert min(one.listed_at for one in contracts("hyperliquid").values()) == datetime(2023, 6, 1, tzinfo=UTC)
    kaito = {contracts(name)[symbol].listed_at for name, symbol in (("bybit", "KAITOUSDT"), ("dydx", "KAITO-USD"))}
    assert kaito == {datetime(2025, 2, 1, tzinfo=UTC)}
    assert len(BASES) == 43
