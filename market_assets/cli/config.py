"""`market-assets config`: is what is set valid, what is in force, and a file to start from."""

import os
from pathlib import Path
from typing import Any

import typer
import yaml

from market_assets.btc.config import validate_config
from market_assets.core.errors import InvalidRequest
from market_assets.settings import SECRETS, InvalidSettings, Settings, config_file, load

app = typer.Typer(no_args_is_help=True)

#: variables that are no settings: the file's place, the clock, Dagster's own storage (deploy/)
_READ_ELSEWHERE = {"MARKET_ASSETS_CONFIG", "MARKET_ASSETS_NOW", "MARKET_ASSETS_DAGSTER_POSTGRES_URL"}


@app.command()
def check() -> None:
    """Print `valid`, the errors and the warnings. Exit code 1 where there are errors."""
    try:
        found = load()
    except InvalidSettings as invalid:
        typer.echo("valid: no")
        typer.echo(f"errors:\n{str(invalid).split(chr(10), 1)[1]}")
        typer.echo("warnings: told once there are no errors")
        raise typer.Exit(1) from None
    warned = warnings(found)
    typer.echo("valid: yes")
    typer.echo("errors: none")
    typer.echo("warnings:" + ("".join(f"\n  {line}" for line in warned) if warned else " none"))


@app.command()
def show() -> None:
    """Print the settings in force as YAML; secrets are shown as stars."""
    file = config_file()
    typer.echo(f"# {file if file else 'no config file; defaults and environment'}")
    typer.echo(yaml.safe_dump(load().model_dump(mode="json"), sort_keys=False))


@app.command()
def init(path: Path | None = None, *, force: bool = False) -> None:
    """Write a config file with every default, without secrets."""
    target = path or Path(os.environ.get("MARKET_ASSETS_HOME", "data")) / "config.yaml"
    if target.exists() and not force:
        raise InvalidRequest(f"{target} exists; pass --force to overwrite it")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(defaults(), sort_keys=False))
    typer.echo(f"wrote {target}")


def defaults() -> dict[str, Any]:
    """Every setting that may stand in the file, at its default; secrets belong to the environment."""
    plain = Settings.model_construct()
    return plain.model_dump(mode="json", exclude=set(SECRETS) | {"home"})


def warnings(found: Settings) -> list[str]:
    """What is valid and still not what a person is likely to want."""
    said: list[str] = []
    if found.vendors == "live" and found.polygon_api_key is None and "polygon" in found.equities.sources:
        said.append("POLYGON_API_KEY is not set: equities_daily_bars cannot be fetched from Polygon")
    fetches = found.vendors == "sandbox" or found.glassnode_api_key is not None
    said += [f"btc.{line}" for line in validate_config(found.btc, api_key_present=fetches)["warnings"]]
    said += _of_the_database(found)
    if found.api.host not in {"127.0.0.1", "localhost", "::1"} and found.api_key is None:
        said.append(f"api.host is {found.api.host} and MARKET_ASSETS_API_KEY is not set: the app will not start")
    unknown = sorted(name for name in os.environ if name.startswith("MARKET_ASSETS_") and not _known(name))
    said += [f"{name} is set and means nothing here" for name in unknown]
    return said


def _of_the_database(found: Settings) -> list[str]:
    """An address that is missing, or that is there and not used."""
    given, parts = found.postgres_url is not None, found.btc.database is not None
    said: list[str] = []
    if found.store == "postgres" and not given and not parts:
        said.append("store is postgres and MARKET_ASSETS_POSTGRES_URL is not set, nor is btc.database")
    if found.store == "duckdb" and given:
        said.append("MARKET_ASSETS_POSTGRES_URL is set and store is duckdb: it is not used")
    if parts and (given or found.store == "duckdb"):
        why = "store is duckdb" if found.store == "duckdb" else "MARKET_ASSETS_POSTGRES_URL is"
        said.append(f"btc.database is set and {why}: it is not used")
    return said


def _known(name: str) -> bool:
    field = Settings.model_fields.get(name.removeprefix("MARKET_ASSETS_").lower().split("__")[0])
    # a field with a name of its own (POLYGON_API_KEY) is not read under ours
    return name in _READ_ELSEWHERE or (field is not None and field.validation_alias is None)
