"""Makes `benchmarks` this checkout's: a dependency installs a package of the same name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
