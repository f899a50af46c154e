"""`market-assets` as a person types it: what it prints, writes and refuses, and its exit codes."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
import yaml

from market_assets.cli import main
from market_assets.settings import settings
from tests.desk import Desk, Sandbox, opened

SECRET = "s3cr3t-0f-the-d3sk"
BARS = ["equities_daily_bars"]


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything printed, with the wrapping of the terminal undone."""
        return " ".join(f"{self.out} {self.err}".split())


Run = Callable[..., Said]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, as the installed script does."""

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["market-assets", *arguments])
        code = 0
        capsys.readouterr()
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capsys.readouterr())

    return command


@pytest.fixture(scope="module")
def stock(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with 2023 of AAPL and SPLT, filled once."""
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("stock"), sandbox, patch) as desk:
        fill(desk)
        yield desk


@pytest.fixture
def stocked(stock: Desk, home: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """That desk, to be read."""
    stock.enter(monkeypatch)
    return stock


def fill(desk: Desk) -> None:
    """2023 of AAPL and SPLT."""
    desk.list_symbols("AAPL", "SPLT")
    desk.materialize("equities_daily_bars", keys=["AAPL|2023", "SPLT|2023"])


def test_config_check_of_defaults_is_valid_and_misses_the_key(run: Run) -> None:
    """Without any setting all is valid, and the one thing a person must do is a warning."""
    said = run("config", "check")
    assert said.code == 0
    assert said.out.splitlines()[:2] == ["valid: yes", "errors: none"]
    assert "POLYGON_API_KEY is not set" in said.out


def test_config_check_names_every_error_by_its_key(run: Run, home: Path) -> None:
    """Two mistakes in the file are two lines, each with its dotted key; the exit code is 1."""
    (home / "config.yaml").write_text("equities: {start_year: 1800, min_qualty: 0.9}\nstore: sqlite\n")
    said = run("config", "check")
    assert said.code == 1
    assert said.out.startswith("valid: no\nerrors:\n")
    for key in ("equities.start_year: ", "equities.min_qualty: ", "store: "):
        assert f"\n  {key}" in said.out
    assert said.err == ""


def test_config_check_tells_every_finding_of_btc_under_its_key(run: Run, home: Path) -> None:
    """Values, unknown names and rules between settings, each with its dotted key under `btc.`; the exit code is 1."""
    (home / "config.yaml").write_text(
        "btc:\n"
        "  features: {bin: {n_clusters: 1, n_cluster: 9, min_train_rows: 9000}, dominance: {rpn_mid_low: 0.6}}\n"
        "  training_data: {test_split: 0.9, validation_split: 0.1, embargo_hours: -1}\n"
    )
    said = run("config", "check")
    assert (said.code, said.out.splitlines()[0], said.err) == (1, "valid: no", "")
    for key in (
        "features.bin.n_clusters",
        "features.bin.n_cluster",
        "features.bin.min_train_rows",
        "features.dominance.rpn_mid_low",
        "training_data.test_split",
        "training_data.embargo_hours",
    ):
        assert f"\n  btc.{key}: " in said.out
    assert "did you mean features.bin.n_clusters?" in said.out


def test_config_check_tells_the_warnings_of_btc(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are under `btc.`, leave the exit code 0, and the key's is gone once there is one."""
    (home / "config.yaml").write_text("btc: {features: {bin: {n_clusters: 8}}, publication_lag_minutes: 0}\n")
    said = run("config", "check")
    assert said.code == 0
    assert "\n  btc.glassnode.api_key: GLASSNODE_API_KEY is not set" in said.out
    assert "\n  btc.features.bin.n_clusters: 8 is even" in said.out
    assert "\n  btc.publication_lag_minutes: 0 is below 10" in said.out
    monkeypatch.setenv("GLASSNODE_API_KEY", SECRET)
    assert "GLASSNODE_API_KEY" not in run("config", "check").out


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({}, "btc.database is set and store is duckdb: it is not used"),
        (
            {"MARKET_ASSETS_STORE": "postgres", "MARKET_ASSETS_POSTGRES_URL": "postgresql://u:p@h/d"},
            "btc.database is set and MARKET_ASSETS_POSTGRES_URL is: it is not used",
        ),
        ({"MARKET_ASSETS_STORE": "postgres"}, None),
    ],
)
def test_config_check_tells_whether_the_database_is_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], warning: str | None
) -> None:
    """An address in parts is used where the store is PostgreSQL and no whole address is set."""
    for name, value in {"DB_USER": "desk", "DB_PASSWORD": SECRET, **variables}.items():
        monkeypatch.setenv(name, value)
    said = run("config", "check")
    assert (said.code, SECRET in said.out) == (0, False)
    assert (warning or "btc.glassnode.api_key") in said.out
    assert ("not used" in said.out, "store is postgres" in said.out) == (warning is not None, False)


