"""Simulated perpetuals: repeatable, stable in time, shaped like real funding, and cheap."""

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sandbox.fault_kinds import EXCHANGES
from resources.sandbox.perpetuals import HOUR_MS, Settlements
from resources.sandbox.synthetic import SyntheticBackend

AT = datetime(2026, 10, 5, 12, 34, tzinfo=UTC)


@pytest.fixture(scope="module")
def market() -> SyntheticBackend:
    return SyntheticBackend(seed=7)


def same(one: Settlements, other: Settlements) -> bool:
    names = ("time_ms", "rate", "interval_hours", "mark")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def hours(settled: Settlements) -> np.ndarray:
    """The hour of the epoch each row is about, without its jitter."""
    return settled.time_ms // HOUR_MS


def eight(settled: Settlements) -> np.ndarray:
    """Rates per 8 hours."""
    return settled.rate / settled.interval_hours * 8


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([("binance_usdm", "WIFUSDT"), ("bybit", "ADAUSDT"), ("dydx", "BTC-USD")]),
    st.integers(60 * 8, 60 * 24 * 700),
)
def test_what_was_settled_stays_as_it_was(market: SyntheticBackend, contract: tuple[str, str], minutes: int):
    """Asked at any earlier minute, the answer is the first part of a later one, and ends by that minute."""
    earlier = AT - timedelta(minutes=minutes)
    then, now = (market.settlements(*contract, at) for at in (earlier, AT))
    assert same(then, now.take(slice(len(then))))
    assert then.time_ms[-1] <= earlier.timestamp() * 1000 < now.window(int(then.time_ms[-1]) + 1, None).time_ms[0]


def test_another_process_settles_the_same():
    """Nothing depends on hash seeds or on what was asked before."""
    code = (
        "from datetime import *; from resources.sandbox.synthetic import SyntheticBackend as B; m = B(7); "
        "at = datetime(2026, 10, 5, 12, 34, tzinfo=UTC); s = m.settlements('okx', 'BTC-USDT-SWAP', at); "
        "print(s.rate.sum().hex(), m.quotes('deribit', at)['BTC-PERPETUAL'])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": str(n)}
        ).stdout
        for n in (1, 2)
    }
    backend = SyntheticBackend(7)
    rates = backend.settlements("okx", "BTC-USDT-SWAP", AT).rate
    quote = backend.quotes("deribit", AT)["BTC-PERPETUAL"]
    assert answers == {f"{rates.sum().hex()} {quote}\n"}


def test_another_seed_settles_otherwise():
    """Rates and prices differ, listings do not."""
    one, other = SyntheticBackend(7), SyntheticBackend(8)
    assert one.perpetuals("bybit", AT) == other.perpetuals("bybit", AT)
    assert not np.array_equal(
        one.settlements("dydx", "BTC-USD", AT).rate, other.settlements("dydx", "BTC-USD", AT).rate
    )
    assert one.quotes("dydx", AT)["BTC-USD"].mark != other.quotes("dydx", AT)["BTC-USD"].mark


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_contract_settles_on_its_grid(market: SyntheticBackend, exchange: str):
    """Without gaps, at multiples of the interval (KuCoin from 04:00), each row with the hours since the one before."""
    begins = 4 if exchange == "kucoin" else 0
    for contract in market.perpetuals(exchange, AT):
        settled = market.settlements(exchange, contract.native_symbol, AT)
        ends, every = hours(settled), settled.interval_hours.astype(int)
        assert ((ends - begins) % every == 0).all()
        assert (np.diff(ends) == every[1:]).all()
        assert np.isfinite(settled.rate).all()
        assert (settled.mark > 0).all()


