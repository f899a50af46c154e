"""What is wrong with a btc configuration, and what is unlikely: every finding at once, each with its dotted key.

Those of single settings are pydantic's, those between settings come from `BtcSection.contradictions`.
"""

import os
import reprlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from market_assets.btc.settings import SINGLY, BtcSection, BtcSettings, DatabaseSettings
from market_assets.core.errors import near

#: variables of earlier deployments -> the setting that each fills
OLDER_NAMES = {
    "DB_HOST": "database.host",
    "DB_PORT": "database.port",
    "DB_NAME": "database.database",
    "DB_USER": "database.user",
    "DB_PASSWORD": "database.password",
    "LOG_LEVEL": "logging.level",
    "LOG_FILE": "logging.file",
}
#: what must not stand in a file -> the variable that holds it
SECRETS = {"glassnode.api_key": "GLASSNODE_API_KEY", "database.password": "DB_PASSWORD"}
#: settings that the domains share, because the app is one process -> their key in the whole file
_SHARED = {
    "api.host": "api.host",
    "api.port": "api.port",
    "api.cors_origins": "api.cors_origins",
    "dashboard.port": "api.port",
}
#: kind of a setting -> what may stand for it, and how that is called
_TYPES: dict[object, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text"),
    SecretStr: ((str, SecretStr), "text"),
    date: ((date, str), "a date like 2021-02-01"),
}
_LONGEST_NAME = 80


class _Shown(reprlib.Repr):
    """A value in few characters; Python refuses to spell a whole number of thousands of digits."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 1000 else "a number of hundreds of digits"


_SHOWN = _Shown()


class Finding(NamedTuple):
    """A dotted key, and what is wrong or unlikely there."""

    key: str
    said: str

    def __str__(self) -> str:
        return f"{self.key}: {self.said}" if self.key else self.said


def findings(config: object) -> list[Finding]:
    """The errors in what the settings' loader has: numbers may be text, and `database` has its defaults."""
    return read_all(config, as_written=False)[1]


def dotted_keys(kind: type[BaseModel] = BtcSettings, prefix: str = "") -> Iterator[str]:
    """Every dotted key that holds a value."""
    for name, described in kind.model_fields.items():
        section = section_of(described.annotation)
        if section is None:
            yield f"{prefix}{name}"
        else:
            yield from dotted_keys(section, f"{prefix}{name}.")


def stated_settings(section: BaseModel) -> dict[str, Any]:
    """The settings of a section. Iterating over one gives what it has cached, too."""
    return {name: value for name, value in section if name in type(section).model_fields}


