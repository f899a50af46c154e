"""Old backups go, and nothing else does."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_assets.core import clock
from market_assets.ops.settings import BackupSettings
from market_assets.settings import Settings, load
from resources.backup import keeping, prune_backups, take
from resources.backup.archive import pack
from tests.resources.backup.homes import restated

AT = datetime(2026, 3, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def taken(settings: Settings, at: datetime, *, whole: bool = True) -> str:
    """Take a backup at an instant; its name."""
    with clock.frozen(at):
        folder = take(settings).path
    if not whole:
        restated(folder, missing={"database": "no pg_dump"})
    return folder.name


def keep(daily: int, monthly: int) -> Settings:
    return load(backup=BackupSettings(daily=daily, monthly=monthly))


def names(home: Path) -> set[str]:
    return {path.name for path in (home / "backups").iterdir()}


def aged(path: Path, hours: float) -> Path:
    """A folder or file that was last changed so long before AT."""
    if not path.suffix or path.name.startswith(".abc"):
        path.mkdir(parents=True)
        (path / "deep").mkdir()
    else:
        path.write_text("x")
    at = (AT - timedelta(hours=hours)).timestamp()
    os.utime(path, (at, at))
    return path


def test_the_newest_of_days_and_of_months_stay(home: Path):
    """Two days and one month of: two of 3 March, one each of 2 March, 28, 27 February and 5 January."""
    settings = keep(2, 1)
    january = taken(settings, datetime(2026, 1, 5, 3, tzinfo=UTC))
    first, last = (taken(settings, datetime(2026, 2, day, 3, tzinfo=UTC)) for day in (27, 28))
    second, morning, noon = (taken(settings, AT + timedelta(hours=hours)) for hours in (-24, 0, 9))
    gone = prune_backups(settings)
    assert sorted(gone) == sorted([january, first, morning])
    assert names(home) == {last, second, noon}
    assert prune_backups(settings) == []


def test_the_newest_whole_one_always_stays(home: Path):
    """Although everything newer lacks something, and days are over."""
    settings = keep(1, 0)
    whole = taken(settings, AT)
    lacking = [taken(settings, AT + n * DAY, whole=False) for n in (1, 2)]
    assert prune_backups(settings) == [lacking[0]]
    assert names(home) == {whole, lacking[1]}


def test_what_is_none_of_ours_is_left_alone(home: Path):
    """Other names, an older format, a damaged one: nobody knows what they are worth."""
    settings = keep(1, 0)
    old, damaged, gone, newest = (taken(settings, AT + n * DAY) for n in range(4))
    manifest = home / "backups" / old / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 1'))
    (home / "backups" / damaged / "manifest.json").unlink()
    (home / "backups" / "before-the-move").mkdir()
    assert prune_backups(settings) == [gone]
    assert names(home) == {old, damaged, newest, "before-the-move"}


def test_what_was_broken_off_goes_after_a_day(home: Path):
    """Backups and drills of killed processes; one that may still be under way stays."""
    old = [aged(home / place / ".abc1.part", 25) for place in ("backups", "scratch")]
    young = [aged(home / place / ".abc2.part", 23) for place in ("backups", "scratch")]
    with clock.frozen(AT):
        assert prune_backups(load()) == [".abc1.part", ".abc1.part"]
    assert [path.exists() for path in (*old, *young)] == [False, False, True, True]


def test_a_removal_that_is_broken_off_leaves_no_half_backup(home: Path, monkeypatch: pytest.MonkeyPatch):
    """What is left of it has a name that is no backup's."""
    settings = keep(1, 0)
    old, newest = (taken(settings, AT + n * DAY) for n in range(2))

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keeping.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        prune_backups(settings)
    assert [path.name for path in keeping.folders(home)] == [newest]
    assert old not in names(home)
    assert len(names(home)) == 2


def test_archives_beyond_the_last_go(home: Path, tmp_path: Path):
    """Finished ones by name; a broken-off one counts for nothing; files of others stay."""
    folder = tmp_path / "archives"
    folder.mkdir()
    source = home / "backups" / taken(load(), AT)
    stamps = ["20260301T030000Z", "20260302T030000Z", "20260302T030000Z-2", "20260303T030000Z"]
    for stamp in stamps:
        pack(source, folder / keeping.archive_name(stamp))
    newest = folder / keeping.archive_name(stamps[-1])
    newest.write_bytes(newest.read_bytes()[:-1])
    for name in ("notes.tar", ".rsync.part", "market-assets-notes.tar"):
        aged(folder / name, 100)
    left = aged(folder / ".market-assets-20260101T030000Z.tar.0.part", 25)
    with clock.frozen(AT):
        gone = keeping.prune_archives(folder, 2)
    assert gone == [keeping.archive_name(stamps[0]), left.name]
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"notes.tar", ".rsync.part", "market-assets-notes.tar", *map(keeping.archive_name, stamps[1:])}


def test_a_home_without_backups(home: Path):
    """Nothing to remove, nothing made."""
    assert prune_backups(load()) == []
    assert not (home / "backups").exists()
