"""What is wrong with a configuration (btc.md 11): every error and every warning, all told at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from market_assets.btc import config, findings
from market_assets.btc.settings import BtcSettings

DATABASE = {"host": "db.example", "port": 5432, "database": "btc", "user": "desk", "password": "s3cr3t-w0rd"}
KEYS = list(findings.dotted_keys())
#: everything that no positive whole number is; text, because a mapping is no environment variable
NO_COUNTS = [0, -1, 1.5, 6.0, True, "10", None, [8], float("nan")]
WINDOWS = [
    "preprocess.outlier_window_hours",
    "features.rpn.ema_span_diff",
    "features.rpn.ema_span_lld",
    "features.rpn.z_window",
    "features.rpn.extreme_window_hours",
    "features.bin.train_hours",
    "features.bin.max_model_age_hours",
    "features.bin.momentum_window_hours",
    "features.dominance.window_hours",
    "features.signals.beta_window",
    "features.signals.reverse_window",
]


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys as a configuration."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        at = tree
        for section in sections:
            at = at.setdefault(section, {})
        at[name] = value
    return tree


def errors(**values: Any) -> list[str]:
    """The errors of a configuration with these dotted keys; without a key there is always one warning."""
    report = config.validate_config(nested(values), api_key_present=False)
    assert report["valid"] is (report["errors"] == [])
    return report["errors"]


def warned(**values: Any) -> list[str]:
    """The warnings of a valid configuration with these dotted keys, where the vendor's key is set."""
    report = config.validate_config(nested(values), api_key_present=True)
    assert report["errors"] == []
    return report["warnings"]


def keys(said: list[str]) -> list[str]:
    """The dotted keys that findings are about."""
    return sorted(line.split(": ")[0] for line in said)


def test_the_default_configuration_is_valid_with_one_warning() -> None:
    """G-CFG-0: without a key there is one thing to say, whether nothing, the settings or the sample is asked about."""
    one = ["glassnode.api_key: GLASSNODE_API_KEY is not set: btc_price and btc_liquidations cannot be fetched"]
    for default in ({}, BtcSettings(), config.create_sample_config()):
        assert config.validate_config(default) == {"valid": True, "errors": [], "warnings": one}


@pytest.mark.parametrize("name", DATABASE)
@pytest.mark.parametrize("empty", ["missing", "", None])
def test_a_database_states_all_that_makes_an_address(name: str, empty: str | None) -> None:
    """G-CFG-1: a database section of which a part is missing or empty is an error, and no password is shown."""
    stated = {key: value for key, value in DATABASE.items() if key != name or empty != "missing"}
    said = errors(database=stated | ({} if empty == "missing" else {name: empty}))
    assert keys(said) == [f"database.{name}"]
    assert "s3cr3t" not in said[0]
    assert errors(database=DATABASE) == []
    assert keys(errors(database={})) == sorted(f"database.{key}" for key in DATABASE)


