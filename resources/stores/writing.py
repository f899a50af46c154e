"""What both stores do alike when they write: the new manifest, and the answer."""

from collections.abc import Mapping
from datetime import timedelta

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.revisions import Revision
from resources.stores.admission import Admitted
from resources.stores.protocol import Manifest, Written

NOTHING_NEW = Revision(0, 0, 0, None)


def new_manifest(
    contract: Contract,
    partition: str,
    admitted: Admitted,
    current: Manifest | None,
    *,
    run_id: str,
    extra: Mapping[str, str],
) -> Manifest:
    """The manifest of the version that replaces `current`; its size is not known yet.

    It is published now, but never at or before the version it replaces: two writes within one tick
    of the clock, or a stopped clock, keep their order.
    """
    now = clock.now()
    published = now if current is None else max(now, current.published_at + timedelta(microseconds=1))
    return Manifest(
        table=contract.name,
        partition=partition,
        published_at=published,
        first_published_at=published if current is None else current.first_published_at,
        rows=admitted.frame.height,
        bytes=0,
        digest=admitted.digest,
        min_time=admitted.min_time,
        max_time=admitted.max_time,
        run_id=run_id,
        extra=dict(extra),
    )


def holds(contract: Contract, current: Manifest, admitted: Admitted) -> bool:
    """Whether the current version already holds what is to be written, so that it stays as it is."""
    return has_content(current, admitted) and not contract.is_measured


def has_content(current: Manifest | None, admitted: Admitted) -> bool:
    """Whether the current version has the same content."""
    return current is not None and current.digest == admitted.digest


def days_kept(contract: Contract, days: int) -> int | None:
    """For how long every superseded version is kept; None for a live table, which keeps them by number alone."""
    return None if contract.live else days


def written(manifest: Manifest, revision: Revision, *, unchanged: bool) -> Written:
    """The answer to a write."""
    return Written(
        manifest=manifest,
        unchanged=unchanged,
        new_rows=revision.new_rows,
        revised_rows=revision.revised_rows,
        removed_rows=revision.removed_rows,
        revised_max_rel_diff=revision.max_rel_diff,
    )