def test_layer_keeps_both_intervals(market: SyntheticBackend):
    """The settlement of 2025-05-06 00:00 ends four hours, all later ones end one."""
    settled = market.settlements("binance_usdm", "LAYERUSDT", AT)
    change = int(datetime(2025, 5, 6, tzinfo=UTC).timestamp() * 1000)
    before, after = settled.window(None, change + 1000), settled.window(change + 1000, None)
    assert set(before.interval_hours) == {4.0}
    assert before.time_ms[-1] // HOUR_MS == change // HOUR_MS
    assert set(after.interval_hours) == {1.0}
    assert after.time_ms[0] // HOUR_MS == change // HOUR_MS + 1


def test_thirty_days_of_an_alternating_contract_hold_both_intervals(market: SyntheticBackend):
    """On any day the last 31 days of WIFUSDT have settlements of 8 and of 4 hours."""
    for day in range(0, 365, 30):
        at = AT + timedelta(days=day)
        recent = market.settlements("binance_usdm", "WIFUSDT", at).window(
            int((at - timedelta(days=31)).timestamp() * 1000), None
        )
        assert set(recent.interval_hours) == {4.0, 8.0}


def test_stamps_jitter_as_the_exchange_does(market: SyntheticBackend):
    """Binance 0 to 47 ms after the hour (MANIFEST), Hyperliquid and dYdX more, Bybit, OKX and Deribit none."""

    def late(exchange: str, symbol: str) -> set[int]:
        return set((market.settlements(exchange, symbol, AT).time_ms % HOUR_MS).tolist())

    assert late("binance_usdm", "BTCUSDT") == set(range(48))
    assert 100 < max(late("hyperliquid", "BTC")) <= 120
    assert 1400 < max(late("dydx", "BTC-USD")) <= 1500
    assert late("bybit", "BTCUSDT") == late("okx", "BTC-USDT-SWAP") == late("deribit", "BTC-PERPETUAL") == {0}


def test_calm_contracts_settle_at_the_baseline(market: SyntheticBackend):
    """Like the recorded BTCUSDT of 2020 to 2023: 41 % at 0.01 %, 13 % below 0, 12 % above 0.03 %; none beyond 0.3 %."""
    rates = market.settlements("binance_usdm", "BTCUSDT", AT).rate
    assert (rates == 0.0001).mean() == pytest.approx(0.41, abs=0.1)
    assert (rates < 0).mean() == pytest.approx(0.13, abs=0.06)
    assert (rates > 0.0003).mean() == pytest.approx(0.12, abs=0.06)
    assert np.quantile(rates, 0.95) == pytest.approx(0.00062, rel=0.3)
    for exchange in EXCHANGES:
        for contract in market.perpetuals(exchange, AT):
            settled = market.settlements(exchange, contract.native_symbol, AT)
            assert abs(eight(settled)).max(initial=0) <= 0.003 + 1e-9


def test_some_rates_are_exactly_zero(market: SyntheticBackend):
    """Deribit charges nothing for small premiums: a few percent of its hours."""
    rates = market.settlements("deribit", "BTC-PERPETUAL", AT).rate
    assert 0.02 < (rates == 0).mean() < 0.15
    assert not np.signbit(rates[rates == 0]).any()


def test_bybit_settles_what_others_settled_an_interval_earlier(market: SyntheticBackend):
    """Correlation with Binance is highest at one interval's lag, as in real histories (vendors.md 7)."""
    bybit, binance, mexc = (
        market.settlements(exchange, name, AT).newest(5000).rate
        for exchange, name in (("bybit", "BTCUSDT"), ("binance_usdm", "BTCUSDT"), ("mexc", "BTC_USDT"))
    )

    def correlations(rates: np.ndarray) -> list[float]:
        """With Binance at the same instant, and with Binance one settlement earlier."""
        return [float(np.corrcoef(rates[1:], other)[0, 1]) for other in (binance[1:], binance[:-1])]

    together, later = correlations(bybit)
    assert later > together + 0.02
    together, later = correlations(mexc)
    assert together > later + 0.02


