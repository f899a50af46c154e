"""A backup as one file: what is in it, and that no byte of it can change unnoticed."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.settings import load
from resources.backup import BackupRefused, pack, take, verify
from resources.backup.archive import is_finished
from tests.resources.backup.homes import filled, furnish, members_of, sealed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a backup, of which nothing is changed."""
    with pytest.MonkeyPatch.context() as patched:
        home = tmp_path_factory.mktemp("home")
        patched.setenv("MARKET_ASSETS_HOME", str(home))
        patched.delenv("DAGSTER_HOME", raising=False)
        furnish(home)
        return take(filled()).path


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of its archive."""
    return pack(folder, tmp_path_factory.mktemp("archives") / "backup.tar").read_bytes()


def refused(path: Path, content: bytes) -> str:
    """What is said of an archive with this content."""
    path.write_bytes(content)
    with pytest.raises(BackupRefused) as said:
        verify(path)
    return str(said.value)


def test_every_file_is_in_it_the_manifest_first(folder: Path, whole: bytes, tmp_path: Path):
    """Any tar reads it; what it states is what the folder states."""
    (tmp_path / "backup.tar").write_bytes(whole)
    with tarfile.open(fileobj=io.BytesIO(whole)) as opened:
        names = opened.getnames()
        look = opened.extractfile("segments/live/look.parquet")
        assert look is not None
        assert look.read() == b"look"
    assert names[0] == "manifest.json"
    assert names[-1] == "archive.sha256"
    assert set(names[:-1]) == {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    ours, theirs = verify(tmp_path / "backup.tar"), verify(folder)
    assert (ours.tables, ours.files, ours.rows) == (theirs.tables, theirs.files, 4)


def test_the_same_backup_is_the_same_archive(folder: Path, whole: bytes, tmp_path: Path):
    """No clock, user or machine in it."""
    assert pack(folder, tmp_path / "again.tar").read_bytes() == whole


@pytest.mark.parametrize("end", [0, 1, 511, 512, 513, 1024, 0.1, 0.5, 0.9, -1, -512, -1024, -1025, -1536, -2048, -2560])
def test_one_that_was_cut_short_is_refused(tmp_path: Path, whole: bytes, end: float):
    """Wherever the copying ended: in a header, in a file, between two, in the seal."""
    cut = whole[: int(len(whole) * end) if isinstance(end, float) else end]
    assert "cut short" in refused(tmp_path / "cut.tar", cut)


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that changed archives are written to."""
    return tmp_path_factory.mktemp("flipped") / "flipped.tar"


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_seen(whole: bytes, flipped: Path, data: st.DataObject):
    """Also in padding, in times of files and behind the end."""
    at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    assert "changed" in refused(flipped, bytes(changed))


@pytest.mark.parametrize("more", [b"\0", bytes(512), bytes(10_240), b"x" * 700])
def test_what_was_added_to_is_refused(tmp_path: Path, whole: bytes, more: bytes):
    """A byte, blocks as tar pads with, anything; and a second archive behind the first."""
    assert "added to" in refused(tmp_path / "more.tar", whole + more)
    assert "added to" in refused(tmp_path / "twice.tar", whole + whole)


def test_what_is_no_archive_is_refused(tmp_path: Path):
    """Another file, an archive of another kind, and a name that is not there."""
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("manifest.json"))
    assert "no archive" in refused(tmp_path / "other.tar", other.getvalue())
    assert "no archive" in refused(tmp_path / "text.tar", b"text" * 1000)
    with pytest.raises(BackupRefused, match="neither a folder nor an archive"):
        verify(tmp_path / "nothing.tar")


