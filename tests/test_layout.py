"""The shape of the project: what is written is loaded, what is loaded is described, and readers stay light."""

import ast
import fnmatch
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from market_assets.definitions import build_defs
from market_assets.tables import QUARANTINES, TABLES, contract

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = ("market_assets", "resources", "sensors", "schedules", "dashboards")
#: filled by people, not by an asset
BY_HAND = {"equities_symbol_overrides"}
DOMAIN_FILES = {"__init__", "schemas", "transforms", "assets", "checks", "settings"}
NAMELESS = {"utils", "helpers", "common", "base", "misc", "manager"}


def modules() -> list[Path]:
    """Every Python file of the product."""
    return sorted(path for folder in CODE for path in (REPOSITORY / folder).rglob("*.py"))


def domains() -> list[Path]:
    """The folders that hold assets."""
    return sorted(path.parent for path in (REPOSITORY / "market_assets").glob("*/assets.py"))


def shown(path: Path) -> str:
    """A path as a person writes it."""
    return str(path.relative_to(REPOSITORY))


@pytest.fixture
def graph() -> BaseAssetGraph[Any]:
    """The asset graph as it is loaded."""
    return build_defs().resolve_asset_graph()


def specs() -> dict[str, dg.AssetSpec]:
    """Every loaded asset."""
    return {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}


def declared(decorators: set[str], folder: str) -> Iterator[tuple[str, str]]:
    """Name and file of every function under `folder` that one of these Dagster decorators makes something of."""
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                name = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
                if name not in decorators:
                    continue
                given = {k.arg: k.value for k in decorator.keywords} if isinstance(decorator, ast.Call) else {}
                yield written_name(given.get("name"), node.name), shown(path)


def written_name(named: ast.expr | None, otherwise: str) -> str:
    """The name that a decorator gives, `*` where it is only known when the code runs; the function's without one."""
    if isinstance(named, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in named.values)
    return str(named.value) if isinstance(named, ast.Constant) else otherwise


@pytest.mark.parametrize("folder", domains(), ids=lambda path: path.name)
def test_every_asset_of_a_domain_folder_is_loaded(folder: Path) -> None:
    """A function that declares an asset is in the graph: no folder and no asset is written for nobody."""
    written = {name for name, _ in declared({"market_asset", "asset", "multi_asset"}, shown(folder))}
    assert written
    assert written - set(specs()) == set()


def test_every_sensor_and_schedule_is_loaded() -> None:
    """What starts work is in the definitions, whatever file it is in."""
    repository = build_defs().get_repository_def()
    loaded = {sensor.name for sensor in repository.sensor_defs} | {one.name for one in repository.schedule_defs}
    written = dict(declared({"sensor", "asset_sensor", "run_failure_sensor"}, "sensors"))
    written |= dict(declared({"schedule"}, "schedules"))
    assert written
    assert {name: path for name, path in written.items() if not fnmatch.filter(loaded, name)} == {}


@pytest.mark.parametrize("folder", domains(), ids=lambda path: path.name)
def test_domains_have_the_same_files(folder: Path) -> None:
    """Card, schemas, transforms, assets, checks, settings: each a file or a package of that name."""
    present = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert DOMAIN_FILES - present == set()
    card = ast.parse((folder / "__init__.py").read_text())
    assert ast.get_docstring(card)
    assert len(card.body) == 1, "the domain card is its docstring only"


def test_every_table_has_its_asset() -> None:
    """Asset keys and table names are one flat list of names."""
    assert set(specs()) == set(TABLES) - BY_HAND


@pytest.mark.parametrize("name", sorted(set(TABLES) - BY_HAND))
def test_every_asset_is_described(name: str) -> None:
    """Description (first what one row is), owner, group, kinds and the column schema are there for the UI."""
    spec = specs()[name]
    assert spec.description is not None
    assert spec.description.startswith("One "), "the first sentence says what one row is"
    assert spec.owners == ["team:market-data"]
    assert spec.group_name == name.split("_", maxsplit=1)[0]
    assert spec.kinds
    assert spec.metadata["dagster/table_name"] == name
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(contract(name).columns)
    assert [column.name for column in columns if not column.description] == []