def test_spreads_between_exchanges_exist_and_revert(market: SyntheticBackend):
    """The difference of two hourly exchanges is seldom zero, centred, persists for hours and is forgotten in days."""
    one, other = market.settlements("hyperliquid", "ETH", AT), market.settlements("dydx", "ETH-USD", AT)
    spread = other.rate - one.newest(len(other)).rate
    spread = spread - spread.mean()

    def persistence(lag: int) -> float:
        return float(np.corrcoef(spread[lag:], spread[:-lag])[0, 1])

    assert (abs(spread) > 1e-6).mean() > 0.9
    assert persistence(1) > 0.5
    assert persistence(24 * 7) < 0.4 * persistence(1)


def test_exchanges_keep_as_much_as_they_keep(market: SyntheticBackend):
    """OKX 90 days; KuCoin the last 100 rows, which settle at 4, 12 and 20 o'clock; Binance all since the listing."""
    okx = market.settlements("okx", "BTC-USDT-SWAP", AT)
    assert len(okx) == 270
    assert AT - timedelta(days=90) <= datetime.fromtimestamp(okx.time_ms[0] / 1000, UTC)
    kucoin = market.settlements("kucoin", "XBTUSDTM", AT)
    assert len(kucoin) == 100
    assert set(hours(kucoin) % 24) == {4, 12, 20}
    binance = market.settlements("binance_usdm", "BTCUSDT", AT)
    assert datetime.fromtimestamp(binance.time_ms[0] // 1000, UTC) == datetime(2020, 1, 1, 8, tzinfo=UTC)


def test_a_coin_is_listed_and_closed(market: SyntheticBackend):
    """NEW2606 opens on 11 June 10:00, settles first at 12:00, last on 5 October 08:00, and stays in the listing."""
    name, opens, closes = "NEW2606USDT", datetime(2026, 6, 11, 10, tzinfo=UTC), datetime(2026, 10, 5, 9, tzinfo=UTC)

    def listed(at: datetime) -> list[bool]:
        return [one.is_open for one in market.perpetuals("bybit", at) if one.native_symbol == name]

    moment = timedelta(seconds=1)
    assert [listed(at) for at in (opens - moment, opens, closes - moment, closes)] == [[], [True], [True], [False]]
    assert [name in market.quotes("bybit", at) for at in (closes - moment, closes)] == [True, False]
    settled = market.settlements("bybit", name, AT)
    ends = [datetime.fromtimestamp(stamp / 1000, UTC) for stamp in (settled.time_ms[0], settled.time_ms[-1])]
    assert ends == [opens + timedelta(hours=2), closes - timedelta(hours=1)]


@pytest.mark.parametrize("contract", [("binance_usdm", "BTCUSDT"), ("okx", "ADA-USDT-SWAP"), ("dydx", "ETH-USD")])
def test_predictions_end_as_what_is_settled(market: SyntheticBackend, contract: tuple[str, str]):
    """The error of the predicted rate shrinks through the interval, to nothing in its last second."""
    exchange, name = contract
    settled = market.settlements(exchange, name, AT).newest(60)
    errors = []
    for share in (0.2, 0.7):
        begun = hours(settled) - settled.interval_hours * (1 - share)
        said = [market.quotes(exchange, _instant(hour))[name].predicted_rate or 0.0 for hour in begun.tolist()]
        errors.append(abs(np.array(said) - settled.rate).mean())
    assert errors[1] < errors[0]
    for end, rate in zip(hours(settled)[-5:].tolist(), settled.rate[-5:].tolist(), strict=True):
        quote = market.quotes(exchange, _instant(end) - timedelta(seconds=1))[name]
        assert quote.predicted_rate == pytest.approx(rate, abs=1e-6)
        assert quote.next_funding_ms == end * HOUR_MS


def test_bybit_knows_the_next_rate_from_the_start(market: SyntheticBackend):
    """What it settles is measured by then: the predicted rate does not move within an interval."""
    settled = market.settlements("bybit", "BTCUSDT", AT)
    begun = _instant(int(hours(settled)[-2]))
    said = {market.quotes("bybit", begun + timedelta(minutes=m))["BTCUSDT"].predicted_rate for m in (0, 100, 479)}
    assert said == {settled.rate[-1]}


def test_quotes_name_the_interval_under_way(market: SyntheticBackend):
    """At the instant of a settlement the next one lies a whole interval ahead, also where intervals change."""
    change = datetime(2025, 5, 6, tzinfo=UTC)
    before, after = (
        market.quotes("binance_usdm", at)["LAYERUSDT"] for at in (change - timedelta(microseconds=1), change)
    )
    assert (before.interval_hours, before.next_funding_ms) == (4.0, change.timestamp() * 1000)
    assert (after.interval_hours, after.next_funding_ms) == (1.0, (change.timestamp() + 3600) * 1000)
    listed = {one.native_symbol: one.interval_hours for one in market.perpetuals("binance_usdm", change)}
    assert listed["LAYERUSDT"] == 1.0


def test_prices_of_exchanges_agree(market: SyntheticBackend):
    """Per coin all marks and indices lie within 0.2 % of their median, whatever the contract is called."""
    found: dict[str, list[float]] = {}
    for exchange in EXCHANGES:
        quotes = market.quotes(exchange, AT)
        for contract in market.perpetuals(exchange, AT):
            if contract.native_symbol in quotes:
                quote = quotes[contract.native_symbol]
                thousand = contract.native_base.startswith(("1000", "kP", "kS", "kB", "kF"))
                base = contract.native_base.removeprefix("1000").removeprefix("k")
                multiple = 1000.0 if thousand else 1.0
                found.setdefault(base, []).extend([(quote.mark or 0) / multiple, (quote.index or 0) / multiple])
    assert len(found["PEPE"]) == 2 * 5
    assert len(found["SHIB"]) == 2 * 6
    assert len(found["CHEEMS"]) == 2 * 4
    for prices in found.values():
        assert abs(np.array(prices) / np.median(prices) - 1).max() < 0.0021


def test_open_interest_is_in_the_unit_of_the_contract(market: SyntheticBackend):
    """Turned into USD by the rules of spec funding 5, BTC's is in the hundred millions at every large exchange."""
    large = {"binance_usdm": 4e9, "okx": 2e9, "bybit": 2.4e9, "hyperliquid": 1.6e9, "deribit": 0.8e9}
    names = {"binance_usdm": "BTCUSDT", "okx": "BTC-USDT-SWAP", "bybit": "BTCUSDT", "hyperliquid": "BTC"}
    for exchange, name in {**names, "deribit": "BTC_USDC-PERPETUAL"}.items():
        assert _usd(market, exchange, name) == pytest.approx(large[exchange], rel=0.8)
    inverse = {"binance_coinm": "BTCUSD_PERP", "okx": "BTC-USD-SWAP", "bybit": "BTCUSD", "deribit": "BTC-PERPETUAL"}
    usual = {"binance_coinm": 0.4e9, "okx": 1e9, "bybit": 0.8e9, "deribit": 0.4e9}
    for exchange, name in inverse.items():
        assert _usd(market, exchange, name) == pytest.approx(usual[exchange], rel=0.8)


def _usd(market: SyntheticBackend, exchange: str, name: str) -> float:
    """Open interest in USD, by unit and kind."""
    contract = next(one for one in market.perpetuals(exchange, AT) if one.native_symbol == name)
    quote = market.quotes(exchange, AT)[name]
    assert quote.open_interest is not None
    assert quote.mark is not None
    if contract.oi_unit == "usd":
        return quote.open_interest
    if contract.oi_unit == "base":
        return quote.open_interest * quote.mark
    value = 1.0 if contract.kind == "inverse" else quote.mark
    return quote.open_interest * contract.contract_size * value


def test_recorded_terms_of_a_listing(market: SyntheticBackend):
    """One contract in full."""
    listed = {one.native_symbol: one for one in market.perpetuals("okx", AT)}
    contract = listed["BTC-USD-SWAP"]
    assert (contract.native_base, contract.quote, contract.settle) == ("BTC", "USD", "BTC")
    assert (contract.kind, contract.oi_unit, contract.contract_size) == ("inverse", "contracts", 100.0)
    assert (contract.interval_hours, contract.is_open, contract.delisted_at) == (8.0, True, None)


def test_what_is_not_listed_has_nothing(market: SyntheticBackend):
    """An unknown exchange lists nothing, an unknown contract has no history and no quote."""
    assert list(market.perpetuals("nowhere", AT)) == []
    assert dict(market.quotes("nowhere", AT)) == {}
    assert len(market.settlements("okx", "NONE-USDT-SWAP", AT)) == 0
    assert "NONE-USDT-SWAP" not in market.quotes("okx", AT)
    assert list(market.perpetuals("bybit", datetime(2019, 1, 1, tzinfo=UTC))) == []


def test_benchmark_contracts_are_listed_where_wanted():
    """2,275 of them beside the others, with history and quote."""
    backend = SyntheticBackend(7, perpetuals=2275)
    names = [(name, one.native_symbol) for name in EXCHANGES for one in backend.perpetuals(name, AT)]
    scaled = [(exchange, symbol) for exchange, symbol in names if symbol.startswith("Z")]
    assert len(scaled) == 2275
    assert len(backend.settlements("dydx", "Z378-USD", AT).window(_ms(AT - timedelta(days=30)), None)) == 720
    assert backend.quotes("okx", AT)["Z000-USDT-SWAP"].mark is not None
    assert not any(one.native_symbol.startswith("Z") for one in SyntheticBackend(7).perpetuals("okx", AT))


def test_a_year_of_settlements_takes_milliseconds():
    """8,760 hourly rows of one contract, drawn anew, and all quotes of an exchange: processor time at best of five.

    2 ms and 0.4 ms a quote where measured; the bounds leave room for a busy and slower machine.
    """
    backend = SyntheticBackend(7, perpetuals=200)
    at = datetime(2025, 12, 1, tzinfo=UTC)
    histories, quotes = [], []
    for number in range(5):
        started = time.process_time()
        rows = len(backend.settlements("hyperliquid", f"Z{number:03d}", at))
        histories.append(time.process_time() - started)
        assert rows == 8759  # the stamp of the last hour lies some milliseconds after it
        quoted = len(dict(backend.quotes("hyperliquid", at)))
        quotes.append((time.process_time() - started - histories[-1]) / quoted)
    assert min(histories) < 0.05
    assert min(quotes) < 0.005


def test_settlements_by_window():
    """First and until bound the stamps, until excluded; the order can be turned; parts can be joined."""
    stamps = np.array([10, 20, 30, 40])
    rows = Settlements(stamps, stamps / 1e4, np.full(4, 8.0), np.full(4, np.nan))
    assert rows.window(20, 40).time_ms.tolist() == [20, 30]
    assert rows.window(None, 20).time_ms.tolist() == [10]
    assert rows.window(41, 10).time_ms.tolist() == []
    assert rows.newest(2).reversed().time_ms.tolist() == [40, 30]
    assert rows.newest(9).time_ms.tolist() == [10, 20, 30, 40]
    assert rows.take(slice(1)).append(rows.newest(1)).rate.tolist() == [0.001, 0.004]
    assert len(Settlements.empty()) == 0
    assert replace(rows, rate=rows.rate * 2).rate.tolist() == rows.with_columns(rate=rows.rate * 2).rate.tolist()


def _instant(hour: float) -> datetime:
    """The instant that lies so many hours after the epoch."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
