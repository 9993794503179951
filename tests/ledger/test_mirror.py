"""The ledger as files: what a crash leaves behind is mended, what someone altered is not."""

from __future__ import annotations

import json

import pytest
from ledgers import Writer, entries_after

from selftune.errors import DamagedFileError
from selftune.ledger import verify
from selftune.ledger.entries import Entry
from selftune.ledger.mirror import Mirror, Tail
from selftune.ledger.verify import LINES_PER_FILE, NO_HASH


@pytest.fixture
def ledger(tmp_path):
    writer = Writer(tmp_path / "project")
    writer.add(3)
    return writer


def test_the_tail_of_no_ledger_is_nothing(tmp_path):
    assert Mirror(tmp_path).tail() == Tail(seq=0, hash=NO_HASH)


def test_the_tail_is_the_last_entry_also_for_a_reader_who_comes_later(ledger):
    assert ledger.mirror.tail() == Tail(seq=3, hash=ledger.last)
    assert Mirror(ledger.folder).tail() == Tail(seq=3, hash=ledger.last)


def test_a_tail_that_another_process_wrote_is_seen(ledger):
    Mirror(ledger.folder).append(entries_after(3, ledger.last, 2))
    assert ledger.mirror.tail().seq == 5


@pytest.mark.parametrize("torn", [b"{", b'{"at":"2026', b"\x00" * 100_000])
def test_a_torn_last_line_is_removed(ledger, torn: bytes):
    path = ledger.folder / "00000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert Mirror(ledger.folder).tail() == Tail(seq=3, hash=ledger.last)
    assert path.read_bytes() == whole
    assert ledger.mirror.tail().seq == 3


def test_a_file_that_holds_only_a_torn_line_gives_way_to_the_one_before(tmp_path):
    writer = Writer(tmp_path / "project")
    writer.add(LINES_PER_FILE)
    (writer.folder / "00000002.jsonl").write_bytes(b'{"at"')
    assert Mirror(writer.folder).tail().seq == LINES_PER_FILE
    writer.add(1)
    assert Mirror(writer.folder).tail().seq == LINES_PER_FILE + 1
    assert verify.verify(writer.folder).entries == LINES_PER_FILE + 1


def test_a_very_long_last_line_is_read_whole(tmp_path):
    mirror = Mirror(tmp_path)
    entry = Entry(seq=1, at="", event="long", kind=None, record_id=None, detail=(("x", "y" * 200_000),), prev=NO_HASH)
    mirror.append([entry])
    assert Mirror(tmp_path).tail() == Tail(seq=1, hash=entry.hash)


@pytest.mark.parametrize("line", [b"no json", b"[]", b'{"hash":"x","seq":3}', b'{"hash":3}'])
def test_a_last_line_that_is_whole_but_altered_is_refused(ledger, line: bytes):
    path = ledger.folder / "00000001.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]) + line + b"\n")
    with pytest.raises(DamagedFileError, match="was altered"):
        Mirror(ledger.folder).tail()


def test_an_entry_whose_place_is_no_number_is_refused(tmp_path):
    odd = Entry(seq="1", at="", event="odd", kind=None, record_id=None, detail=(), prev=NO_HASH)
    (tmp_path / "00000001.jsonl").write_bytes(odd.line + b"\n")
    with pytest.raises(DamagedFileError, match="was altered"):
        Mirror(tmp_path).tail()


def test_appending_nothing_changes_nothing(ledger):
    before = (ledger.folder / "00000001.jsonl").read_bytes()
    ledger.mirror.append([])
    assert (ledger.folder / "00000001.jsonl").read_bytes() == before


def test_a_checkpoint_behind_a_torn_one_takes_its_place(ledger):
    first = ledger.sign()
    path = ledger.folder / "checkpoints.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"at":"2026-01-')
    second = ledger.sign()
    assert (first.number, second.number) == (1, 2)
    assert verify.verify(ledger.folder).checkpoints == 2


def test_a_line_is_ascii_and_holds_nothing_that_a_terminal_would_obey():
    entry = Entry(
        seq=1, at="", event="odd", kind=None, record_id=None, detail=(("text", "\x1b[2J\u202e\ud800\n"),), prev=NO_HASH
    )
    assert entry.line.isascii()
    assert b"\x1b" not in entry.line
    assert json.loads(entry.line)["detail"]["text"] == "\x1b[2J\u202e\ud800\n"


def test_a_torn_checkpoint_or_co_signature_is_removed_at_the_next_start(ledger):
    ledger.sign()
    whole = (ledger.folder / "checkpoints.jsonl").read_bytes()
    (ledger.folder / "checkpoints.jsonl").write_bytes(whole + whole[:40])
    (ledger.folder / "witnesses.jsonl").write_bytes(b'{"at":"20')
    with pytest.raises(verify.Damage, match=r"checkpoints\.jsonl, line 2: the line is cut off"):
        verify.verify(ledger.folder)
    Mirror(ledger.folder).tail()
    assert (ledger.folder / "checkpoints.jsonl").read_bytes() == whole
    assert verify.verify(ledger.folder).checkpoints == 1
