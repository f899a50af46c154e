"""A backup's folder is what its manifest states, or is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.backup import BackupRefused, take, verify
from resources.backup.manifest import FileFacts
from tests.resources.backup.homes import filled, furnish, restated

LOOK = "segments/live/look.parquet"


@pytest.fixture
def taken(home: Path) -> Path:
    """The folder of a whole backup."""
    furnish(home)
    return take(filled()).path


def rewritten(folder: Path, **changed: object) -> None:
    """Change what a manifest says, as an editor would."""
    stated = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(stated | changed))


def test_a_whole_one_is_as_it_was_taken(home: Path, taken: Path):
    """Every file but the manifest is stated with its size and SHA-256."""
    stated = verify(taken)
    assert stated.rows == 4
    # sha256 of "look", by sha256sum
    assert stated.files[LOOK] == FileFacts(4, "3c01eba119e00d79c82b6f65d70bc5f1044d568618bf41377e6d1432023fc2b8")
    files = {str(path.relative_to(taken)) for path in taken.rglob("*") if path.is_file()}
    assert files == {*stated.files, "manifest.json"}


def test_a_manifest_that_is_laid_out_anew_is_still_believed(taken: Path):
    """Its digest is of what it says."""
    rewritten(taken)
    assert verify(taken).rows == 4


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / LOOK).unlink(), f"lacks 1 files of its manifest: {LOOK}"),
        (lambda folder: (folder / LOOK).write_text("lack"), f"'{LOOK}' is not as it was taken"),
        (lambda folder: (folder / LOOK).write_text("looks"), f"'{LOOK}' is not as it was taken"),
        (lambda folder: (folder / "lake" / "more").write_text(""), "has 'lake/more' as well"),
        (lambda folder: (folder / "lake" / "more").symlink_to("/etc/passwd"), "must be a plain file or folder"),
        (lambda folder: (folder / "more").symlink_to(folder / "lake"), "must be a plain file or folder"),
        (lambda folder: (folder / "manifest.json").unlink(), "must hold manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not as it was written"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "is not as it was written"),
        (lambda folder: rewritten(folder, tables={}), "is not as it was written"),
        (lambda folder: rewritten(folder, sha256="0" * 64), "is not as it was written"),
        (lambda folder: restated(folder, files={"../up": FileFacts(0, "")}), "names '../up'"),
        (lambda folder: restated(folder, files={"/up": FileFacts(0, "")}), "names '/up'"),
        (lambda folder: restated(folder, tables=None), "is not as it was written"),
    ],
)
def test_one_that_is_not_what_it_states_is_refused(taken: Path, harm: Callable[[Path], None], words: str):
    """Files that are lacking, other, too many or no files; a manifest that was changed."""
    harm(taken)
    with pytest.raises(BackupRefused) as refused:
        verify(taken)
    assert words in str(refused.value)
    assert str(taken) in str(refused.value)


def test_a_link_in_the_place_of_a_file_is_refused(taken: Path):
    """Although what it leads to has the same bytes."""
    (taken / LOOK).rename(taken.parent / "elsewhere")
    (taken / LOOK).symlink_to(taken.parent / "elsewhere")
    with pytest.raises(BackupRefused, match="plain file"):
        verify(taken)


@pytest.mark.parametrize(
    ("number", "words"), [(1, "Take a new one with `market-assets backup`"), (3, "with a newer market-assets")]
)
def test_another_format_is_refused_by_name(taken: Path, number: int, words: str):
    """With what to do: format 1 had no digests."""
    rewritten(taken, format=number)
    with pytest.raises(BackupRefused, match=f"{taken.name} has format {number}") as refused:
        verify(taken)
    assert words in str(refused.value)