def section_of(annotation: object) -> type[BtcSection] | None:
    """The section that an annotation names, also where it may be left out; None for a value."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BtcSection)), None)


def within(key: str, section: str) -> bool:
    """Whether a dotted key is that of a section, or of something in it."""
    return key == section or key.startswith(f"{section}.")


def read_all(config: object, *, as_written: bool) -> tuple[BtcSettings, list[Finding]]:
    """The settings, at their defaults where the configuration is wrong, and what is wrong."""
    if as_written and isinstance(config, Mapping):
        config = _with_password(config)
    reading = _Reading(as_written)
    settings = reading.section(BtcSettings, config, "")
    assert isinstance(settings, BtcSettings)
    return settings, reading.found


def _with_password(config: Mapping[Any, Any]) -> Mapping[Any, Any]:
    database, password = config.get("database"), os.environ.get("DB_PASSWORD")
    if not isinstance(database, Mapping) or not password or database.get("password"):
        return config
    return {**config, "database": {**database, "password": password}}


class _Reading:
    """One pass over a configuration. `as_written`: each value is of its own type, and a database is complete."""

    def __init__(self, as_written: bool) -> None:
        self.as_written = as_written
        self.found: list[Finding] = []

    def section(self, kind: type[BtcSection], stated: object, at: str) -> BtcSection:
        """The section of what is stated at a dotted key."""
        if isinstance(stated, BaseModel):
            stated = stated_settings(stated)
        if not isinstance(stated, Mapping):
            self.found.append(Finding(at, f"must be a mapping of settings, was of type {type(stated).__name__}"))
            return kind.model_construct()
        prefix = f"{at}." if at else ""
        values: dict[str, Any] = {}
        sections: dict[str, BtcSection] = {}
        for name, value in stated.items():
            described = kind.model_fields.get(name) if isinstance(name, str) else None
            inner = section_of(described.annotation) if described else None
            if described is None:
                self.found.append(_unknown(prefix, name, kind))
            elif inner is None:
                values[name] = value
            elif value is not None or described.default is not None:
                sections[name] = self.section(inner, value, f"{prefix}{name}")
        whole = self._values(kind, values, prefix).model_copy(update=sections)
        told = {finding.key for finding in self.found}
        for keys, said in whole.contradictions().items() if sections else ():
            if not told.intersection(f"{prefix}{key}" for key in keys):
                self.found.append(Finding(f"{prefix}{keys[0]}", said))
        return whole

    def _values(self, kind: type[BtcSection], values: dict[str, Any], prefix: str) -> BtcSection:
        """The section of these values alone: each checked by itself, then what they must be together."""
        wrong = self._mistyped(kind, values) if self.as_written else []
        told = {where for where, _ in wrong}
        wrong += [(where, said) for where, said in _validated(kind, values)[1] if where not in told]
        names = {where[0] for where, _ in wrong}
        right = {name: value for name, value in values.items() if name not in names}
        built = _validated(kind, right)[0] or kind.model_construct()  # a required setting has no default
        wrong += [((keys[0],), said) for keys, said in built.contradictions().items() if not names.intersection(keys)]
        self.found += [Finding(prefix + ".".join(str(part) for part in where), said) for where, said in wrong]
        return built

    def _mistyped(self, kind: type[BtcSection], values: dict[str, Any]) -> list["_Wrong"]:
        fields = kind.model_fields
        missing = [name for name in fields if name not in values] if kind is DatabaseSettings else []
        of_another_type = [
            ((name, *where), said)
            for name, value in values.items()
            for where, said in _type_findings(fields[name].annotation, value)
        ]
        return [((name,), _missing(name)) for name in missing] + of_another_type


_Wrong = tuple[tuple[str | int, ...], str]


def _validated(kind: type[BtcSection], values: dict[str, Any]) -> tuple[BtcSection | None, list[_Wrong]]:
    """The section of these values, or what each wrong one must be."""
    try:
        return kind.model_validate(values, context=SINGLY), []
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False)
        # a list whose elements are wrong is called too short as well
        lists = {error["loc"][:1] for error in errors if len(error["loc"]) > 1}
        return None, [(error["loc"], _said(error)) for error in errors if error["loc"] not in lists]


def _said(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return _missing(str(error["loc"][0]))
    if error["type"] in {"string_too_short", "too_short"}:
        return "must not be empty"
    said = error["msg"].removeprefix("Value error, ")
    if error["loc"][0] == "password":
        return said
    shown = _SHOWN.repr(error["input"])
    return said if shown in said else f"{said}, was {shown}"


def _missing(name: str) -> str:
    older = [variable for variable, key in OLDER_NAMES.items() if key == f"database.{name}"]
    return "must be set, is missing" + "".join(f"; {variable} in the environment sets it" for variable in older)


def _type_findings(annotation: Any, value: object) -> Iterator[_Wrong]:
    """What is of another type than it must be, in a value or in the elements of a list."""
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        yield from _type_findings(inner[0], value)
    elif kind is tuple and not isinstance(value, list | tuple):
        yield (), f"must be a list, was of type {type(value).__name__}"
    elif kind is tuple and isinstance(value, list | tuple):
        for place, element in enumerate(value):
            for where, said in _type_findings(inner[0], element):
                yield (place, *where), said
    elif annotation in _TYPES:
        types, called = _TYPES[annotation]
        if not isinstance(value, types) or (isinstance(value, bool) and annotation is not bool):
            yield (), f"must be {called}, was of type {type(value).__name__}"


def _unknown(prefix: str, name: object, kind: type[BtcSection]) -> Finding:
    shown = name[:_LONGEST_NAME] if isinstance(name, str) and name.isprintable() and name else _SHOWN.repr(name)
    key = f"{prefix}{shown}"
    if key in SECRETS:
        return Finding(key, f"a secret belongs in the environment alone, as {SECRETS[key]}")
    if key in _SHARED:
        return Finding(key, f"no such setting of btc; {_SHARED[key]} is that of all domains")
    known = list(dotted_keys())
    elsewhere = [other for other in known if other.rsplit(".", 1)[-1] == shown]
    nearest = (
        near(key, elsewhere)
        or elsewhere
        or [prefix + other for other in near(shown, kind.model_fields)]
        or near(key, known)
    )
    return Finding(key, "no such setting" + (f"; did you mean {nearest[0]}?" if nearest else ""))


def unlikely(settings: BtcSettings, wrong: set[str], *, api_key_present: bool) -> Iterator[Finding]:
    """What is valid and still not what a person is likely to want, told of settings that are not wrong themselves."""
    glassnode, features, training = settings.glassnode, settings.features, settings.training_data
    horizon, entry = max(settings.labels.horizons), settings.labels.entry_delay_hours
    if not api_key_present:
        said = "GLASSNODE_API_KEY is not set: btc_price and btc_liquidations cannot be fetched"
        yield Finding("glassnode.api_key", said)
    rules: list[tuple[bool, tuple[str, ...], str]] = [
        (
            features.rpn.level > 10,
            ("features.rpn.level",),
            f"{features.rpn.level} is above 10: the trend needs a history of years",
        ),
        (
            features.bin.n_clusters % 2 == 0,
            ("features.bin.n_clusters",),
            f"{features.bin.n_clusters} is even: there is no middle bin",
        ),
        (
            training.embargo_hours < horizon + entry + 2,
            ("training_data.embargo_hours", "labels.horizons", "labels.entry_delay_hours"),
            f"{training.embargo_hours} is below longest horizon + entry delay + 2 ({horizon + entry + 2}): "
            "outcomes of training rows reach into the rows tested",
        ),
        (
            settings.publication_lag_minutes < 10,
            ("publication_lag_minutes",),
            f"{settings.publication_lag_minutes} is below 10: the vendor publishes about 10 minutes after the hour",
        ),
        (
            glassnode.requests_per_minute > 10,
            ("glassnode.requests_per_minute",),
            f"{glassnode.requests_per_minute} is above 10: see that the vendor's plan allows as many",
        ),
        (
            features.dominance.min_hours < 720,
            ("features.dominance.min_hours",),
            f"{features.dominance.min_hours} is below 720: quantiles of less than 30 days",
        ),
    ]
    for holds, keys, said in rules:
        if holds and not any(bad == "" or within(bad, key) or within(key, bad) for key in keys for bad in wrong):
            yield Finding(keys[0], said)
