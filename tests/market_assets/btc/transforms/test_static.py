"""What feature code may not even contain: every way of looking ahead that a dataframe library offers."""

import ast
from pathlib import Path

import pytest

import market_assets.btc.transforms as package

#: outcomes look ahead by definition; splitting and measuring them is no feature
OUTCOMES = {"labels", "training", "splits", "performance"}
MODULES = sorted(path for path in Path(package.__file__).parent.glob("*.py") if path.stem not in OUTCOMES)
FORBIDDEN_CALLS = {"backward_fill", "interpolate", "interpolate_by", "bfill", "reverse"}


def offences(source: str) -> list[str]:
    """Each place that looks ahead: negative shift, backward fill, centred window, interpolation, reverse cumulation."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, keywords = node.func.attr, {k.arg: k.value for k in node.keywords if k.arg}
        shifted = node.args[0] if node.args else keywords.get("n")
        negative = isinstance(shifted, ast.UnaryOp) and isinstance(shifted.op, ast.USub)
        strategy = keywords.get("strategy")
        backward = isinstance(strategy, ast.Constant) and strategy.value in {"backward", "mean", "zero", "one", "max"}
        turned = any(
            isinstance(keywords.get(word), ast.Constant) and keywords[word].value is True  # type: ignore[attr-defined]
            for word in ("center", "reverse")
        )
        if (
            name in FORBIDDEN_CALLS
            or (name in {"shift", "diff", "pct_change"} and negative)
            or (name == "fill_null" and backward)
            or turned
        ):
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_feature_module_looks_ahead(module: Path) -> None:
    """G-CAUSAL-4: no negative shift, backward fill, centred window, interpolation or reverse cumulation."""
    assert offences(module.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "x.shift(-1)",
        "x.shift(n=-3)",
        "x.diff(-1)",
        "x.backward_fill(2)",
        "x.fill_null(strategy='backward')",
        "x.rolling_mean(5, center=True)",
        "x.interpolate()",
        "x.cum_sum(reverse=True)",
        "x.reverse().cum_sum()",
    ],
)
def test_the_search_finds_what_it_searches_for(line: str) -> None:
    """Each forbidden form is seen; its causal sister is not."""
    assert offences(line)
    assert not offences("x.shift(1).diff().forward_fill(3).rolling_mean(5).cum_sum()")
