"""A round of alerts as a sensor runs it: from real runs to incidents in the book."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.settings import load
from resources.alerting.book import IncidentBook
from sensors.alerts import alerts_sensor
from tests.resources import ledger_graph as graph
from tests.resources.ledger_graph import BREAKS, FAILS, run

MINUTE = timedelta(minutes=1)


def test_incidents_open_hang_together_and_recover(home: Path, tmp_path: Path) -> None:
    """A failed run and the check behind it are one message; when both are well again the book is empty."""
    calm = AlertSettings(disk_used=(1, 1), memory_used=(1, 1), cpu_used=(1e6, 1e6), settle_s=0)
    settings = load(home=home, vendors="sandbox", alerts=calm)
    sensor = alerts_sensor(settings, default_status=dg.DefaultSensorStatus.RUNNING)
    book = IncidentBook(home)
    now = datetime.now(UTC)
    with graph.fresh_instance(tmp_path) as instance:

        def tick(at: datetime) -> str:
            context = dg.build_sensor_context(instance=instance, repository_def=graph.DEFS.get_repository_def())
            with clock.frozen(at):
                skipped = sensor(context)
            assert isinstance(skipped, dg.SkipReason) and skipped.skip_message
            return skipped.skip_message

        BREAKS["daily"] = ValueError("broken")
        run(instance, "daily", of=("2026-01-01", "2026-01-01"))
        FAILS["summary"] = dg.AssetCheckSeverity.WARN
        run(instance, "summary")
        assert tick(now).startswith("2 findings, 2 incidents open;")
        root = next(entry for entry in book.open() if entry.root_id is None)
        assert (root.incident.finding.subject, root.incident.finding.check) == ("daily", "run_failed")
        assert [one.incident.finding.subject for one in book.attached(root.id)] == ["summary"]
        assert len(book.outbox.of_incident(root.id)) == 1
        BREAKS.clear()
        FAILS.clear()
        run(instance, "daily", of=("2026-01-01", "2026-01-01"))
        run(instance, "summary")
        tick(now + MINUTE)
        assert tick(now + 20 * MINUTE).startswith("0 findings, 0 incidents open;")
        assert book.last_round_at() == now + 20 * MINUTE
        with book.alone():
            assert tick(now + 21 * MINUTE) == "another process is running a round"
