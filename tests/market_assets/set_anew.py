"""Settings set as a person sets them, in this process or in one that starts with them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from market_assets.settings import settings
from tests.market_assets.test_settings import variable


def given(monkeypatch: pytest.MonkeyPatch, key: str, value: Any) -> None:
    """Set a key in the environment."""
    monkeypatch.setenv(variable(key), _told(value))
    settings.cache_clear()


def at_start(code: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a process prints as JSON that runs `code` and starts with these values by key."""
    own = {variable(key): _told(value) for key, value in values.items()}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
