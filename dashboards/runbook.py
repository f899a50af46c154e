"""The RUNBOOK as a page, with an anchor at the entry of every check, alert and heading, for messages to link to."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

RUNBOOK = Path(__file__).parents[1] / "RUNBOOK.md"
_CODE = re.compile(r"`([^`]+)`")
_NO_SLUG = re.compile(r"[^a-z0-9]+")
#: titles of the first column of tables whose rows are linked to
_ALERTS, _CHECKS = "alert", "asset: check"


def check_anchor(asset: str, check: str) -> str:
    """Where the entry of a check stands."""
    return f"check-{asset}-{check}"


def alert_anchor(rule: str) -> str:
    """Where the entry of an alert stands that is no check."""
    return f"alert-{rule}"


class Runbook:
    """One RUNBOOK, as it is when it is opened. `tables` maps the name of each group to its tables."""

    def __init__(self, text: str, tables: Mapping[str, Sequence[str]]) -> None:
        self._text, self._groups = text, tables

    @cached_property
    def _tokens(self) -> Sequence[Token]:
        tokens = MarkdownIt("commonmark").enable("table").parse(self._text)
        previous: Sequence[str] = ()
        kind = ""
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                token.attrSet("id", _NO_SLUG.sub("-", tokens[at + 1].content.lower()).strip("-"))
            if token.type != "tr_open":
                continue
            cell = tokens[at + 2]
            if tokens[at + 1].type == "th_open":
                kind = cell.content
            elif kind == _ALERTS:
                _mark(cell, [alert_anchor(name) for name in _CODE.findall(cell.content)])
            elif kind == _CHECKS:
                named, previous = self._of_checks(cell.content, previous)
                _mark(cell, named)
        return tokens

    @property
    def html(self) -> str:
        """The whole of it."""
        return str(MarkdownIt("commonmark").enable("table").renderer.render(self._tokens, MarkdownIt().options, {}))

    @cached_property
    def anchors(self) -> set[str]:
        """Every anchor in it."""
        marked = (child for token in self._tokens for child in token.children or () if child.type == "html_inline")
        ids = {found for child in marked for found in re.findall(r'id="([^"]+)"', child.content)}
        return ids | {str(token.attrs["id"]) for token in self._tokens if "id" in token.attrs}

    def _of_checks(self, cell: str, previous: Sequence[str]) -> tuple[list[str], Sequence[str]]:
        """The anchors of a row by its first cell (`asset`: `check`; ...), and the tables that it names last."""
        named: list[str] = []
        for group in cell.split(";"):
            subject, _, checks = group.partition(":")
            previous = self._tables(subject.strip(), previous)
            named += [check_anchor(table, check) for table in previous for check in _CODE.findall(checks)]
        return named, previous

    def _tables(self, subject: str, previous: Sequence[str]) -> Sequence[str]:
        every = [table for tables in self._groups.values() for table in tables]
        named = _CODE.findall(subject)
        if subject == "same":
            return previous
        if subject.startswith(("any", "all")):
            groups = [name for name in self._groups if name in {*named, *subject.split()}]
            return [table for name in groups for table in self._groups[name]] if groups else every
        return [name for name in named if name in every]


def _mark(cell: Token, anchors: Collection[str]) -> None:
    children = cell.children or []
    for anchor in anchors:
        mark = Token("html_inline", "", 0)
        mark.content = f'<a id="{anchor}"></a>'
        children.insert(0, mark)
    cell.children = children


def stored(groups: Mapping[str, Sequence[str]]) -> Runbook | None:
    """The RUNBOOK that this checkout has; None where it was installed without one."""
    return Runbook(RUNBOOK.read_text(), groups) if RUNBOOK.exists() else None
