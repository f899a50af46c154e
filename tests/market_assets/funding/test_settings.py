"""Settings of the funding domain: defaults of the spec, partial overrides, errors by key, the config commands."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from market_assets.core.settings import RateBudget
from market_assets.funding.settings import EXCHANGES, FundingSettings, VenueSettings
from market_assets.settings import InvalidSettings, Settings, load
from tests.market_assets import config_commands
from tests.market_assets.config_commands import Run, initialised, keys_refused

run = config_commands.run

#: funding.md section 2, in its order: the partition keys of the spec, and where each is asked
URLS = {
    "binance_usdm": "https://fapi.binance.com",
    "binance_coinm": "https://dapi.binance.com",
    "bybit": "https://api.bybit.com",
    "okx": "https://www.okx.com",
    "bitget": "https://api.bitget.com",
    "gate": "https://api.gateio.ws",
    "kucoin": "https://api-futures.kucoin.com",
    "mexc": "https://contract.mexc.com",
    "deribit": "https://www.deribit.com",
    "hyperliquid": "https://api.hyperliquid.xyz",
    "dydx": "https://indexer.dydx.trade",
    "aster": "https://fapi.asterdex.com",
    "backpack": "https://api.backpack.exchange",
    "lighter": "https://mainnet.zklighter.elliot.ai",
    "pacifica": "https://api.pacifica.fi",
    "hibachi": "https://data-api.hibachi.xyz",
    "krakenfutures": "https://futures.kraken.com",
    "htx": "https://api.hbdm.com",
    "drift": "https://data.api.drift.trade",
}
#: funding.md section 10 (bps)
FEES = {
    **{"binance_usdm": 5, "binance_coinm": 5, "bybit": 5.5, "okx": 5, "bitget": 6, "gate": 5, "kucoin": 6, "mexc": 2},
    **{"deribit": 5, "hyperliquid": 4.5, "dydx": 5, "aster": 4, "backpack": 5, "lighter": 0, "pacifica": 4},
    **{"hibachi": 4.5, "drift": 10, "krakenfutures": 5, "htx": 5},
}
BINANCE = RateBudget(per_5_minutes=500)
DEFAULTS = FundingSettings()


def written(home: Path, funding: Any) -> Settings:
    """The settings of a file with this section."""
    (home / "config.yaml").write_text(yaml.safe_dump({"funding": funding}))
    return load()


def test_exchanges_and_addresses_are_those_of_the_spec() -> None:
    """All 19 in their order, and what was added since comes after them; each is asked at its own address."""
    assert EXCHANGES[: len(URLS)] == tuple(URLS)
    assert DEFAULTS.exchanges == EXCHANGES
    assert {name: DEFAULTS.venue(name).base_url for name in URLS} == URLS
    assert DEFAULTS.venues.binance_archive.base_url == "https://data.binance.vision"


@pytest.mark.parametrize("exchange", FEES)
def test_fees_are_those_of_the_spec(exchange: str) -> None:
    """Taker fees in bps; lighter takes none, which is a fee of 0 and not an unknown one."""
    assert DEFAULTS.taker_fee_bps.of(exchange) == FEES[exchange]


def test_budgets_are_those_of_the_spec() -> None:
    """5 a second unless a venue says otherwise; Binance counts what it has of funding by 5 minutes."""
    stated = {
        "binance_usdm": BINANCE,
        "binance_coinm": BINANCE,
        "hyperliquid": RateBudget(per_minute=1200),
        "pacifica": RateBudget(per_minute=90),
        "lighter": RateBudget(per_second=1),
    }
    common = RateBudget(per_second=5)
    assert {name: DEFAULTS.venue(name).budget for name in URLS} == {name: stated.get(name, common) for name in URLS}
    assert DEFAULTS.breaker_open_s == 300


def test_the_other_defaults_are_those_of_the_spec() -> None:
    """Sections 1, 5 to 7 and 10."""
    opp = DEFAULTS.opp
    assert (DEFAULTS.start_date, DEFAULTS.snapshot_min, DEFAULTS.window_days) == (date(2025, 1, 1), 5, 30)
    assert (DEFAULTS.trailing_days, DEFAULTS.repair_hours, DEFAULTS.page_size) == (3, 6, 50)
    assert (opp.max_age_min, opp.slippage_pct, opp.holding_days, opp.oi_share) == (10, 0.04, 7, 0.01)
    assert (opp.notify, opp.notify_net_apr) == (False, 30)
    assert load().retention.snapshot_days == 30


def test_binance_is_one_venue_and_every_other_exchange_its_own() -> None:
    """Two legs at one venue are no pair."""
    assert {name: DEFAULTS.venue_of(name) for name in EXCHANGES if DEFAULTS.venue_of(name) != name} == {
        "binance_usdm": "binance",
        "binance_coinm": "binance",
    }


def test_what_is_asked_by_way_of_ccxt_comes_last_and_once(home: Path) -> None:
    """An id of an exchange that is asked already adds nothing; it has the fee of others and the common budget."""
    found = written(home, {"exchanges": ["okx", "bybit"], "ccxt_exchanges": ["phemex", "bybit"]}).funding
    assert found.enabled == ("okx", "bybit", "phemex")
    assert found.venue("phemex") == VenueSettings(base_url="")
    assert found.taker_fee_bps.of("phemex") == found.taker_fee_bps.others == 5


@pytest.mark.parametrize(
    ("stated", "budget"),
    [
        ({"base_url": "http://127.0.0.1:9"}, BINANCE),
        ({"budget": {"per_second": 2}}, RateBudget(per_second=2, per_5_minutes=500)),
        ({"budget": {"per_5_minutes": 100}}, RateBudget(per_5_minutes=100)),
        ({"budget": {"per_5_minutes": 0, "per_second": 2}}, RateBudget(per_second=2)),
        ({"workers": 1}, BINANCE),
        ({}, BINANCE),
    ],
)
def test_what_a_file_does_not_say_of_a_venue_keeps_its_default(
    home: Path, stated: dict[str, Any], budget: RateBudget
) -> None:
    """Also within a budget: one more window lifts none of the others. Other venues are what they were."""
    found, default = written(home, {"venues": {"binance_usdm": stated}}).funding.venues, DEFAULTS.venues
    usdm = found.binance_usdm
    assert usdm.budget == budget
    assert usdm.market_budget == default.binance_usdm.market_budget
    assert usdm.base_url == stated.get("base_url", "https://fapi.binance.com")
    assert usdm.workers == stated.get("workers", 4)
    assert found.model_copy(update={"binance_usdm": default.binance_usdm}) == default


def test_the_environment_says_what_it_says_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One venue may be said in both; what neither says keeps its default."""
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__VENUES__BYBIT__BUDGET__PER_SECOND", "2")
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__VENUES__LIGHTER__BASE_URL", "http://127.0.0.1:9")
    bybit = {"base_url": "http://127.0.0.1:8", "budget": {"per_second": 3, "per_day": 1000}}
    found = written(home, {"venues": {"bybit": bybit}}).funding.venues
    assert found.bybit == VenueSettings(
        base_url="http://127.0.0.1:8",
        budget=RateBudget(per_second=2, per_day=1000),
        market_budget=RateBudget(per_second=5),
    )
    assert found.lighter.base_url == "http://127.0.0.1:9"
    assert found.lighter.budget == RateBudget(per_second=1)
    assert found.okx == DEFAULTS.venues.okx


