"""The health page as a test reads it."""

from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.pages.system import PARTS

from .callbacks import ask


def filled(app: FastAPI) -> dict[str, Any]:
    """Part of the page -> what a refresh puts there."""
    outputs = [(f"health-{name}", "children") for name in PARTS]
    answer = ask(TestClient(app), outputs, ("refresh", "data", {"tick": 0}))
    return {name: answer[f"health-{name}"]["children"] for name in PARTS}


def shown(app: FastAPI) -> dict[str, str]:
    """Part of the page -> its text, and what stands in its properties."""
    return {name: str(part) for name, part in filled(app).items()}


def text(app: FastAPI) -> str:
    """All of it."""
    return "".join(shown(app).values())
