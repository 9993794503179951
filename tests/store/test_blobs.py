"""Blobs: whole or not there, once, damage named."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from selftune.errors import BudgetError, DamagedFileError, MissingFileError
from selftune.records import digest_bytes
from selftune.store import BlobStore

FULL = Path("/dev/full")
OTHER_FILE_SYSTEM = Path("/dev/shm")


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "blobs")


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_bytes_lie_under_their_digest(blobs, tmp_path):
    digest = blobs.put_bytes(b"weights")
    name = hashlib.sha256(b"weights").hexdigest()
    assert digest == f"sha256:{name}"
    assert blobs.path(digest) == tmp_path / "blobs" / "sha256" / name[:2] / name[2:]
    assert blobs.path(digest, verify=True).read_bytes() == b"weights"


def test_a_file_is_linked_not_copied_on_one_file_system(blobs, tmp_path):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"x" * 3_000_000)
    digest = blobs.put_file(source)
    assert digest == digest_bytes(source.read_bytes())
    assert blobs.path(digest).stat().st_ino == source.stat().st_ino


def test_a_link_is_followed_and_not_kept(blobs, tmp_path):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    link = tmp_path / "link.gguf"
    link.symlink_to(source)
    assert not blobs.path(blobs.put_file(link)).is_symlink()


def test_a_blob_outlives_the_file_it_came_from(blobs, tmp_path):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    digest = blobs.put_file(source)
    source.unlink()
    blobs.verify(digest)


def test_putting_twice_keeps_one_and_leaves_nothing_beside_it(blobs, tmp_path):
    source = tmp_path / "same"
    source.write_bytes(b"same")
    assert blobs.put_bytes(b"same") == blobs.put_file(source) == blobs.put_bytes(b"same")
    assert len(files_in(tmp_path / "blobs")) == 1


def test_a_file_that_is_not_there_is_named(blobs, tmp_path):
    with pytest.raises(MissingFileError, match=r"model\.gguf"):
        blobs.put_file(tmp_path / "model.gguf")


def test_a_missing_blob_names_its_place_and_the_next_step(blobs):
    with pytest.raises(DamagedFileError, match="is not there") as found:
        blobs.path(digest_bytes(b"never put"))
    assert found.value.next_step.startswith("Restore")


@pytest.mark.parametrize("damage", [b"weightz", b"weight", b"", b"\x00" * 7])
def test_a_damaged_blob_is_found_and_named_and_not_made_again(blobs, damage: bytes):
    digest = blobs.put_bytes(b"weights")
    place = blobs.path(digest)
    place.write_bytes(damage)
    with pytest.raises(DamagedFileError, match=str(place)):
        blobs.verify(digest)
    with pytest.raises(DamagedFileError, match=str(place)):
        blobs.path(digest, verify=True)
    assert place.read_bytes() == damage


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:" + "a" * 64, "sha256:" + "G" * 64, "sha256:../../etc/passwd"])
def test_what_is_no_digest_is_refused(blobs, digest: str):
    with pytest.raises(DamagedFileError, match="is no digest"):
        blobs.path(digest)


def test_what_a_killed_process_left_half_is_removed_by_the_next_put(blobs, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    digest = blobs.put_bytes(b"weights")
    incoming = tmp_path / "blobs" / "incoming"
    (incoming / f"{child.pid}-half").write_bytes(b"wei")
    (incoming / f"{os.getpid()}-working").write_bytes(b"wei")
    blobs.put_bytes(b"weights")
    assert files_in(tmp_path / "blobs") == [incoming / f"{os.getpid()}-working", blobs.path(digest)]


@pytest.mark.skipif(not OTHER_FILE_SYSTEM.is_dir(), reason="needs /dev/shm, another file system")
def test_a_file_of_another_file_system_is_copied(blobs):
    with tempfile.NamedTemporaryFile(dir=OTHER_FILE_SYSTEM) as source:
        source.write(b"weights")
        source.flush()
        digest = blobs.put_file(Path(source.name))
    assert blobs.path(digest, verify=True).stat().st_nlink == 1


def write_through(blobs, target) -> None:
    with blobs._incoming() as temporary:
        temporary.symlink_to(target)
        temporary.write_bytes(b"does not fit")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_said_to_be_full(blobs, tmp_path):
    with pytest.raises(BudgetError, match="disk is full"):
        write_through(blobs, FULL)
    assert files_in(tmp_path / "blobs") == []


def test_another_fault_of_the_disk_passes_as_it_is(blobs, tmp_path):
    with pytest.raises(IsADirectoryError):
        write_through(blobs, tmp_path)
    assert files_in(tmp_path / "blobs") == []