def test_each_vendor_is_asked_where_the_settings_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, the archive included; the sandbox has a route for each."""
    found = written(home, {"venues": {"okx": {"base_url": "http://127.0.0.1:7"}}})
    assert found.base_url("okx") == "http://127.0.0.1:7"
    assert found.base_url("binance_archive") == "https://data.binance.vision"
    assert found.vendor("binance_archive").budget == RateBudget(per_second=10)
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    assert load().base_url("binance_archive") == "http://127.0.0.1:8051/binance_archive"


def test_own_overrides_come_before_the_curated_ones(home: Path) -> None:
    """The first of an exchange and native base counts."""
    own = {"exchange": "bybit", "native_base": "1000PEPE", "base_asset": "FROG", "multiplier": 10}
    found = written(home, {"instrument_overrides": [own]}).funding.overrides
    assert [row.base_asset for row in found if (row.exchange, row.native_base) == ("bybit", "1000PEPE")] == [
        "FROG",
        "PEPE",
    ]


@pytest.mark.parametrize(
    ("funding", "key", "rule"),
    [
        ({"exchanges": ["bybit", "binance"]}, "funding", "funding.exchanges are some of binance_usdm, "),
        ({"exchanges": ["bybit", "bybit"]}, "funding", "funding.exchanges must differ from each other"),
        ({"exchanges": []}, "funding.exchanges", "at least 1 item"),
        ({"taker_fee_bps": {"bybit": -1}}, "funding.taker_fee_bps.bybit", "greater than or equal to 0"),
        ({"taker_fee_bps": {"binance": 1}}, "funding.taker_fee_bps.binance", "not permitted"),
        ({"snapshot_min": 0}, "funding.snapshot_min", "greater than or equal to 1"),
        ({"snapshot_min": 31}, "funding.snapshot_min", "less than or equal to 30"),
        ({"window_days": 1}, "funding.window_days", "greater than or equal to 2"),
        ({"trailing_days": 0}, "funding.trailing_days", "greater than or equal to 1"),
        ({"repair_hours": 0}, "funding.repair_hours", "greater than or equal to 1"),
        ({"page_size": 51}, "funding.page_size", "less than or equal to 50"),
        ({"start_date": "soon"}, "funding.start_date", "valid date"),
        ({"breaker_open_s": 0}, "funding.breaker_open_s", "greater than 0"),
        ({"opp": {"oi_share": 1.5}}, "funding.opp.oi_share", "less than or equal to 1"),
        ({"opp": {"holding_days": 0}}, "funding.opp.holding_days", "greater than 0"),
        ({"opp": {"slippage_pct": -0.1}}, "funding.opp.slippage_pct", "greater than or equal to 0"),
        ({"oop": {}}, "funding.oop", "not permitted"),
        ({"venues": {"binance": {}}}, "funding.venues.binance", "not permitted"),
        ({"venues": {"bybit": "https://api.bybit.com"}}, "funding.venues.bybit", "valid dictionary"),
        ({"venues": {"bybit": {"url": "x"}}}, "funding.venues.bybit.url", "not permitted"),
        ({"venues": {"bybit": {"workers": 0}}}, "funding.venues.bybit.workers", "greater than or equal to 1"),
        (
            {"venues": {"bybit": {"budget": {"per_second": -1}}}},
            "funding.venues.bybit.budget.per_second",
            "greater than or equal to 0",
        ),
        ({"venues": {"bybit": {"budget": 5}}}, "funding.venues.bybit.budget", "valid dictionary"),
        (
            {"venues": {"binance_archive": {"workers": 2}}},
            "funding.venues.binance_archive.workers",
            "not permitted",
        ),
        (
            {"instrument_overrides": [{"exchange": "okx", "native_base": "X", "base_asset": "Y", "multiplier": 0}]},
            "funding.instrument_overrides.0.multiplier",
            "greater than 0",
        ),
    ],
)
def test_an_error_is_named_by_its_key(home: Path, funding: dict[str, Any], key: str, rule: str) -> None:
    """One line with the dotted key and the rule."""
    with pytest.raises(InvalidSettings) as refused:
        written(home, funding)
    (line,) = str(refused.value).splitlines()[1:]
    assert line.startswith(f"  {key}: ")
    assert rule in line


def test_no_day_of_snapshots_is_too_few(home: Path) -> None:
    """`retention.snapshot_days` keeps a day at least."""
    (home / "config.yaml").write_text("retention: {snapshot_days: 0}\n")
    with pytest.raises(InvalidSettings, match=r"retention\.snapshot_days: .*greater than or equal to 1"):
        load()


def test_values_depend_on_costs_and_windows_but_on_no_address() -> None:
    """The fingerprint of what is computed."""

    def fingerprint(**funding: Any) -> str:
        return load(funding=funding).config_hash()

    assert fingerprint(venues={"bybit": {"base_url": "http://127.0.0.1:9", "workers": 1}}) == fingerprint()
    assert len({fingerprint(), fingerprint(taker_fee_bps={"bybit": 1}), fingerprint(window_days=14)}) == 3


def test_config_init_writes_the_section_so_that_it_says_what_it_said(home: Path, run: Run) -> None:
    """Every key with its default; read back it is the same, and checking it finds nothing wrong."""
    assert initialised(run, home, "funding")["venues"]["pacifica"]["budget"]["per_minute"] == 90


def test_config_check_tells_every_error_of_the_section(home: Path, run: Run) -> None:
    """Three mistakes are three lines; the exit code is 1."""
    mistakes = {"snapshot_min": 0, "taker_fee_bps": {"okx": -2}, "venues": {"krake": {}}}
    assert keys_refused(run, home, "funding", mistakes) == {
        "funding.snapshot_min",
        "funding.taker_fee_bps.okx",
        "funding.venues.krake",
    }


def test_config_show_tells_what_is_in_force(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment over file over default, down to one window of one venue's budget."""
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__VENUES__BYBIT__BUDGET__PER_SECOND", "2")
    (home / "config.yaml").write_text("funding: {snapshot_min: 10, taker_fee_bps: {bybit: 1.5}}\n")
    shown = yaml.safe_load(run("show")[1])["funding"]
    assert (shown["snapshot_min"], shown["window_days"]) == (10, 30)
    assert (shown["taker_fee_bps"]["bybit"], shown["taker_fee_bps"]["okx"]) == (1.5, 5.0)
    assert (shown["venues"]["bybit"]["budget"]["per_second"], shown["venues"]["okx"]["budget"]["per_second"]) == (2, 5)