def test_the_password_may_be_left_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-CFG-1: a file must not hold it, so DB_PASSWORD completes the section; the rest is still asked for."""
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t-w0rd")
    assert errors(database={key: value for key, value in DATABASE.items() if key != "password"}) == []
    assert keys(errors(database={})) == ["database.database", "database.host", "database.port", "database.user"]


@pytest.mark.parametrize("value", NO_COUNTS)
def test_batch_size_is_a_positive_whole_number(value: object) -> None:
    """G-CFG-2: and a bool is no whole number."""
    assert keys(errors(**{"processing.batch_size": value})) == ["processing.batch_size"]
    assert errors(**{"processing.batch_size": 1}) == []


@pytest.mark.parametrize("value", [*NO_COUNTS, 1])
def test_there_are_at_least_two_clusters(value: object) -> None:
    """G-CFG-3: one cluster has no edge."""
    assert keys(errors(**{"features.bin.n_clusters": value})) == ["features.bin.n_clusters"]
    assert errors(**{"features.bin.n_clusters": 2}) == []


@pytest.mark.parametrize("value", NO_COUNTS)
def test_level_is_a_positive_whole_number(value: object) -> None:
    """G-CFG-4."""
    assert keys(errors(**{"features.rpn.level": value})) == ["features.rpn.level"]
    assert errors(**{"features.rpn.level": 1}) == []


@pytest.mark.parametrize("value", ["coif33", "", "morl", 3, None])
def test_the_wavelet_is_known(value: object) -> None:
    """G-CFG-5: a discrete one; `morl` is continuous and has no filter."""
    assert keys(errors(**{"features.rpn.wavelet": value})) == ["features.rpn.wavelet"]
    assert errors(**{"features.rpn.wavelet": "db4"}) == []


@pytest.mark.parametrize("value", NO_COUNTS)
def test_requests_per_minute_is_positive(value: object) -> None:
    """G-CFG-6: zero would mean that nothing is ever asked."""
    assert keys(errors(**{"glassnode.requests_per_minute": value})) == ["glassnode.requests_per_minute"]


@pytest.mark.parametrize("value", [-1, True, "10", 0.5, None])
def test_publication_lag_is_not_negative(value: object) -> None:
    """G-CFG-7: no row is available before its hour ends."""
    assert keys(errors(publication_lag_minutes=value)) == ["publication_lag_minutes"]
    assert errors(publication_lag_minutes=0) == []


@pytest.mark.parametrize("key", WINDOWS)
@pytest.mark.parametrize("value", NO_COUNTS)
def test_windows_and_spans_are_positive_whole_numbers(key: str, value: object) -> None:
    """G-CFG-8: each of them."""
    assert keys(errors(**{key: value})) == [key]


def test_windows_in_lists_are_positive_whole_numbers() -> None:
    """G-CFG-8: each element is named by its place; a slope needs two rows."""
    said = errors(**{"features.signals.beta_windows_extra": [1, 10, True], "performance.windows_hours": [168, 0, "7"]})
    assert keys(said) == [
        "features.signals.beta_windows_extra.0",
        "features.signals.beta_windows_extra.2",
        "performance.windows_hours.1",
        "performance.windows_hours.2",
    ]
    assert keys(errors(**{"features.signals.beta_windows_extra": [3, 10]})) == ["features.signals.beta_windows_extra.2"]
    assert keys(errors(**{"performance.windows_hours": 168})) == ["performance.windows_hours"]
    assert keys(errors(**{"performance.windows_hours": [168, 168]})) == ["performance.windows_hours"]


@pytest.mark.parametrize(
    ("outer", "inner", "named"),
    [
        ([0.8, 0.2], [0.4, 0.6], ["outer_quantiles"]),
        ([0.2, 0.8], [0.6, 0.4], ["inner_quantiles"]),
        ([0.0, 0.8], [0.4, 0.6], ["outer_quantiles"]),
        ([0.2, 1.0], [0.4, 0.6], ["outer_quantiles"]),
        ([0.2, 0.8], [0.4, 0.4], ["inner_quantiles"]),
        ([0.2, 0.8], [0.1, 0.6], ["outer_quantiles"]),
        ([0.2, 0.8], [0.4, 0.9], ["outer_quantiles"]),
        ([0.8, 0.2], [0.6, 0.4], ["inner_quantiles", "outer_quantiles"]),
        ([0.2, "0.8"], [0.6, 0.4], ["inner_quantiles", "outer_quantiles.1"]),
        ([0.2, float("nan")], [0.4, 0.6], ["outer_quantiles.1"]),
        ([0.2], [0.4, 0.6], ["outer_quantiles.1"]),
    ],
)
def test_quantiles_increase_inside_zero_and_one(outer: list[Any], inner: list[Any], named: list[str]) -> None:
    """G-CFG-9: each pair, and the inner one inside the outer one."""
    found = errors(**{"features.dominance.outer_quantiles": outer, "features.dominance.inner_quantiles": inner})
    assert keys(found) == [f"features.dominance.{name}" for name in named]


def test_the_middle_of_rpn_is_a_range() -> None:
    """G-CFG-10: rpn_mid_low may be equal to rpn_mid_high, and not above it."""
    low, high = "features.dominance.rpn_mid_low", "features.dominance.rpn_mid_high"
    assert errors(**{low: 0.53}) == [f"{low}: rpn_mid_low (0.53) must not exceed rpn_mid_high (0.52)"]
    assert errors(**{low: 0.52}) == []
    assert keys(errors(**{high: 0.4})) == [low]


def test_a_training_window_holds_the_rows_it_needs() -> None:
    """G-CFG-11: min_train_rows of an hourly window of train_hours."""
    said = errors(**{"features.bin.min_train_rows": 8761})
    assert said == ["features.bin.min_train_rows: min_train_rows (8761) must not exceed train_hours (8760)"]
    assert errors(**{"features.bin.min_train_rows": 8760}) == []


@pytest.mark.parametrize(
    ("name", "value", "window"),
    [
        ("features.rpn.z_min", 24, "z_window (24)"),
        ("features.dominance.min_hours", 8760, "window_hours (8760)"),
        ("data_quality.min_data_points", 4320, "preprocess.outlier_window_hours (4320)"),
    ],
)
def test_a_window_holds_the_values_it_needs(name: str, value: int, window: str) -> None:
    """More values than hours could never be reached: every feature would stay unknown."""
    assert errors(**{name: value}) == []
    (said,) = errors(**{name: value + 1})
    assert said.startswith(f"{name}: ")
    assert said.endswith(f"({value + 1}) must not exceed {window}")


@pytest.mark.parametrize(
    ("value", "at"), [([], ""), ([1, 0], ".1"), ([-1], ".0"), ([True], ".0"), (6, ""), (["6"], ".0"), ([6, 6], "")]
)
def test_horizons_are_there_and_positive(value: object, at: str) -> None:
    """G-CFG-12: and each once, because it is part of a label's key."""
    assert keys(errors(**{"labels.horizons": value})) == [f"labels.horizons{at}"]
    assert errors(**{"labels.horizons": [24]}) == []