def test_lineage_names_columns_that_exist(graph: BaseAssetGraph[Any]) -> None:
    """Each column that a derived column is said to come from is a column of one of the asset's parents."""
    wrong: list[str] = []
    derived = 0
    for name, spec in specs().items():
        lineage = spec.metadata.get("dagster/column_lineage")
        if lineage is None:
            continue
        derived += 1
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        for column, sources in lineage.deps_by_column.items():
            for source in sources:
                parent = source.asset_key.to_user_string()
                known = parent in parents and source.column_name in contract(parent).columns
                if not known or column not in contract(name).columns:
                    wrong.append(f"{name}.{column} <- {parent}.{source.column_name}")
    assert derived >= 5
    assert wrong == []


def test_every_asset_has_checks_and_every_check_a_description(graph: BaseAssetGraph[Any]) -> None:
    """No stored table goes unjudged, and a check says what must hold."""
    judged = {key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert judged == set(specs())
    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []


def test_annotations_are_not_postponed_beside_dagster() -> None:
    """`from __future__ import annotations` breaks typed contexts of assets: no file that imports Dagster has it."""
    offending = [
        shown(path)
        for path in modules()
        if "from __future__ import annotations" in path.read_text() and "dagster" in path.read_text()
    ]
    assert offending == []


def test_every_module_says_what_belongs_in_it() -> None:
    """A docstring on top, and a name that is a subject."""
    assert [shown(path) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))] == []
    assert [shown(path) for path in modules() if path.stem in NAMELESS] == []


def test_only_the_clock_reads_the_wall_clock() -> None:
    """`datetime.now`, `date.today` and `time.time` are in core/clock.py and nowhere else."""
    readers = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
    offending = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if (node.value.id, node.attr) in readers and path.name != "clock.py":
                offending.append(f"{shown(path)}:{node.lineno}")
    assert offending == []


def imported_by(program: str, home: Path) -> set[str]:
    """The top-level modules that a fresh process has loaded after `program`."""
    script = f"import sys\n{program}\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    environment = {"MARKET_ASSETS_HOME": str(home), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment, cwd=home
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_reading_needs_no_dagster(home: Path) -> None:
    """Importing the readers, and reading a table and an adjusted one, load neither Dagster nor what is heavy."""
    from datetime import UTC, date, datetime

    import polars as pl

    from market_assets.settings import settings
    from resources.stores import open_store

    at = datetime(2024, 1, 3, tzinfo=UTC)
    bars, actions = contract("equities_daily_bars"), contract("equities_corporate_actions")
    row = dict.fromkeys(bars.columns) | dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    row |= {"symbol": "AAPL", "timeframe": "1d", "source": "polygon", "price_basis": "unadjusted", "fallback_level": 0}
    row |= {"ts": datetime(2024, 1, 2, tzinfo=UTC), "session_date": date(2024, 1, 2), "ingested_at": at}
    store = open_store(settings())
    store.write(bars, "AAPL|2024", pl.DataFrame([row], schema=bars.schema))
    store.write(actions, "AAPL", actions.empty())
    program = (
        "from market_assets import load_asset_value, scan_asset\n"
        "assert load_asset_value('equities_daily_bars').height == 1\n"
        "assert load_asset_value('equities_daily_bars', adjust='total', where={'symbol': 'AAPL'}).height == 1\n"
        "assert scan_asset('equities_daily_bars').collect().height == 1"
    )
    loaded = imported_by(program, home)
    assert "polars" in loaded
    heavy = {"dagster", "pandera", "pandas", "exchange_calendars", "sklearn", "httpx", "dash", "fastapi"}
    assert loaded & heavy == set()


def test_loading_the_definitions_loads_nothing_that_only_runs_need(home: Path) -> None:
    """Dagster loads them in every run and every tick: pandera, calendars, learners and the app stay away."""
    loaded = imported_by("import market_assets.definitions", home)
    assert "dagster" in loaded
    heavy = {"pandera", "exchange_calendars", "sklearn", "dash", "fastapi", "plotly", "psycopg"}
    assert loaded & heavy == set()


def test_every_quarantine_belongs_to_a_table() -> None:
    """A companion table has its table's columns, loosened, and the reason."""
    for name, table in QUARANTINES.items():
        columns = set(contract(name.removeprefix("quarantine_")).columns)
        assert set(table.columns) == columns | {"reason", "run_id", "row_number"}


def test_the_workspace_loads_the_definitions() -> None:
    """`dagster dev` as it is finds the same module that the tests load."""
    import yaml

    (source,) = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())["load_from"]
    assert source["python_module"]["module_name"] == "market_assets.definitions"


def test_the_lock_names_no_index() -> None:
    """Hashes pin what is installed; where it comes from is the user's choice."""
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert [line for line in lock.splitlines() if "://" in line or line.startswith("-")] == []
