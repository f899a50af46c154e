"""The btc domain's configuration as a person handles it: what is wrong with it, one setting of it, a file of it.

A configuration is a `BtcSettings`, or a mapping of its sections as a file holds it under the key `btc`.
A dotted key (`features.rpn.level`) leads from the domain's root. All findings are told at once, each with
its key: those of single settings by pydantic, those between settings by `BtcSection.contradictions`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from pydantic import BaseModel

from market_assets.btc.findings import SECRETS, dotted_keys, read_all, stated_settings, unlikely, within
from market_assets.btc.settings import BtcSettings
from market_assets.core.errors import InvalidRequest, UnknownName


class Report(TypedDict):
    """What `validate_config` answers; `valid` means: no errors."""

    valid: bool
    errors: list[str]
    warnings: list[str]


def validate_config(config: object, *, api_key_present: bool | None = None) -> Report:
    """Every error and every warning of a configuration, each with its dotted key. Never raises.

    Without `api_key_present`, a key is present where GLASSNODE_API_KEY is set. A `database` section states
    all that makes an address, but for the password, which may be left to DB_PASSWORD.
    """
    if api_key_present is None:
        api_key_present = bool(os.environ.get("GLASSNODE_API_KEY"))
    settings, found = read_all(config, as_written=True)
    warned = unlikely(settings, {finding.key for finding in found}, api_key_present=api_key_present)
    return Report(valid=not found, errors=[str(finding) for finding in found], warnings=[str(one) for one in warned])


def create_sample_config() -> dict[str, Any]:
    """Every setting at its default, as plain data; no secret, and no `database`."""
    return BtcSettings().model_dump(mode="json", exclude_none=True)


def get(config: Mapping[str, Any] | BtcSettings, key: str) -> Any:
    """What is in force under a dotted key: a value, or a section.

    Raises UnknownName for another key, InvalidRequest for a configuration that is not valid.
    """
    _check_known(key)
    at: Any = _settings(config)
    for name in key.split("."):
        at = getattr(at, name, None)  # below a section that is not there, nothing is set
    return at


def set_(config: Mapping[str, Any] | BtcSettings, key: str, value: object) -> BtcSettings:
    """New settings, with `value` under a dotted key (a value, or a section as a mapping).

    Raises UnknownName for another key, InvalidRequest with every finding where the result is not valid.
    """
    _check_known(key)
    tree = _tree(_settings(config))
    *sections, last = key.split(".")
    at = tree
    for name in sections:
        at = at.setdefault(name, {})
    at[last] = value
    return _settings(tree)


def save(config: Mapping[str, Any] | BtcSettings, path: Path) -> None:
    """Write the configuration to a YAML file under the key `btc`; what else the file holds stays.

    The file is replaced whole or not at all. No secret is written: settings leave theirs out, and a mapping
    that states one is refused. Raises InvalidRequest for that, for a configuration that is not valid, and for
    a file that is no settings file.
    """
    import yaml

    if not isinstance(config, BtcSettings):
        _refuse_secrets(config)
    chosen = _settings(config).model_dump(mode="json", exclude_none=True, exclude={"database": {"password"}})
    target = path.resolve()
    try:
        beside = (yaml.safe_load(target.read_text()) or {}) if target.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as unreadable:
        raise InvalidRequest(f"{path} is no YAML; move it away or mend it: {unreadable}") from None
    if not isinstance(beside, dict):
        raise InvalidRequest(f"{path} must hold a mapping of settings; move it away or mend it")
    _replace(target, yaml.safe_dump(beside | {"btc": chosen}, sort_keys=False))


def _refuse_secrets(config: Mapping[str, Any]) -> None:
    for key, variable in SECRETS.items():
        section, name = key.split(".")
        stated = config.get(section) if isinstance(config, Mapping) else None
        if isinstance(stated, Mapping) and stated.get(name):
            raise InvalidRequest(f"{key} is not written to a file: a secret belongs in the environment, as {variable}")


def _replace(target: Path, text: str) -> None:
    """Exchange a file's content in one step; its rights stay."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("w") as file:
            if target.exists():
                fresh.chmod(target.stat().st_mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _settings(config: Mapping[str, Any] | BtcSettings) -> BtcSettings:
    settings, found = read_all(config, as_written=True)
    if found:
        lines = "\n".join(f"  {finding}" for finding in found)
        raise InvalidRequest(f"the btc configuration is not valid:\n{lines}")
    return settings


def _tree(section: BaseModel) -> dict[str, Any]:
    """Sections as dictionaries, values as they are; what is None is left out."""
    stated = {name: value for name, value in stated_settings(section).items() if value is not None}
    return {name: _tree(value) if isinstance(value, BaseModel) else value for name, value in stated.items()}


def _check_known(key: str) -> None:
    known = list(dotted_keys())
    if not any(within(name, key) for name in known):
        raise UnknownName("setting", key, known)