def test_splits_leave_training_rows() -> None:
    """G-CFG-13: below 1 together, and neither negative."""
    test, validation = "training_data.test_split", "training_data.validation_split"
    assert keys(errors(**{test: 0.85, validation: 0.15})) == [test]
    assert keys(errors(**{test: -0.1})) == [test]
    assert keys(errors(**{test: -0.1, validation: -2})) == [test, validation]
    assert errors(**{test: 0, validation: 0.99}) == []


@pytest.mark.parametrize("value", [-1, True, 1.5, "48"])
def test_embargo_is_not_negative(value: object) -> None:
    """G-CFG-14."""
    assert keys(errors(**{"training_data.embargo_hours": value})) == ["training_data.embargo_hours"]


@pytest.mark.parametrize(
    ("key", "value", "offered"),
    [
        ("features.bin.method", "kmeans", "'kmeans_trailing'"),
        ("preprocess.scale", "log", "'log1p'"),
        ("preprocess.compression", "hard", "'soft'"),
        ("export.default_format", "xlsx", "'parquet'"),
        ("training_data.impute", "mean", "'median_train'"),
    ],
)
def test_a_choice_is_one_of_the_known(key: str, value: str, offered: str) -> None:
    """G-CFG-15: the error names the choices, and what was chosen."""
    (said,) = errors(**{key: value})
    assert said.startswith(f"{key}: ")
    assert offered in said
    assert f"was '{value}'" in said


