"""Raw responses that did not arrive within `retention.raw_days`."""

from resources.http.raw import RawStore
from resources.http.state import VendorState
from resources.retention.job import Job, Tally


def thin(job: Job, tally: Tally) -> None:
    """Remove bodies that came last before that, and the notes of what brought them."""
    days = job.settings.retention.raw_days
    tally.kept_since = job.ago(days)
    home = job.settings.home
    if (home / "raw").is_dir():
        tally.add(RawStore.of(home, VendorState.of(home)).prune(job.now, days, dry_run=job.dry_run))
