"""Replays the recorded real data through the graph: `python -m tests.market_assets.equities.replay_real REPLAY`.

A process of its own with MARKET_ASSETS_EQUITIES__START_YEAR=2000: the first year is read when the graph is imported.
Writes `<home>/checks.json`: per asset, the checks that did not pass and what they saw.
"""

import json
import os
import sys
from pathlib import Path

import dagster as dg
import yaml

from market_assets.settings import settings
from resources.sandbox.replay import ReplayBackend
from tests.desk import OF_YEARS, Results, failed_checks, running, verdicts

FIRST_YEAR, LAST_YEAR = 1998, 2021
_UNIVERSE = [
    {"symbol": "AAPL"},
    {"symbol": "BAC"},
    {"symbol": "EEM", "asset_class": "etf", "valid_from": "2003-04-11"},
    {"symbol": "GOOG"},
    {"symbol": "IBM"},
    {"symbol": "QQQ", "asset_class": "etf"},
]


def main(replay: Path) -> None:
    """Materialise every asset of the domain over the ranges."""
    home = Path(os.environ["MARKET_ASSETS_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    config = {"equities": {"universe": _UNIVERSE}}
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    with running(ReplayBackend(replay)) as sandbox, dg.DagsterInstance.ephemeral() as instance:
        os.environ["MARKET_ASSETS_SANDBOX_URL"] = sandbox.url
        settings.cache_clear()
        from market_assets.definitions import build_defs
        from market_assets.equities.partitions import SYMBOLS_NAME
        from market_assets.instance import materialize_range

        symbols = [line["symbol"] for line in _UNIVERSE]
        years = [str(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
        instance.add_dynamic_partitions(SYMBOLS_NAME, symbols)
        keys = [f"{symbol}|{year}" for symbol in symbols for year in years]
        defs = build_defs(settings())
        found: dict[str, Results] = {}
        for assets, of in (
            (("equities_symbols",), None),
            (("equities_daily_bars",), keys),
            (("equities_corporate_actions",), symbols),
            (("equities_scored_bars",), keys),
            (OF_YEARS, years),
            (("equities_symbol_status",), None),
        ):
            found |= dict.fromkeys(assets, materialize_range(defs, instance, assets, of))
    told = {
        asset: {
            name: {"severity": severity}
            | {key: str(value.value) for key, value in verdicts(results, asset)[name].metadata.items()}
            for name, severity in failed_checks(results, asset).items()
        }
        for asset, results in found.items()
    }
    (home / "checks.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
