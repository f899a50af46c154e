"""Symbols come and go: a new one gets partitions and its own backfill, a removed one keeps its data."""

import dagster as dg

from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.universe import add_symbol, remove_symbol
from sensors.symbols import symbols_sensor
from tests.desk import Desk

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Ticks:
    """Ticks of the sensor, one after the other, with the runs they ask for made at once."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cursor: str | None = None

    def next(self) -> list[tuple[str, str]]:
        """One tick: (asset, range) of what it asks for, nothing where it skips."""
        sensor = symbols_sensor(self.desk.settings, default_status=dg.DefaultSensorStatus.STOPPED)
        context = dg.build_sensor_context(instance=self.desk.instance, cursor=self.cursor)
        found = sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        asked = []
        for request in found.run_requests or []:
            (asset,) = [key.to_user_string() for key in request.asset_selection or []]
            asked.append((asset, "...".join(request.tags[name] for name in _RANGE if name in request.tags)))
            self.run(request)
        return asked

    def run(self, request: dg.RunRequest) -> None:
        """What the daemon would start."""
        self.desk.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.desk.instance, asset_selection=list(request.asset_selection or []), tags=dict(request.tags)
        )

    def until_quiet(self) -> list[tuple[str, str]]:
        """Ticks until one asks for nothing."""
        asked: list[tuple[str, str]] = []
        for _ in range(6):
            more = self.next()
            if not more:
                return asked
            asked += more
        raise AssertionError(f"never quiet: {asked}")


def known(desk: Desk) -> list[str]:
    """The symbols that have partitions."""
    return list(desk.instance.get_dynamic_partitions(SYMBOLS_NAME))


def test_a_configured_universe_is_listed_partitioned_and_backfilled(desk: Desk) -> None:
    """First the universe, then the last five years of its symbols in one range; then quiet."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}, {"symbol": "SPLT"}], "backfill_years": 2})
    ticks = Ticks(desk)
    assert ticks.next() == [("equities_symbols", "")]
    assert ticks.next() == [("equities_daily_bars", "AAPL|2023...SPLT|2024")]
    assert known(desk) == ["AAPL", "SPLT"]
    assert ticks.next() == []


def test_a_new_symbol_asks_only_for_its_own_years(desk: Desk) -> None:
    """Adding EGAP creates its partitions and fetches EGAP, and nobody else is asked for again."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}], "backfill_years": 2})
    ticks = Ticks(desk)
    ticks.until_quiet()
    desk.sandbox.heal()
    add_symbol(desk.store, SymbolSettings(symbol="EGAP"))
    assert ticks.until_quiet() == [("equities_symbols", ""), ("equities_daily_bars", "EGAP|2023...EGAP|2024")]
    assert known(desk) == ["AAPL", "EGAP"]
    assert [path.split("/")[4] for path in desk.sandbox.asked()] == ["EGAP"]
    assert "EGAP|2024" in desk.stored("equities_daily_bars")


def test_a_removed_symbol_keeps_partitions_and_data(desk: Desk) -> None:
    """Removal is one refresh of the universe: nothing is fetched, nothing is deleted."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}, {"symbol": "SPLT"}], "backfill_years": 1})
    ticks = Ticks(desk)
    ticks.until_quiet()
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.heal()
    assert remove_symbol(desk.store, desk.settings.equities, "SPLT")
    assert ticks.until_quiet() == [("equities_symbols", "")]
    assert known(desk) == ["AAPL", "SPLT"]
    assert desk.bytes_of("equities_daily_bars") == before
    assert desk.sandbox.asked() == {}
    assert dict(desk.read("equities_symbols").select("symbol", "active").iter_rows()) == {"AAPL": True, "SPLT": False}


def test_adding_twice_is_no_error_and_no_work(desk: Desk) -> None:
    """The same symbol again changes nothing, and the sensor stays quiet."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}], "backfill_years": 1})
    add_symbol(desk.store, SymbolSettings(symbol="EGAP"))
    ticks = Ticks(desk)
    ticks.until_quiet()
    assert add_symbol(desk.store, SymbolSettings(symbol="EGAP")) is False
    assert ticks.next() == []


def test_a_symbol_that_returns_is_not_fetched_anew(desk: Desk) -> None:
    """Removed and added again: its partitions are there already, so only the universe is refreshed."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}, {"symbol": "SPLT"}], "backfill_years": 1})
    ticks = Ticks(desk)
    ticks.until_quiet()
    remove_symbol(desk.store, desk.settings.equities, "SPLT")
    ticks.until_quiet()
    desk.sandbox.heal()
    add_symbol(desk.store, SymbolSettings(symbol="SPLT"))
    assert ticks.until_quiet() == [("equities_symbols", "")]
    assert desk.sandbox.asked() == {}


def test_years_before_the_first_configured_one_are_not_asked_for(desk: Desk) -> None:
    """`backfill_years` reaches back to `start_year` at most."""
    desk.configure(equities={"universe": [{"symbol": "AAPL"}], "backfill_years": 30, "start_year": 2023})
    ticks = Ticks(desk)
    assert ticks.until_quiet()[-1] == ("equities_daily_bars", "AAPL|2023...AAPL|2024")
