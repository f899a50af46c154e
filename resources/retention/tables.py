"""Partitions that ended more than their table's days ago, of the tables that `retention.tables` names.

The newest day, week, month or year that a table holds stays, however old: a table that nobody fills is not emptied.
"""

from datetime import date, timedelta

from market_assets.core.contracts import TIME_FORMATS
from market_assets.core.errors import InvalidRequest
from market_assets.core.partitions import split_key
from market_assets.tables import contract
from resources.removed import Removed
from resources.retention.job import MOST_PARTITIONS, Job, Kind, Tally


def kind(table: str, days: int) -> Kind:
    """The kind of one table."""
    return Kind(
        f"table:{table}", f"retention.tables.{table} = {days}", lambda job, tally: _thin(table, days, job, tally)
    )


def end_of(dimension: str, name: str) -> date:
    """The day after the last one of a partition: of week `2026-03-02` Monday the 9th."""
    if dimension == "year":
        return date(int(name) + 1, 1, 1)
    if dimension == "month":
        year, month = map(int, name.split("-"))
        return date(year + month // 12, month % 12 + 1, 1)
    return date.fromisoformat(name) + timedelta(days=7 if dimension == "week" else 1)


def _thin(table: str, days: int, job: Job, tally: Tally) -> None:
    kept = contract(table)
    times = [dimension for dimension in kept.dimensions if dimension in TIME_FORMATS]
    if not times:
        raise InvalidRequest(
            f"retention.tables names tables that are cut by day, week, month or year; {table} is cut by "
            f"{', '.join(kept.dimensions) or 'nothing'}. Take it out"
        )
    if days < 1:
        raise InvalidRequest(f"retention.tables.{table} must be 1 or more days, was {days}")
    tally.kept_since = job.ago(days)
    stored = job.store.manifests(kept)
    ends = {one.partition: end_of(times[0], split_key(one.partition, kept.dimensions)[times[0]]) for one in stored}
    tally.add(Removed(examined=len(stored)))
    if not stored:
        return
    newest = max(ends.values())
    past = [one for one in stored if ends[one.partition] <= tally.kept_since.date()]
    due = [one for one in past if ends[one.partition] < newest]
    due.sort(key=lambda one: (ends[one.partition], one.partition))
    if len(due) < len(past):
        tally.notes.append(f"{len(past) - len(due)} partitions of its newest {times[0]} stay")
    if len(due) > MOST_PARTITIONS:
        tally.notes.append(f"{len(due):,} are due, and at most {MOST_PARTITIONS:,} go at once: the others go next time")
    for one in due[:MOST_PARTITIONS]:
        tally.add(job.drop(kept, one))
