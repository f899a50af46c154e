"""A landing area and a hot cache in an empty home."""

from pathlib import Path

import pytest

from market_assets.crypto.schemas import CryptoKlines
from resources.segments import Segments
from resources.stream.hot import HotCache
from resources.stream.landing import Landing

KLINES = CryptoKlines.contract()


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(tmp_path / "landing", KLINES.schema, KLINES.key)


@pytest.fixture
def landing(segments: Segments) -> Landing:
    return Landing(segments, "venue", most=10_000)


@pytest.fixture
def hot_file(tmp_path: Path) -> Path:
    return tmp_path / "hot" / "crypto.sqlite"


@pytest.fixture
def hot(hot_file: Path) -> HotCache:
    return HotCache(hot_file, keep=500)