@pytest.mark.parametrize("name", ["MARKET_ASSETS_VENDOR", "MARKET_ASSETS_POLYGON_API_KEY"])
def test_config_check_warns_of_a_variable_that_means_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A misspelt variable, or a vendor's key under our prefix, would otherwise do nothing, quietly."""
    monkeypatch.setenv(name, "sandbox")
    said = run("config", "check")
    assert said.code == 0
    assert f"{name} is set and means nothing here" in said.out


def test_config_check_refuses_a_secret_in_the_file(run: Run, home: Path) -> None:
    """Keys belong in the environment: the variable to use is named, the value is not shown."""
    (home / "config.yaml").write_text(f"api_key: {SECRET}\npolygon_api_key: {SECRET}\n")
    said = run("config", "check")
    assert said.code == 1
    assert f"api_key stands in {home / 'config.yaml'}" in said.out
    assert "as MARKET_ASSETS_API_KEY" in said.out
    assert "as POLYGON_API_KEY" in said.out
    assert SECRET not in said.out


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"MARKET_ASSETS_STORE": "postgres"}, "store is postgres and MARKET_ASSETS_POSTGRES_URL is not set"),
        ({"MARKET_ASSETS_POSTGRES_URL": "postgresql://u:p@h/d"}, "store is duckdb: it is not used"),
        ({"MARKET_ASSETS_API__HOST": "0.0.0.0"}, "MARKET_ASSETS_API_KEY is not set: the app will not start"),
    ],
)
def test_config_check_warns_of_what_does_not_fit(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], warning: str
) -> None:
    """Valid settings that contradict each other are told."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = run("config", "check")
    assert (said.code, warning in said.out) == (0, True), said.out


def test_config_check_is_quiet_where_all_is_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sandbox there is nothing to warn about."""
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    assert run("config", "check").out == "valid: yes\nerrors: none\nwarnings: none\n"


