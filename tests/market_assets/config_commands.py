"""`market-assets config` as a user runs it, and what each section of the settings owes it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from market_assets.cli import main
from market_assets.settings import load

Said = tuple[int, str]
Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`market-assets config ...`: exit code and output."""

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["market-assets", "config", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return command


def initialised(run: Run, home: Path, section: str) -> dict[str, Any]:
    """The section that `init` writes: all its keys; read back it says what it said, and nothing is wrong with it."""
    before: BaseModel = getattr(load(), section)
    assert run("init")[0] == 0
    stated: dict[str, Any] = yaml.safe_load((home / "config.yaml").read_text())[section]
    assert set(stated) == set(type(before).model_fields)
    assert getattr(load(), section) == before
    code, said = run("check")
    assert (code, said.splitlines()[:2]) == (0, ["valid: yes", "errors: none"])
    return stated


def keys_refused(run: Run, home: Path, section: str, mistakes: dict[str, Any]) -> set[str]:
    """The keys of which `check` tells an error, a line each; its exit code is 1."""
    (home / "config.yaml").write_text(yaml.safe_dump({section: mistakes}))
    code, said = run("check")
    assert (code, said.splitlines()[:2]) == (1, ["valid: no", "errors:"])
    return {line.strip().split(": ")[0] for line in said.splitlines() if line.startswith(f"  {section}")}
