"""The peer of `funding`: settled rates fetched as one would in a script, knowing nothing of this project.

    python funding_httpx.py URL FIRST UNTIL CONTRACTS OUT

Asks each exchange below URL for the settlements of the contracts listed in the JSON file CONTRACTS
([exchange, symbol] pairs) from FIRST before UNTIL, page by page, and writes them to the Parquet file OUT. No
retry, budget or breaker, nothing kept of the answers, nothing verified. Prints what it cost; the first contract
is asked for once before, for what a process loads once.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

Rows = list[dict[str, Any]]


def millis(at: pd.Timestamp) -> int:
    return at.value // 1_000_000


def binance(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    while True:
        asked = {"symbol": symbol, "startTime": first, "endTime": until - 1, "limit": 1000}
        page = client.get("/binance_usdm/fapi/v1/fundingRate", params=asked).raise_for_status().json()
        if not page:
            return pd.DataFrame(rows)[["fundingTime", "fundingRate"]]
        rows += page
        first = page[-1]["fundingTime"] + 1


def bybit(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    while until > first:
        asked = {"category": "linear", "symbol": symbol, "startTime": first, "endTime": until - 1, "limit": 200}
        page = client.get("/bybit/v5/market/funding/history", params=asked).raise_for_status().json()
        found = page["result"]["list"]
        if not found:
            break
        rows += found
        until = int(found[-1]["fundingRateTimestamp"])
    return pd.DataFrame(rows)[["fundingRateTimestamp", "fundingRate"]]


def okx(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    while until > first:
        asked = {"instId": symbol, "before": first - 1, "after": until, "limit": 400}
        page = client.get("/okx/api/v5/public/funding-rate-history", params=asked).raise_for_status().json()
        if not page["data"]:
            break
        rows += page["data"]
        until = int(page["data"][-1]["fundingTime"])
    return pd.DataFrame(rows)[["fundingTime", "realizedRate"]]


def deribit(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    while True:
        asked = {"instrument_name": symbol, "start_timestamp": first - 1, "end_timestamp": until - 1}
        path = "/deribit/api/v2/public/get_funding_rate_history"
        page = client.get(path, params=asked).raise_for_status().json()["result"]
        if not page:
            return pd.DataFrame(rows)[["timestamp", "interest_1h"]]
        rows += page
        first = page[-1]["timestamp"] + 2


def hyperliquid(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    while True:
        asked = {"type": "fundingHistory", "coin": symbol, "startTime": first, "endTime": until - 1}
        page = client.post("/hyperliquid/info", json=asked).raise_for_status().json()
        if not page:
            return pd.DataFrame(rows)[["time", "fundingRate"]]
        rows += page
        first = page[-1]["time"] + 1


def dydx(client: httpx.Client, symbol: str, first: int, until: int) -> pd.DataFrame:
    rows: Rows = []
    before = pd.Timestamp(until - 1, unit="ms").isoformat(timespec="milliseconds") + "Z"
    while True:
        asked = {"limit": 100, "effectiveBeforeOrAt": before}
        page = client.get(f"/dydx/v4/historicalFunding/{symbol}", params=asked).raise_for_status().json()
        rows += page["historicalFunding"]
        oldest = pd.Timestamp(rows[-1]["effectiveAt"])
        if millis(oldest) < first:
            found = pd.DataFrame(rows)[["effectiveAt", "rate"]]
            stamps = pd.to_datetime(found["effectiveAt"]).dt.as_unit("ms").astype("int64")
            return found.assign(effectiveAt=stamps)[stamps >= first]
        before = (oldest - pd.Timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ASK = {
    "binance_usdm": binance,
    "bybit": bybit,
    "okx": okx,
    "deribit": deribit,
    "hyperliquid": hyperliquid,
    "dydx": dydx,
}


def fetched(client: httpx.Client, exchange: str, symbol: str, first: int, until: int) -> pd.DataFrame:
    found = ASK[exchange](client, symbol, first, until)
    found.columns = ["at", "rate"]
    stamps = pd.to_datetime(found["at"].astype("int64"), unit="ms", utc=True)
    rates = found["rate"].astype("float64")
    out = pd.DataFrame({"exchange": exchange, "native_symbol": symbol, "at": stamps, "rate": rates})
    return out.drop_duplicates("at").sort_values("at")


def main(url: str, first: str, until: str, contracts: Path, out: Path) -> dict[str, float]:
    asked = json.loads(contracts.read_text())
    span = millis(pd.Timestamp(first)), millis(pd.Timestamp(until))
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        fetched(client, *asked[0], *span)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = pd.concat([fetched(client, exchange, symbol, *span) for exchange, symbol in asked])
        cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    rows.to_parquet(out, index=False)
    return cost


if __name__ == "__main__":
    where, since, until, contracts, out = sys.argv[1:]
    print(json.dumps(main(where, since, until, Path(contracts), Path(out))))
