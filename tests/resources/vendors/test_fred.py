"""FRED: observations by key, and files without one."""

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from market_assets.core.settings import RateBudget
from market_assets.settings import load
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    Malformed,
    NotFound,
    RateLimited,
    Unauthorized,
    VendorError,
)
from resources.vendors import fred
from resources.vendors.fred import Fred
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.minute_host import KEY, places_of, told

FIRST = date(2026, 11, 2)
FILE = b"observation_date,DGS10\n2026-11-02,4.11\n2026-11-03,.\n2026-11-04,\n2026-11-05,4.05\n"
TOLD = [(date(2026, 11, 2), 4.11), (date(2026, 11, 3), None), (date(2026, 11, 4), None), (date(2026, 11, 5), 4.05)]


def client_of(host: Host, still: StillTime, key: str | None, *, rates: RateBudget | None = None) -> Fred:
    urls = {"base_url": f"{host.url}/api", "csv_url": f"{host.url}/files"}
    settings = live_settings(host, bars={"macro": {"fred": urls}}, FRED_API_KEY=key)
    return Fred.connect(settings, rates=rates, timing=still.timing)


@pytest.fixture
def files(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch) -> Fred:
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    return client_of(host, still, None)


@pytest.fixture
def keyed(host: Host, still: StillTime) -> Fred:
    return client_of(host, still, KEY)


def answer(*values: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Observations as the service words them."""
    seen = {"realtime_start": "2026-11-20", "realtime_end": "2026-11-20"}
    observations = [{**seen, "date": day, "value": value} for day, value in values]
    return {
        "observation_start": "2026-11-02",
        "units": "lin",
        "count": len(values),
        "observations": observations,
    } | more


def test_a_series_by_key(host: Host, keyed: Fred):
    """Text becomes numbers, "." is null; the key is in the query, at the service's address."""
    host.script = [
        Says(answer(("2026-11-02", "4.11"), ("2026-11-03", "."), ("2026-11-04", ""), ("2026-11-05", "4.05")))
    ]
    found = keyed.observations("DGS10", FIRST)
    assert found.frame.rows() == TOLD
    assert (found.requests, found.bytes > 300, found.received_at) == (1, True, START)
    (asked,) = host.asked
    assert asked.path == "/api/fred/series/observations"
    assert asked.query == {
        "series_id": "DGS10",
        "observation_start": "2026-11-02",
        "file_type": "json",
        "api_key": KEY,
    }


@pytest.mark.parametrize("head", ["observation_date", "DATE"])
def test_a_series_without_a_key_is_a_file(host: Host, files: Fred, head: str):
    """The same values from the public files, whose first column was renamed once."""
    host.script = [Says(FILE.replace(b"observation_date", head.encode()), headers={"Content-Type": "text/csv"})]
    found = files.observations("DGS10", FIRST)
    assert found.frame.rows() == TOLD
    (asked,) = host.asked
    assert (asked.path, asked.query) == ("/files/graph/fredgraph.csv", {"id": "DGS10", "cosd": "2026-11-02"})
    assert "Authorization" not in asked.headers


def test_days_are_sorted_once_and_from_the_first_on(host: Host, files: Fred):
    """Days before the first are left out; of two values of one day the later line stands."""
    host.script = [Says(b"DATE,DGS10\r\n2026-11-04,4.2\r\n2026-11-01,9\r\n2026-11-03,4\r\n2026-11-04,4.3\r\n")]
    found = files.observations("DGS10", FIRST)
    assert found.frame.rows() == [(date(2026, 11, 3), 4.0), (date(2026, 11, 4), 4.3)]


def test_a_series_may_have_no_day_yet(host: Host, files: Fred, keyed: Fred):
    """An answer of none is an answer."""
    host.script = [Says(b"observation_date,DGS10\n"), Says(answer())]
    assert files.observations("DGS10", FIRST).frame.is_empty()
    assert keyed.observations("DGS10", FIRST).frame.is_empty()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the head must be observation_date,DGS10, was ''"),
        (b"<!DOCTYPE html>\n", "the head must be observation_date,DGS10, was '<!DOCTYPE html>'"),
        (
            b"observation_date,DGS2\n2026-11-02,4\n",
            "the head must be observation_date,DGS10, was 'observation_date,DGS2'",
        ),
        (b"DATE,DGS10\n2026-11-02,4\n2026-11-03\n", "line 3 must have 2 values, was '2026-11-03'"),
        (b"DATE,DGS10\n2026-11-02,n/a\n", r"lines\[0\].DGS10 must be a number, was 'n/a'"),
        (b"DATE,DGS10\n11/02/2026,4\n", r"lines\[0\].DATE must be a date like 2020-08-31, was '11/02/2026'"),
    ],
)
def test_another_file_is_malformed_by_its_first_offence(body: bytes, words: str):
    """A page, another series, or a value that is none."""
    with pytest.raises(Malformed, match=words):
        fred.parse_file(body, "DGS10")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "the body must be an object"),
        ({"count": 0}, "observations is missing"),
        (answer(observation_start="1962-01-02"), "observation_start must be 2026-11-02, as asked, was 1962-01-02"),
        (answer(("2026-11-02", "4"), count=2), "count is 2, 1 observations came"),
        (answer(("2026-11-02", "high")), r"observations\[0\].value must be a number, was 'high'"),
        (answer(("yesterday", "4")), r"observations\[0\].date must be a date"),
    ],
)
def test_another_answer_is_malformed_by_its_first_offence(body: Any, words: str):
    """A status of 200 is not success; less than all of it is not either."""
    with pytest.raises(Malformed, match=words):
        fred.parse_observations(body, FIRST)


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (
            400,
            "Bad Request.  The value for variable api_key is not registered.",
            Unauthorized,
            "FRED_API_KEY is refused",
        ),
        (400, "Bad Request.  The series does not exist.", NotFound, "does not exist.* Check bars.macro.series"),
        (400, "Bad Request.  Variable observation_start is not a date.", BadRequest, "observation_start is not a date"),
        (429, "Too Many Requests.  Exceeded Rate Limit", RateLimited, "HTTP 429: Too Many Requests"),
    ],
)
def test_refusals(host: Host, keyed: Fred, status: int, said: str, kind: type[VendorError], words: str):
    """All but the limit are an HTTP 400: the words tell them apart."""
    host.script = [Says({"error_code": status, "error_message": said}, status)]
    with pytest.raises(kind, match=words):
        keyed.observations("DGS10", FIRST)