def link(kind: bytes) -> tarfile.TarInfo:
    """A member that is no file."""
    member = tarfile.TarInfo("lake/crypto_signals/linked.parquet")
    member.type, member.linkname = kind, "../../etc/passwd"
    return member


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (tarfile.TarInfo("lake/more.parquet"), "has 'lake/more.parquet' as well"),
        (tarfile.TarInfo("../outside"), "files below itself alone; '../outside'"),
        (tarfile.TarInfo("lake/../../outside"), "files below itself alone"),
        (tarfile.TarInfo("lake/./more"), "files below itself alone"),
        (tarfile.TarInfo("/outside"), "files below itself alone; '/outside'"),
        (tarfile.TarInfo("manifest.json"), "every file once; 'manifest.json'"),
        (link(tarfile.SYMTYPE), "plain files alone"),
        (link(tarfile.LNKTYPE), "plain files alone"),
        (link(tarfile.CHRTYPE), "plain files alone"),
        (link(tarfile.FIFOTYPE), "plain files alone"),
        (link(tarfile.DIRTYPE), "plain files alone"),
    ],
    ids=lambda given: given if isinstance(given, str) else f"{given.name} {given.type!r}",
)
def test_a_member_too_much_is_refused_also_with_the_right_seal(
    folder: Path, tmp_path: Path, added: tarfile.TarInfo, words: str
):
    """Somebody who can compute the digest gets no further: by name, by kind, by number."""
    path = sealed(tmp_path / "more.tar", [*members_of(folder), (added, b"")])
    with pytest.raises(BackupRefused) as said:
        verify(path)
    assert words in str(said.value)


@pytest.mark.parametrize(
    ("tampered", "words"),
    [
        (lambda members: members[:-1], "lacks 1 files of its manifest"),
        (lambda members: members[1:], "must begin with manifest.json"),
        (lambda members: [*members[:-1], (members[-1][0], b"another")], "is not as it was taken"),
        (lambda members: [(members[0][0], b"{}"), *members[1:]], "is not as it was written"),
        (lambda members: [], "must begin with manifest.json"),
    ],
)
def test_what_is_lacking_or_other_is_refused_also_with_the_right_seal(
    folder: Path, tmp_path: Path, tampered: Callable[[list[object]], list[object]], words: str
):
    """A member removed, one replaced, the manifest replaced or gone."""
    path = sealed(tmp_path / "less.tar", tampered(members_of(folder)))
    with pytest.raises(BackupRefused, match=words):
        verify(path)


def test_nothing_hides_behind_an_end(folder: Path, tmp_path: Path):
    """Neither behind a seal of its own, nor behind the blocks at which a reader stops."""
    members = members_of(folder)
    assert verify(sealed(tmp_path / "plain.tar", members)).rows == 4
    own = (tarfile.TarInfo("archive.sha256"), bytes(64))
    with pytest.raises(BackupRefused, match=r"must end with archive\.sha256; 'archive\.sha256' comes after it"):
        verify(sealed(tmp_path / "own.tar", [*members, own]))
    with pytest.raises(BackupRefused, match="what it holds ends before"):
        verify(sealed(tmp_path / "early.tar", members, behind=bytes(1024) + b"hidden".ljust(512)))


def test_a_finished_one_is_told_from_a_broken_off_one(tmp_path: Path, whole: bytes):
    """By its end alone."""
    for content, finished in ((whole, True), (whole[:-512], False), (b"", False), (whole + bytes(512), False)):
        (tmp_path / "some.tar").write_bytes(content)
        assert is_finished(tmp_path / "some.tar") is finished


def test_what_cannot_be_archived_leaves_nothing(home: Path, tmp_path: Path):
    """A file that was damaged since, a name that is taken, a folder that is not there."""
    taken = take(
        filled(),
    ).path
    to = tmp_path / "archives"
    with pytest.raises(BackupRefused, match="must be a folder"):
        pack(taken, to / "b.tar")
    to.mkdir()
    (to / "kept.tar").write_text("somebody's")
    with pytest.raises(BackupRefused, match="is there already"):
        pack(taken, to / "kept.tar")
    (file,) = taken.glob("lake/crypto_signals/*BTCUSDT.parquet")
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BackupRefused, match="is not as it was taken"):
        pack(taken, to / "b.tar")
    assert [(path.name, path.read_text()) for path in to.iterdir()] == [("kept.tar", "somebody's")]


def test_an_empty_home_has_an_archive_too(home: Path, tmp_path: Path):
    """A manifest and a seal."""
    assert verify(pack(take(load()).path, tmp_path / "empty.tar")).files == {}