def test_formats_are_known_and_hold_the_default_one() -> None:
    """G-CFG-15: formats are a list of choices; the one used where none is named must be among them."""
    assert keys(errors(**{"export.formats": ["csv", "xlsx"]})) == ["export.formats.1"]
    assert keys(errors(**{"export.formats": ["json"]})) == ["export.default_format"]
    assert errors(**{"export.formats": ["json"], "export.default_format": "json"}) == []


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("features.rpn.lvel", "did you mean features.rpn.level?"),
        ("lables", "did you mean labels?"),
        ("wavelet", "did you mean features.rpn.wavelet?"),
        ("features.bin.level", "did you mean features.rpn.level?"),
        ("api.port", "api.port is that of all domains"),
        ("dashboard.port", "api.port is that of all domains"),
        ("glassnode.api_key", "in the environment alone, as GLASSNODE_API_KEY"),
        ("zzzzzzzz.qqqq", "no such setting"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(key: str, near: str) -> None:
    """G-CFG-16: by its dotted path; what is set elsewhere says where, and its value is not shown."""
    (said,) = errors(**{key: "s3cr3t-w0rd"})
    assert said.startswith(f"{key.removesuffix('.qqqq')}: ")
    assert near in said
    assert "s3cr3t" not in said


def test_a_missing_key_of_the_vendor_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-CFG-17: told by the argument, or else by the environment, where an empty one is none."""
    assert keys(config.validate_config({}, api_key_present=False)["warnings"]) == ["glassnode.api_key"]
    assert config.validate_config({}, api_key_present=True)["warnings"] == []
    monkeypatch.setenv("GLASSNODE_API_KEY", "")
    assert keys(config.validate_config({})["warnings"]) == ["glassnode.api_key"]
    monkeypatch.setenv("GLASSNODE_API_KEY", "k3y")
    assert config.validate_config({})["warnings"] == []


@pytest.mark.parametrize(
    ("key", "unlikely", "likely"),
    [
        pytest.param("features.rpn.level", 11, 10, id="G-CFG-18"),
        pytest.param("features.bin.n_clusters", 8, 7, id="G-CFG-19"),
        pytest.param("training_data.embargo_hours", 26, 27, id="G-CFG-20"),
        pytest.param("publication_lag_minutes", 9, 10, id="G-CFG-21"),
        pytest.param("glassnode.requests_per_minute", 11, 10, id="G-CFG-22"),
        pytest.param("features.dominance.min_hours", 719, 720, id="G-CFG-23"),
    ],
)
def test_what_is_valid_and_unlikely_is_a_warning(key: str, unlikely: int, likely: int) -> None:
    """G-CFG-18 to G-CFG-23: one warning on one side of the limit, none on the other."""
    (said,) = warned(**{key: unlikely})
    assert said.startswith(f"{key}: {unlikely} is ")
    assert warned(**{key: likely}) == []


def test_the_embargo_follows_horizons_and_entry() -> None:
    """G-CFG-20: longest horizon + entry delay + 2; 48 hours do for 45 + 1, and not for 46 + 1."""
    assert warned(**{"labels.horizons": [1, 45]}) == []
    assert keys(warned(**{"labels.horizons": [46, 1]})) == ["training_data.embargo_hours"]
    assert keys(warned(**{"labels.horizons": [45], "labels.entry_delay_hours": 2})) == ["training_data.embargo_hours"]


def test_all_findings_are_told_at_once() -> None:
    """Errors of values, of unknown names and between settings of one section, beside warnings elsewhere."""
    report = config.validate_config(
        {
            "features": {
                "dominance": {
                    "min_hours": "720",
                    "mid": 1,
                    "inner_quantiles": [0.6, 0.4],
                    "rpn_mid_low": 0.9,
                    "high_quantile": 1.0,
                },
                "bin": {"min_train_rows": 9000, "n_clusters": 4},
            },
            "labels": [1, 6],
            "publication_lag_minutes": 0,
        },
        api_key_present=True,
    )
    assert keys(report["errors"]) == [
        "features.bin.min_train_rows",
        "features.dominance.high_quantile",
        "features.dominance.inner_quantiles",
        "features.dominance.mid",
        "features.dominance.min_hours",
        "features.dominance.rpn_mid_low",
        "labels",
    ]
    assert keys(report["warnings"]) == ["features.bin.n_clusters", "publication_lag_minutes"]


def test_a_wrong_value_does_not_accuse_its_neighbours() -> None:
    """A rule over two settings says nothing where one of them is wrong itself, nor does a warning."""
    assert keys(errors(**{"features.bin.train_hours": 100, "features.bin.min_train_rows": "x"})) == [
        "features.bin.min_train_rows"
    ]
    report = config.validate_config(
        nested({"training_data.embargo_hours": 1, "labels.horizons": [0]}), api_key_present=True
    )
    assert (keys(report["errors"]), report["warnings"]) == (["labels.horizons.0"], [])


def test_settings_that_were_made_without_validation_are_read_like_a_mapping() -> None:
    """`model_copy(update=...)` checks nothing; validate_config does."""
    wrong = BtcSettings().model_copy(update={"repair_days": 0, "labels": None})
    assert keys(config.validate_config(wrong)["errors"]) == ["labels", "repair_days"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted({part for key in KEYS for part in key.split(".")}))
HUGE = st.sampled_from([1, -1]).map(lambda sign: sign * 10**5000)  # Python refuses to spell it
ODD = HUGE | st.sampled_from(["\ud800", b"\xff", object(), {1, 2}, 1j, SecretStr("x"), (1, "2"), {5: 5}])
CONFIGS = st.dictionaries(
    st.sampled_from(KEYS),
    JSON | ODD | st.integers(-2, 12) | st.sampled_from([0.1, 0.9, "csv", "coif3", [1, 2, 3], [0.3, 0.7], "12", "1.5"]),
    max_size=6,
).map(nested)


@given(
    JSON
    | ODD
    | CONFIGS
    | st.recursive(ODD | JSON, lambda inner: st.dictionaries(NAMES | st.just(5), inner, max_size=5))
)
def test_nothing_raises(stated: object) -> None:
    """Any value of any type is answered; what is called valid is accepted by the settings, whatever was warned of."""
    report = config.validate_config(stated)
    assert report["valid"] is (report["errors"] == [])
    assert all(isinstance(line, str) for line in report["errors"] + report["warnings"])
    if report["valid"]:
        BtcSettings.model_validate(stated)


@given(CONFIGS | JSON)
def test_the_loader_finds_an_error_exactly_where_the_settings_refuse(stated: object) -> None:
    """`findings` names something if and only if the settings do not take it, so no error is ever lost."""
    try:
        BtcSettings.model_validate(stated)
    except ValidationError:
        assert findings.findings(stated) != []
    else:
        assert findings.findings(stated) == []
