"""No setting is decoration: each dotted key of `btc` is read by code that does something with it (btc.md 11 and 16).

Found without running anything: an attribute counts where what it is taken from is known to be the section, by the
annotation of a parameter, an assignment in the same function, `....btc`, or what a function is annotated to return.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from market_assets.btc import settings as declared
from market_assets.btc.findings import dotted_keys
from market_assets.btc.settings import BtcSection, BtcSettings

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("market_assets", "resources", "sensors", "schedules", "dashboards")
#: where settings are declared, read from files and checked; nothing is done with them there
NO_CONSUMERS = {
    ROOT / "market_assets" / name
    for name in ("btc/settings.py", "btc/config.py", "btc/findings.py", "settings.py", "cli/config.py")
}
#: properties of sections that check or fingerprint what they read, and do nothing with it
NO_USE = {"contradictions", "feature_version"}
KEYS = list(dotted_keys())


def sections(kind: type[BaseModel] = BtcSettings, at: str = "btc") -> Iterator[tuple[str, type[BtcSection]]]:
    """Every section below `btc`, by its dotted path."""
    assert issubclass(kind, BtcSection)
    yield at, kind
    for name, described in kind.model_fields.items():
        for inner in (described.annotation, *getattr(described.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BtcSection):
                yield from sections(inner, f"{at}.{name}")


SECTIONS = dict(sections())
PATH_OF = {kind.__name__: path for path, kind in SECTIONS.items()}


def named_in(annotation: ast.expr | None) -> str | None:
    """The path of the section that an annotation names, `X | None` and text included."""
    if annotation is None:
        return None
    names = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
    texts = [node.value for node in ast.walk(annotation) if isinstance(node, ast.Constant)]
    words = [word for text in texts if isinstance(text, str) for word in re.findall(r"\w+", text)]
    return next((PATH_OF[name] for name in (*names, *words) if name in PATH_OF), None)


def arguments(function: ast.FunctionDef) -> list[ast.arg]:
    """The parameters of a function."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


class Reads(ast.NodeVisitor):
    """The settings that one module reads, as dotted paths; `returns` are functions whose answer is a section."""

    def __init__(self, returns: dict[str, str]) -> None:
        self.returns = returns
        self.scopes: list[dict[str, str]] = [{}]
        self.found: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scopes.append(
            {argument.arg: path for argument in arguments(node) if (path := named_in(argument.annotation))}
        )
        self.generic_visit(node)
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scopes.append({})
        for stated in ast.walk(node):  # a field, or what a method keeps as `self.name`
            if isinstance(stated, ast.AnnAssign) and (path := named_in(stated.annotation)):
                self.scopes[-1][f".{ast.unparse(stated.target).removeprefix('self.')}"] = path
        for method in (item for item in node.body if isinstance(item, ast.FunctionDef)):
            self.scopes.append(
                {argument.arg: path for argument in arguments(method) if (path := named_in(argument.annotation))}
            )
            kept = [
                (at, item.value) for item in ast.walk(method) if isinstance(item, ast.Assign) for at in item.targets
            ]
            known = {f".{at.attr}": self.path(value) for at, value in kept if isinstance(at, ast.Attribute)}
            self.scopes.pop()
            for name, path in known.items():
                self._know(name, path)
        self.generic_visit(node)
        self.scopes.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]  # type: ignore[attr-defined]
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    self._know(name.id, self.path(value))
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._know(node.target.id, self.path(node.value))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        section = self.path(node.value)
        if section is not None:
            self.found.add(f"{section}.{node.attr}")
        self.generic_visit(node)

    def _know(self, name: str, path: str | None) -> None:
        if path is not None:
            self.scopes[-1][name] = path

    def path(self, value: ast.expr) -> str | None:
        """The section that an expression is, or None where it is none or unknown."""
        if isinstance(value, ast.Name):
            return next((scope[value.id] for scope in reversed(self.scopes) if value.id in scope), None)
        if isinstance(value, ast.Attribute):
            below = f"{self.path(value.value)}.{value.attr}"
            attribute = f".{value.attr}"
            scopes = (*reversed(self.scopes), self.returns)
            kept = next((scope[attribute] for scope in scopes if attribute in scope), None)
            return "btc" if value.attr == "btc" else below if below in SECTIONS else kept
        if isinstance(value, ast.Call):
            called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
            return PATH_OF.get(called) or self.returns.get(called)
        if isinstance(value, ast.BoolOp):
            return next((path for path in map(self.path, value.values) if path), None)
        return None


