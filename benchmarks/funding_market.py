"""The market of the funding benchmarks that fetch: a sandbox with thousands of contracts that settle every hour.

    python -m benchmarks.funding_market PORT CONTRACTS

serves it. The contracts are spread over six exchanges, besides those that the sandbox always lists.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import NOW, environment, free_port, serving

#: the exchanges that the sandbox spreads such contracts over
EXCHANGES = ("binance_usdm", "bybit", "okx", "hyperliquid", "dydx", "deribit")
N_CONTRACTS = 2275
N_DAYS = 30
#: where the days end that are asked for
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def first_of(n_days: int) -> datetime:
    """Where the last so many days before UNTIL begin."""
    return UNTIL - timedelta(days=n_days)


@contextmanager
def market(home: Path, perpetuals: int) -> Iterator[str]:
    """A sandbox process with that many hourly contracts at the benchmarks' instant; its address."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["-m", "benchmarks.funding_market", str(port), str(perpetuals)]
    env = environment(home, MARKET_ASSETS_NOW=NOW)
    with serving(arguments, env, f"{url}/_sandbox/health", home / "sandbox.log"):
        yield url


def scaled(column: str) -> Any:
    """Whether a base is one of those contracts' (`Z000`, `Z001`, ...)."""
    import polars as pl

    return pl.col(column).str.contains(r"^Z\d{3}$")


def main() -> None:
    """Serve until terminated."""
    import uvicorn

    from resources.sandbox.app import create_app
    from resources.sandbox.synthetic import SyntheticBackend

    port, perpetuals = map(int, sys.argv[1:])
    app = create_app(SyntheticBackend(perpetuals=perpetuals))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