def test_the_minute_has_sixty_requests(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch):
    """A budget, here of two a day, is kept and named as it is set."""
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    client = client_of(host, still, None, rates=RateBudget(per_day=2))
    host.script = [Says(FILE)]
    client.observations("DGS10", FIRST)
    client.observations("DGS10", FIRST)
    with pytest.raises(BudgetExhausted, match=r"\(2/2 requests\).*raise bars\.macro\.fred\.budget"):
        client.observations("DGS10", FIRST)
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    ("key", "path"), [(None, "/fred/graph/fredgraph.csv"), (KEY, "/fred/fred/series/observations")]
)
def test_the_sandbox_has_both(
    host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch, key: str | None, path: str
):
    """Below /fred there, with the paths of the vendor; rows are marked."""
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    client = Fred.connect(load(vendors="sandbox", sandbox_url=host.url, FRED_API_KEY=key), timing=still.timing)
    host.script = [Says(FILE if key is None else answer(("2026-11-02", "4.11")))]
    assert client.observations("DGS10", FIRST).frame["value"][0] == 4.11
    assert (host.asked[0].path, client.source) == (path, "fred-sandbox")


def test_the_key_appears_nowhere(host: Host, keyed: Fred, home: Path, caplog: pytest.LogCaptureFixture):
    """Also where the service repeats it."""
    caplog.set_level(logging.DEBUG)
    host.script = [Says({"error_code": 400, "error_message": f"Bad Request. {KEY} is not good"}, 400)]
    with pytest.raises(BadRequest, match=r"\[REDACTED\] is not good") as failed:
        keyed.observations("DGS10", FIRST)
    assert KEY not in told(failed.value) + caplog.text + repr(keyed)
    assert places_of(KEY, home) == []
