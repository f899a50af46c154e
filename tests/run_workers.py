"""Processes that load the definitions of one home and execute runs, all at once; started by test_two_workers.py.

    python run_workers.py '{"sandboxes": [url, url], "asset": name, "rounds": [[keys, keys], ...]}'

There is a process for each sandbox. In every round each executes one run, over its own keys, and writes its id and
whether it succeeded. Forking saves them the imports; it is safe here because the process that forks never computes.
"""

import importlib
import json
import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

#: longest wait for the other one
_WAIT_S = 120.0
_DOMAINS = ("equities", "btc", "funding", "crypto", "bars", "ops")
#: what takes long to import and makes no definitions
_IMPORTED = ("pandera.polars", "market_assets.instance", *(f"market_assets.{domain}.assets" for domain in _DOMAINS))


def work(plan: dict[str, Any], number: int, together: Barrier) -> None:
    """What a code location does when it is loaded, then what a run worker does in every round."""
    os.environ["MARKET_ASSETS_SANDBOX_URL"] = plan["sandboxes"][number]
    import dagster as dg

    from market_assets.instance import materialize_range
    from market_assets.settings import settings

    settings.cache_clear()
    together.wait(_WAIT_S)
    from market_assets.definitions import defs

    with dg.DagsterInstance.get() as instance:
        for keys in plan["rounds"]:
            together.wait(_WAIT_S)
            for result in materialize_range(defs, instance, [plan["asset"]], keys[number], raise_on_error=False):
                sys.stdout.write(f"{result.run_id} {result.success}\n")
                sys.stdout.flush()


def crowd(plan: dict[str, Any]) -> int:
    """Fork a worker for each sandbox; how many failed."""
    for name in _IMPORTED:
        importlib.import_module(name)
    forking = multiprocessing.get_context("fork")
    together = forking.Barrier(len(plan["sandboxes"]))
    workers: list[BaseProcess] = [
        forking.Process(target=work, args=(plan, number, together)) for number in range(len(plan["sandboxes"]))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(worker.exitcode != 0 for worker in workers)


if __name__ == "__main__":
    sys.exit(crowd(json.loads(sys.argv[1])))
