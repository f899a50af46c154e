"""What a collector handed over more than `retention.segments_days` days ago and no run has published since.

Runs remove what they have published; what stays is what sources disagree about. Looks at listings and at the current
state of exchanges are segments too, and stay for ever: nobody can be asked for them again.
"""

from resources.bars_fetch import minutes_landing
from resources.crypto_fetch import klines_landing
from resources.retention.job import Job, Tally


def thin(job: Job, tally: Tally) -> None:
    """Remove whole days of a symbol or venue."""
    tally.kept_since = job.ago(job.settings.retention.segments_days)
    for landing in (klines_landing(job.settings), minutes_landing(job.settings)):
        for name in landing.exchanges():
            for day in landing.days(name):
                size = landing.size(name, day)
                # the day itself has ended a day later
                is_due = day < tally.kept_since.date()
                if is_due and not job.dry_run:
                    landing.remove(name, day)
                tally.count(removed=is_due, size=size)
