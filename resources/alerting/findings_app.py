"""What is wrong with the app: answers that are errors, a cache that hardly ever has one."""

from datetime import datetime, timedelta

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.looking import NotNow
from resources.app_counts import AppCounts

#: fewer answers say nothing of a share; below so many lookups an hour a cache has nothing to do
_FEWEST_ANSWERS, _BUSY = 20, 1000
#: an app that has not written for so long has ended, or hangs; for so long nobody knows how it does
_SILENT, _OVER = timedelta(minutes=2), timedelta(hours=1)


def app(counts: AppCounts | None, settings: AlertSettings, now: datetime) -> list[Finding]:
    """Shares that are worse than `alerts` allows. Raises NotNow while the app that counts is silent."""
    if counts is None or now - counts.at > _OVER:
        return []
    if now - counts.at > _SILENT:
        raise NotNow(f"the app last counted at {counts.at:%H:%M:%S}Z")
    return [*_errors(counts, settings), *_cache(counts, settings)]


def _errors(counts: AppCounts, settings: AlertSettings) -> list[Finding]:
    warn, error = settings.api_errors
    share = counts.n_errors / counts.n_answers if counts.n_answers else 0.0
    if counts.n_answers < _FEWEST_ANSWERS or share <= warn:
        return []
    said = f"{share:.0%} of the {counts.n_answers} answers of the last 15 minutes were errors of the server."
    return [Finding("app", "api_errors", "", "ERROR" if share > error else "WARN", said, counts.at)]


def _cache(counts: AppCounts, settings: AlertSettings) -> list[Finding]:
    warn, error = settings.cache_hits
    share = counts.n_hits / counts.n_lookups if counts.n_lookups else 1.0
    if counts.n_lookups <= _BUSY or share >= warn:
        return []
    said = f"The response cache had {share:.0%} of the {counts.n_lookups} answers of the last hour."
    return [Finding("app", "cache_hits", "", "ERROR" if share < error else "WARN", said, counts.at)]
