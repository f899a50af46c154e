"""Laws of incidents, over any history of what is found, what cannot be looked at, and who is silent."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.ops.settings import QuietHours
from market_assets.ops.transforms.deciding import decide
from market_assets.ops.transforms.incidents import Due, Finding, Incident, Silence
from market_assets.ops.transforms.quiet import is_quiet
from tests.market_assets.ops.transforms.timeline import NOON, SETTINGS

#: subject -> what explains it; a circle among them, as nothing promises that there is none
GRAPH = {
    "source:a": (),
    "raw": ("source:a",),
    "derived": ("raw", "source:a"),
    "page": ("derived", "circle"),
    "circle": ("page",),
}
RULES = SETTINGS.model_copy(update={"quiet_hours": QuietHours(start=time(13), end=time(14)), "remind_h": 1.0})
SETTLED, PATIENCE = timedelta(seconds=RULES.settle_s), timedelta(minutes=RULES.first_cause_min)


def findings(draw: st.DrawFn) -> list[Finding]:
    """Some of what can be wrong."""
    return [
        Finding(
            subject, check, "", draw(st.sampled_from(["WARN", "ERROR"])), "", NOON, upstream=frozenset(GRAPH[subject])
        )
        for subject in GRAPH
        for check in ("x", "y")[: 2 if subject == "raw" else 1]
        if draw(st.booleans())
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[timedelta, list[Finding], tuple[str, ...], bool]]:
    """Rounds: time since the one before, what is found, what cannot be looked at, whether somebody acknowledges."""
    steps = st.sampled_from([timedelta(seconds=s) for s in (0, 30, 60, 300, 900, 3700)])
    unseen = st.lists(st.sampled_from(["source:", "raw", "p"]), max_size=1).map(tuple)
    return [(draw(steps), findings(draw), draw(unseen), draw(st.booleans())) for _ in range(draw(st.integers(1, 14)))]


@dataclass
class Book:
    """Keeps what `decide` returns, as the real book does, and holds every round against the laws."""

    silences: list[Silence] = field(default_factory=list)
    open: dict[str, Incident] = field(default_factory=dict)
    #: fingerprint -> kinds and routes said of the incident that is open
    said: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def round(self, found: Iterable[Finding], unknown: tuple[str, ...], now: datetime) -> None:
        before, present = self.open, {one.fingerprint: one for one in found}
        decision = decide(before.values(), present.values(), unknown, now, RULES, self.silences)
        after = {one.fingerprint: one for one in decision.incidents}
        assert set(after) == set(before) | set(present)
        for due in decision.due:
            self._message(due, before.get(due.fingerprint), after, now)
        for key, one in after.items():
            if one.recovered_at is not None:
                assert key not in present, "what is found has not recovered"
                assert not one.finding.subject.startswith(unknown), "what is unknown has not recovered"
                told = self.said.pop(key, Counter())
                by_root = after.get(one.root)
                is_silenced = any(silence.covers(one.finding, now) for silence in self.silences)
                if told and not is_silenced and (by_root is None or by_root.told_at is None):
                    assert any(kind == "recover" for kind, _ in told), "who heard of it hears that it has gone"
        self.open = {key: one for key, one in after.items() if one.recovered_at is None}
        assert all(not one.root or not self.open[one.root].root for one in self.open.values()), "a cause stands alone"

    def _message(self, due: Due, before: Incident | None, after: dict[str, Incident], now: datetime) -> None:
        one, told = after[due.fingerprint], self.said.setdefault(due.fingerprint, Counter())
        assert not any(silence.covers(one.finding, now) for silence in self.silences), "silenced"
        assert told[due.kind, due.route] == 0 or due.kind == "remind", "told once"
        told[due.kind, due.route] += 1
        assert due.severity == "ERROR" or due.kind == "recover" or not is_quiet(now, RULES.quiet_hours), "quiet hours"
        if due.kind == "recover":
            assert one.recovered_at == now
            assert told.total() > 1, "nobody had heard of it"
            return
        assert not one.root, "first cause only"
        assert one.recovered_at is None
        assert one.gone_since is None
        if due.kind == "open":
            assert now - one.alone_since >= SETTLED
            assert told.total() == 1, "the first message"
        elif due.kind == "worse":
            assert before is not None
            assert (before.told_as, due.severity) == ("WARN", "ERROR")
        elif due.kind == "remind":
            assert before is not None
            assert before.last_told_at is not None
            assert before.is_muted or now - before.last_told_at >= timedelta(hours=RULES.remind_h)
        else:
            assert due.route == "escalation"
            assert one.acknowledged_at is None


@settings(max_examples=80, deadline=None)
@given(history=histories(), silenced=st.sampled_from(["", "raw", "source:*", "*/y"]))
def test_laws(history: list[tuple[timedelta, list[Finding], tuple[str, ...], bool]], silenced: str) -> None:
    """One message of a kind per incident, none without cause, no recovery of what is there or unknown; all ends."""
    from dataclasses import replace

    book, now = Book(), NOON
    if silenced:
        book.silences.append(Silence(silenced, NOON + timedelta(minutes=90)))
    for step, found, unknown, is_acknowledged in history:
        now += step
        book.round(found, unknown, now)
        if is_acknowledged:
            book.open = {key: replace(one, acknowledged_at=now) for key, one in book.open.items()}
    book.round([], (), now + SETTLED)
    book.round([], (), now + 2 * SETTLED)
    book.round([], (), now + 2 * SETTLED + PATIENCE)
    assert book.open == {}


@settings(max_examples=60, deadline=None)
@given(history=histories(), last=st.composite(findings)())
def test_every_error_that_lasts_is_told_by_itself_or_by_its_cause(
    history: list[tuple[timedelta, list[Finding], tuple[str, ...], bool]], last: list[Finding]
) -> None:
    """Whatever was before: first cause only never means that nobody is told."""
    book, now = Book(), NOON
    for step, found, unknown, _ in history:
        now += step
        book.round(found, unknown, now)
    for _ in range(20):
        now += timedelta(minutes=1)
        book.round(last, (), now)
    for one in (one for one in last if one.severity == "ERROR"):
        incident = book.open[one.fingerprint]
        speaker = book.open[incident.root or one.fingerprint]
        assert speaker.told_as == "ERROR"
        assert speaker.gone_since is None
