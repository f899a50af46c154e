"""Polygon on the wire, over a real socket, against recorded bodies."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from resources.sandbox.synthetic import SyntheticBackend

from .conftest import BROWSER, EVENING, Serve, aggregates

