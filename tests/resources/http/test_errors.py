"""The exception tree: its drawing, its texts, its way through a pickle."""

import pickle
import re
from datetime import UTC, datetime

from resources.http import errors, redact


def test_the_drawn_tree_is_the_tree():
    """Every class of the module stands in the drawing, indented under its base, with its letters."""
    drawn: dict[str, tuple[int, str]] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^( +)([A-Z]\w+) *((?:[rc] )*)", line):
            drawn[found[2]] = (len(found[1]), found[3].replace(" ", ""))
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert set(drawn) - {"MarketAssetsError"} == set(kinds)
    for name, kind in kinds.items():
        base = kind.__bases__[0].__name__
        assert drawn[name][0] == drawn[base][0] + 2, name
        assert drawn[name][1] == ("r" if kind.retried else "") + ("c" if kind.counts else ""), name


def test_an_error_says_who_where_what_and_what_to_do():
    """The text has vendor, endpoint, context, detail and advice."""
    error = errors.Malformed("polygon", "results[3].o is missing", endpoint="/v2/aggs", context="AAPL 2020")
    assert str(error) == (
        "polygon /v2/aggs [AAPL 2020]: results[3].o is missing. "
        "Nothing was stored, the old partition stays; look at the raw response."
    )


def test_no_part_of_an_error_holds_a_key():
    """Detail, endpoint, context and advice are redacted when the error is made."""
    redact.remember("SECRET-IN-ERROR")
    error = errors.BadRequest(
        "x",
        "echo SECRET-IN-ERROR",
        endpoint="/a?apikey=SECRET-IN-ERROR",
        context="SECRET-IN-ERROR",
        advice="SECRET-IN-ERROR",
    )
    assert "SECRET-IN-ERROR" not in f"{error} {error!r} {vars(error)}"


def test_errors_survive_a_pickle():
    """An error crosses a process boundary with its type, text and fields."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    inner = errors.BudgetExhausted("yahoo", "spent", retry_at=at)
    outer = errors.AllSourcesFailed("polygon, yahoo", "AAPL 2020", [inner], ["yahoo: spent"])
    for error in (inner, outer):
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error)
        assert (str(back), back.retry_at, back.vendor) == (str(error), at, error.vendor)
    assert str(pickle.loads(pickle.dumps(outer)).failures[0]) == str(inner)


def test_a_failed_chain_names_every_source_and_the_earliest_retry():
    """AllSourcesFailed carries the trace, the earliest instant to retry and the RUNBOOK entry."""
    first = errors.CircuitOpen("yahoo", "circuit open", retry_at=datetime(2026, 11, 20, 14, 5, tzinfo=UTC))
    second = errors.BudgetExhausted("polygon", "budget spent", retry_at=datetime(2026, 11, 21, tzinfo=UTC))
    error = errors.AllSourcesFailed(
        "polygon, yahoo", "AAPL 2020", [second, first], ["polygon: budget spent", "yahoo: open"]
    )
    assert "polygon: budget spent; yahoo: open" in str(error)
    assert 'Retry after 2026-11-20 14:05:00Z or see RUNBOOK "All sources down"' in str(error)