def answering(trees: Iterable[ast.AST]) -> dict[str, str]:
    """Functions and, with a dot before the name, properties that answer with a section: name -> path."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    dots = {node: "." * ("property" in ast.unparse(node).split("def ")[0]) for node in functions}
    return {f"{dots[node]}{node.name}": path for node in functions if (path := named_in(node.returns))}


def derived() -> dict[str, set[str]]:
    """What a property of a section reads of it: `btc.delay` is the publication lag."""
    tree = ast.parse(Path(declared.__file__).read_text())
    found: dict[str, set[str]] = {}
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in PATH_OF):
        for method in (node for node in kind.body if isinstance(node, ast.FunctionDef)):
            mine = [node for node in ast.walk(method) if isinstance(node, ast.Attribute)]
            read = {f"{PATH_OF[kind.name]}.{node.attr}" for node in mine if ast.unparse(node.value) == "self"}
            if method.name not in NO_USE:
                found[f"{PATH_OF[kind.name]}.{method.name}"] = read
    return found


def reads(sources: Iterable[str]) -> set[str]:
    """The dotted keys that these modules read."""
    trees = [ast.parse(source) for source in sources]
    whole = ast.parse((ROOT / "market_assets" / "settings.py").read_text())
    returns = answering([*trees, whole])
    found: set[str] = set()
    for tree in trees:
        reading = Reads(returns)
        reading.visit(tree)
        found |= reading.found
    # a method of the whole settings counts where it is called, for what it reads itself
    called = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for method in (node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef) and node.name in called):
        reading = Reads(returns)
        reading.visit(method)
        found |= reading.found
    through = {key for name, behind in derived().items() if name in found for key in behind}
    return {key.removeprefix("btc.") for key in found | through}


@functools.cache
def consumed() -> set[str]:
    """The dotted keys that the product reads."""
    files = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py")) if path not in NO_CONSUMERS]
    return reads(path.read_text() for path in files)


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_reaches_the_code_that_uses_it(key: str) -> None:
    """A key that nobody reads would be accepted, checked, saved and ignored."""
    assert key in consumed()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(settings: BtcSettings):\n return settings.features.rpn.level", {"features.rpn.level"}),
        ("def f(found: Settings):\n return found.btc.labels.horizons", {"labels.horizons"}),
        (
            "def f(s: 'BtcSettings | None'):\n a, b = s.features.rpn, s.preprocess\n return b.scale",
            {"preprocess.scale"},
        ),
        ("def f(chosen: BinSettings):\n return chosen.method", {"features.bin.method"}),
        ("class A:\n s: BtcSettings\n def f(self):\n  return self.s.export.formats", {"export.formats"}),
        (
            "class A:\n def g(self, s: RpnSettings):\n  self._s = s\n def f(self):\n  return self._s.level",
            {"features.rpn.level"},
        ),
        ("def f(settings: BtcSettings):\n return settings.delay", {"publication_lag_minutes"}),
        ("def f(other):\n level = other.rpn.level\n return other.features.rpn.level", set()),
        ("def f(settings: BtcSettings):\n return settings.feature_version", set()),
        ("def f(settings: BtcSettings):\n g(settings.features.rpn)", set()),
        (
            "class A:\n @property\n def o(self) -> BtcSettings: ...\n def f(self):\n  return self.o.repair_days",
            {"repair_days"},
        ),
        (
            "class A:\n def __init__(self, s: Settings):\n  self.o = s.btc\n def f(self):\n  return self.o.repair_days",
            {"repair_days"},
        ),
        ("def g() -> LabelSettings: ...\ndef f():\n return g().deadband", {"labels.deadband"}),
    ],
)
def test_what_counts_as_reading(source: str, expected: set[str]) -> None:
    """The value itself is read, of something known to be the section; a like-named attribute of another is not."""
    assert {key for key in reads([source]) if key in KEYS} == expected