@pytest.mark.parametrize("command", [["config", "show"], ["config", "check"], ["config", "init"]])
def test_no_config_command_shows_a_secret(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Keys and the database's password are in no output and in no written file."""
    monkeypatch.setenv("POLYGON_API_KEY", SECRET)
    monkeypatch.setenv("MARKET_ASSETS_API_KEY", SECRET)
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", f"postgresql://user:{SECRET}@host/db")
    monkeypatch.setenv("GLASSNODE_API_KEY", SECRET)
    monkeypatch.setenv("DB_USER", "desk")
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    said = run(*command)
    assert said.code == 0
    assert SECRET not in said.out + said.err
    assert all(SECRET not in path.read_text() for path in home.rglob("*.yaml"))


def test_config_show_is_what_is_in_force(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment over file over default, as YAML with the file's name above."""
    (home / "config.yaml").write_text("equities: {min_quality: 0.9, start_year: 2016}\n")
    monkeypatch.setenv("MARKET_ASSETS_EQUITIES__START_YEAR", "2017")
    said = run("config", "show")
    shown = yaml.safe_load(said.out)
    assert said.out.startswith(f"# {home / 'config.yaml'}\n")
    assert (shown["equities"]["start_year"], shown["equities"]["min_quality"]) == (2017, 0.9)
    assert shown["equities"]["vendor_delay_min"] == 120


def test_config_init_writes_a_file_that_is_valid_and_keeps_an_existing_one(run: Run, home: Path) -> None:
    """The file of defaults is read back without error; a second init wants --force."""
    assert run("config", "init").code == 0
    assert run("config", "check").out.startswith("valid: yes")
    (home / "config.yaml").write_text("store: duckdb\n")
    refused = run("config", "init")
    assert refused.code == 1
    assert "exists; pass --force to overwrite it" in refused.text
    assert (home / "config.yaml").read_text() == "store: duckdb\n"
    assert run("config", "init", "--force").code == 0
    assert "start_year: 2015" in (home / "config.yaml").read_text()


def test_an_unknown_ticker_is_refused_with_the_vendors_answer(run: Run, desk: Desk) -> None:
    """The vendor's own words, one line, no traceback, and nothing added."""
    desk.list_symbols("AAPL")
    said = run("symbols", "add", "ZZZZ")
    assert said.code == 1
    assert said.err.startswith("error: polygon /v3/reference/tickers/ZZZZ [ZZZZ]: HTTP 404: Ticker not found.")
    assert "Traceback" not in said.text
    assert "ZZZZ" not in run("symbols", "list").out


def test_adding_twice_is_no_error(run: Run, desk: Desk) -> None:
    """The first adds with the listing date the vendor states, the second says that it is there."""
    desk.list_symbols("AAPL")
    assert "added IPOX (IPOX (simulated)), listed from 2021-06-15" in run("symbols", "add", "IPOX").text
    again = run("symbols", "add", "IPOX")
    assert (again.code, again.out) == (0, "IPOX is in the universe already\n")


def test_a_removed_symbol_keeps_its_data(run: Run, desk: Desk) -> None:
    """Its bars are still read and exported; removing again is no error; an unknown one names the near ones."""
    fill(desk)
    assert "its data stay" in run("symbols", "remove", "SPLT").out
    assert desk.read("equities_daily_bars", where={"symbol": "SPLT"}).height == 250
    assert run("export", "equities_daily_bars", "--symbol", "SPLT").code == 0
    assert run("symbols", "remove", "SPLT").out == "SPLT was removed already\n"
    unknown = run("symbols", "remove", "SPLIT")
    assert (unknown.code, unknown.err) == (1, "error: no symbol named 'SPLIT'; did you mean SPLT?\n")


@pytest.mark.parametrize(
    ("option", "said"),
    [(("--asset-class", "bond"), "'stock', 'etf', 'index', 'crypto'"), (("--valid-from", "soon"), "2026-11-03")],
)
def test_an_option_that_cannot_be_is_told_before_anybody_is_asked(
    run: Run, desk: Desk, option: tuple[str, str], said: str
) -> None:
    """What may stand there is named, without a traceback and without a request."""
    desk.list_symbols("AAPL")
    refused = run("symbols", "add", "EGAP", *option)
    assert refused.code in {1, 2}
    assert said in refused.text.replace("│ ", "")
    assert desk.sandbox.asked() == {}


def test_export_writes_csv_json_and_parquet(run: Run, stocked: Desk, tmp_path: Path) -> None:
    """All three files hold the same rows; the format follows the file's name."""
    day = ["--start", "2023-12-28", "--columns", "symbol,session_date,close"]
    for name in ("bars.csv", "bars.json", "bars.parquet"):
        assert run("export", "equities_daily_bars", *day, "--out", str(tmp_path / name)).code == 0
    rows = stocked.read("equities_daily_bars", start="2023-12-28", columns=["symbol", "session_date", "close"])
    assert rows.height == 4
    assert pl.read_parquet(tmp_path / "bars.parquet").equals(rows)
    assert pl.read_csv(tmp_path / "bars.csv", try_parse_dates=True).equals(rows)
    written = json.loads((tmp_path / "bars.json").read_text())
    assert [(row["symbol"], date.fromisoformat(row["session_date"]), row["close"]) for row in written] == rows.rows()


def test_export_prints_csv_and_counts_beside_it(run: Run, stocked: Desk) -> None:
    """Standard output holds the table alone, so it can be piped; the count goes to standard error."""
    said = run("export", "equities_daily_bars", "--columns", "session_date,close", "--start", "2023-12-29")
    assert next(csv.reader(io.StringIO(said.out))) == ["session_date", "close"]
    assert len(said.out.splitlines()) == 3
    assert said.err == "2 rows of equities_daily_bars\n"


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--symbol", "AAPL"], 250),
        (["--partition", "AAPL|2023", "--partition", "SPLT|2023"], 500),
        (["--start", "2023-01-03", "--end", "2023-01-05"], 6),
        (["--start", "2023-01-07", "--end", "2023-01-08"], 0),
        (["--as-of", "2024-06-14"], 0),
    ],
)
def test_export_takes_symbols_partitions_ranges_and_versions(
    run: Run, stocked: Desk, options: list[str], rows: int
) -> None:
    """Ranges are inclusive; a weekend is an empty table; before the first publication there was nothing."""
    said = run("export", "equities_daily_bars", *options)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == rows + 1


