"""Files of settings, for a backup: without what only the environment should hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from market_assets.core.errors import MarketAssetsError
from resources.http import redact

_SECRET_NAME = re.compile(r"(?i)password|secret|token|api_?key|credential|username|dsn|webhook")
#: names of addresses that tell no secret, where nobody's name stands in them
_PLAIN_ADDRESS = re.compile(r"(?i)(base|stream|sandbox)_url$")


class UnreadableSettings(MarketAssetsError):
    """A settings file that is no YAML: what in it is secret cannot be told."""


def copy_settings(source: Path, to: Path) -> None:
    """Copy a YAML file with every secret that stands in it masked; comments are lost. Raises UnreadableSettings."""
    try:
        found = yaml.safe_load(source.read_text())
    except yaml.YAMLError as wrong:
        raise UnreadableSettings(f"{source} must be YAML to be backed up: {type(wrong).__name__}; correct it") from None
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(redact.text(yaml.safe_dump(_masked(found, ""), sort_keys=False)))


def left_out(file: Path) -> list[str]:
    """The dotted keys of a copied YAML file whose values were masked."""
    return [key for key, value in _leaves(yaml.safe_load(file.read_text()), "") if redact.MASK in str(value)]


def variables_named(file: Path) -> list[str]:
    """The environment variables that a YAML file names by `env`."""
    return sorted(
        {str(value) for key, value in _leaves(yaml.safe_load(file.read_text()), "") if key.split(".")[-1] == "env"}
    )


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _leaves(held, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for held in value:
            yield from _leaves(held, key)
    else:
        yield key, value


def _masked(value: Any, name: str) -> Any:
    """`value` of the key `name`: text is masked where the name or an address in it is a secret's."""
    if isinstance(value, dict):
        # the name of a variable is what should stand in a file
        return {key: held if key == "env" else _masked(held, str(key)) for key, held in value.items()}
    if isinstance(value, list):
        return [_masked(held, name) for held in value]
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_NAME.search(name):
        return redact.MASK
    if isinstance(value, str) and "://" in value and (not _PLAIN_ADDRESS.search(name) or "@" in value):
        return redact.MASK
    return value
