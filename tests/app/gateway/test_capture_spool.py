"""The spool: what is told to be written is there after any cut, and what is half there is set aside by its name."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.app.gateway.capture.frames import framed, read_frames
from selftune.app.gateway.capture.spool import Spool, discard, read_segment, segments
from selftune.errors import LockedError


def read_all(folder):
    return [payload for segment in segments(folder) for payload, _ in read_segment(segment)]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_a_cut_anywhere_leaves_the_entries_before_it_whole(payloads, data):
    whole = framed(payloads)
    cut = data.draw(st.integers(0, len(whole)))
    found = list(read_frames(whole[:cut]))
    assert [frame.payload for frame in found] == payloads[: len(found)]
    left = payloads[len(found) :]
    assert not left or cut < len(framed(payloads[: len(found) + 1]))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), st.data())
def test_a_flipped_bit_never_reads_as_another_entry(payloads, data):
    whole = bytearray(framed(payloads))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << at % 8
    assert all(frame.payload is None or frame.payload in payloads for frame in read_frames(bytes(whole)))


def test_entries_are_read_in_the_order_they_were_written_over_segments(tmp_path):
    spool = Spool(tmp_path, segment_bytes=60)
    written = [f"entry {number}".encode() for number in range(20)]
    for number in range(0, 20, 2):
        spool.append(written[number : number + 2])
    assert read_all(tmp_path) == written
    assert len(segments(tmp_path)) > 3
    spool.close()
    assert all(one.whole for one in segments(tmp_path))


def test_a_torn_tail_is_set_aside_under_its_segments_name_and_the_next_writer_goes_on(tmp_path):
    spool = Spool(tmp_path)
    spool.append([b"whole"])
    path = next(tmp_path.glob("*.open"))
    spool._lock.release()  # as a killed process leaves it: the lock ends with the process, the file stays open
    with path.open("ab") as stream:
        stream.write(framed([b"never finished"])[:-3])
    later = Spool(tmp_path)
    later.append([b"after"])
    assert read_all(tmp_path) == [b"whole", b"after"]
    torn = path.with_suffix(".torn")
    assert torn.read_bytes().endswith(b"never finis")
    later.close()


def test_a_damaged_entry_is_named_and_those_after_it_are_read(tmp_path):
    spool = Spool(tmp_path)
    spool.append([b"first", b"second", b"third"])
    spool.close()
    (segment,) = segments(tmp_path)
    data = bytearray(segment.path.read_bytes())
    data[data.index(b"second")] ^= 1
    segment.path.write_bytes(data)
    found = list(read_segment(segment))
    assert [payload for payload, _ in found] == [b"first", None, b"third"]
    aside = discard(segment, found[-1][1])
    assert aside is not None
    assert b"recond" in aside.read_bytes()
    assert not segment.path.exists()


def test_two_writers_never_share_a_spool(tmp_path):
    spool = Spool(tmp_path)
    with pytest.raises(LockedError, match="another gateway"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_a_full_disk_leaves_no_half_entry_and_room_that_comes_back_is_used(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    spool.append([b"before"])
    real = os.write
    full = {"full": True}

    def write(file, data):
        if not full["full"]:
            return real(file, data)
        real(file, bytes(data)[:5])  # what still had room
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="no space"):
        spool.append([b"lost"])
    assert read_all(tmp_path) == [b"before"]
    full["full"] = False
    spool.append([b"after"])
    assert read_all(tmp_path) == [b"before", b"after"]
    spool.close()


def test_after_a_failed_sync_the_same_file_is_not_written_to_again(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    spool.append([b"before"])
    first = next(tmp_path.glob("*.open")).stem
    real, failed = os.fsync, []

    def fsync(file):
        if not failed:
            failed.append(file)
            raise OSError(errno.EIO, "broken")
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="broken"):
        spool.append([b"nobody knows"])
    spool.append([b"after"])
    assert read_all(tmp_path) == [b"before", b"after"]
    assert next(tmp_path.glob("*.open")).stem != first
    spool.close()