def test_export_is_capped(run: Run, stocked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than allowed are refused with the number, not cut off; the cap can be raised for one call."""
    monkeypatch.setenv("MARKET_ASSETS_API__EXPORT_MAX_ROWS", "100")
    settings.cache_clear()
    refused = run("export", "equities_daily_bars")
    assert refused.code == 1
    assert "an export holds at most 100 rows, this one has 500" in refused.err
    assert refused.out == ""
    assert run("export", "equities_daily_bars", "--max-rows", "500").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["equities_daily_bar"], "no table named 'equities_daily_bar'; did you mean equities_daily_bars"),
        ([*BARS, "--columns", "symbol,closee"], "named 'closee'; did you mean close?"),
        ([*BARS, "--partition", "APPL|2023"], "named 'APPL|2023'; did you mean AAPL|2023"),
        ([*BARS, "--symbol", "AAPL", "--symbol", "APPL"], "no symbol named 'APPL'; did you mean AAPL"),
        ([*BARS, "--start", "2023-13-01"], "start: an instant is written like 2026-11-03"),
        ([*BARS, "--start", "2023-12-28", "--end", "2023-12-01"], "start must not be after end"),
        ([*BARS, "--adjust", "dividends"], "adjust is one of none, split, total"),
        ([*BARS, "--format", "parquet"], "parquet is binary: name a file with --out"),
        (["equities_features"], "dagster asset materialize -m market_assets.definitions --select equities_features"),
    ],
)
def test_export_of_what_does_not_exist_names_what_does(
    run: Run, stocked: Desk, arguments: list[str], said: str
) -> None:
    """One line on standard error, the near names or the next step in it, and nothing on standard output."""
    refused = run("export", *arguments)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: ")
    assert said in refused.text


def test_status_tells_what_is_stored_and_what_is_not(run: Run, stocked: Desk) -> None:
    """Two partitions of 500 rows up to 2023-12-29; a table without data says so."""
    said = run("status")
    assert said.code == 0
    (bars,) = [line for line in said.out.splitlines() if line.strip(" │").startswith("equities_daily_bars")]
    assert {"2", "500", "2023-12-29"} <= set(bars.replace("│", " ").split())
    (features,) = [line for line in said.out.splitlines() if line.strip(" │").startswith("equities_features")]
    assert {"0", "not"} <= set(features.replace("│", " ").split())


def test_symbols_list_is_the_universe_with_what_was_added(run: Run, desk: Desk) -> None:
    """A configured and an added symbol, with class and listing window."""
    desk.list_symbols("AAPL")
    run("symbols", "add", "VIX", "--asset-class", "index")
    lines = [line.replace("│", " ").split() for line in run("symbols", "list").out.splitlines()]
    assert ["AAPL", "stock", "yes", "1990-01-01"] in lines
    assert [line[:3] for line in lines if line and line[0] == "VIX"] == [["VIX", "index", "yes"]]
