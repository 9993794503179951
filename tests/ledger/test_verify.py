"""`verify.py` as a stranger runs it: what holds, what does not and where, and what it says it can't know."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from ledgers import TAMPERINGS, Writer, entries_after, lines_of, sign_by_hand, write_lines

from selftune.ledger import verify
from selftune.ledger.keys import make_machine_key
from selftune.ledger.verify import LINES_PER_FILE, NO_HASH, Damage

GOLDEN = Path(__file__).parent / "golden"
# `make soak` raises it; each mutation is one draw.
MUTATIONS = int(os.environ.get("SELFTUNE_LEDGER_MUTATIONS", "50"))


@pytest.fixture
def ledger(tmp_path):
    """Twelve entries, checkpoints over 4, 8 and 12 of them, and one more entry."""
    writer = Writer(tmp_path / "project")
    for _ in range(3):
        writer.add(4)
        writer.sign()
    writer.add(1)
    return writer


def complaint(writer: Writer, outside: Path | None = None) -> str:
    with pytest.raises(Damage) as found:
        verify.verify(writer.folder, outside)
    return str(found.value)


def test_a_ledger_that_was_left_alone_verifies(ledger):
    verdict = verify.verify(ledger.folder)
    assert (verdict.entries, verdict.checkpoints, verdict.covered) == (13, 3, 12)
    assert verdict.root == ledger.tree.root().hex()
    assert verdict.key == ledger.key.public


def test_it_says_how_many_entries_it_has_read(ledger, monkeypatch):
    monkeypatch.setattr(verify, "HEARD_EVERY", 5)
    heard = list[int]()
    verify.verify(ledger.folder, heard=heard.append)
    assert heard == [5, 10]


def test_every_random_mutation_is_found(ledger, tmp_path):
    missed = []
    for number in range(MUTATIONS):
        tamper, chance = TAMPERINGS[number % len(TAMPERINGS)], Random(number)
        copy = tmp_path / f"copy{number}"
        shutil.copytree(ledger.folder, copy)
        tamper(copy, chance)
        try:
            verify.verify(copy)
        except Damage:
            continue
        missed.append((number, tamper.__name__))
    assert missed == []


def test_a_flipped_byte_is_located_by_file_line_and_entry(ledger):
    lines = lines_of(ledger.folder)
    lines[6] = lines[6].replace(b'"run:', b'"ruN:', 1)
    write_lines(ledger.folder, lines)
    assert complaint(ledger).startswith("00000001.jsonl, line 7, entry 7: its text does not match its hash")


def test_a_dropped_line_is_located(ledger):
    lines = lines_of(ledger.folder)
    write_lines(ledger.folder, lines[:5] + lines[6:])
    assert complaint(ledger).startswith("00000001.jsonl, line 6, entry 6: it says that it is entry 7")


def test_a_replaced_entry_is_located_at_the_link_that_breaks(ledger):
    lines = lines_of(ledger.folder)
    prev = json.loads(lines[1])["hash"]
    lines[2] = entries_after(2, prev, 1, word="another")[0].line
    write_lines(ledger.folder, lines)
    assert complaint(ledger).startswith("00000001.jsonl, line 4, entry 4: it does not follow")


def test_a_rewritten_history_is_located_between_two_checkpoints(ledger):
    lines = lines_of(ledger.folder)
    prev = json.loads(lines[4])["hash"]
    write_lines(ledger.folder, lines[:5] + [e.line for e in entries_after(5, prev, 8, word="forged")])
    assert complaint(ledger).startswith("checkpoints.jsonl, line 2: entries 5 to 8 are not those that were signed")


def test_a_tail_cut_behind_the_last_checkpoint_is_unknown_without_one_kept_elsewhere(ledger, tmp_path):
    ledger.sign()
    kept = tmp_path / "kept.json"
    kept.write_bytes((ledger.folder / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)[-1])
    write_lines(ledger.folder, lines_of(ledger.folder)[:12])
    own = (ledger.folder / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)
    (ledger.folder / "checkpoints.jsonl").write_bytes(b"".join(own[:3]))
    assert verify.verify(ledger.folder).entries == 12
    assert complaint(ledger, kept).startswith("kept.json, line 1: it covers 13 entries, the mirror ends at 12")


def test_a_history_signed_anew_with_the_machine_key_is_found_against_a_checkpoint_kept_elsewhere(ledger, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_bytes((ledger.folder / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)[1])
    forged = Writer(tmp_path / "forged", ledger.key)
    forged.add(13, word="forged")
    forged.sign()
    assert verify.verify(forged.folder).entries == 13
    assert complaint(forged, kept).startswith("kept.json, line 1: entries 1 to 8 are not those that were signed")


def test_a_history_signed_with_another_key_is_found_against_a_checkpoint_kept_elsewhere(ledger, tmp_path):
    kept = tmp_path / "kept.json"
    shutil.copy(ledger.folder / "checkpoints.jsonl", kept)
    stranger = Writer(tmp_path / "stranger")
    stranger.add(13)
    stranger.sign()
    assert verify.verify(stranger.folder)
    assert "signed by different keys" in complaint(stranger, kept)


def test_two_keys_in_one_ledger_are_refused(ledger, tmp_path):
    ledger.key = make_machine_key(tmp_path / "other")
    ledger.sign()
    assert "checkpoints.jsonl, line 4: signed by different keys" in complaint(ledger)


def test_a_checkpoint_that_covers_less_than_the_one_before_is_refused(ledger):
    path = ledger.folder / "checkpoints.jsonl"
    root = json.loads(path.read_bytes().splitlines()[0])["root"]
    with path.open("ab") as stream:
        stream.write(sign_by_hand(ledger.key, number=4, size=4, root=root))
    assert complaint(ledger).startswith("checkpoints.jsonl, line 4: expected checkpoint 4 over at least 12")


@pytest.mark.parametrize("line", [b"[]\n", b"{\n", b'{"at":1}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_entry_is_located(ledger, line: bytes):
    with (ledger.folder / "00000001.jsonl").open("ab") as stream:
        stream.write(line)
    assert complaint(ledger).startswith("00000001.jsonl, line 14, entry 14: no")


@pytest.mark.parametrize("field", [{"key": "zz"}, {"key": 7}, {"signature": "0"}, {"size": 13}, {"root": "00" * 32}])
def test_a_checkpoint_with_another_value_is_located(ledger, field: dict[str, object]):
    path = ledger.folder / "checkpoints.jsonl"
    lines = path.read_bytes().splitlines()
    lines[1] = verify.canonical(json.loads(lines[1]) | field)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert complaint(ledger).startswith("checkpoints.jsonl, line 2: ")


def test_a_size_that_is_no_number_is_refused_though_its_signature_holds(ledger):
    with (ledger.folder / "checkpoints.jsonl").open("ab") as stream:
        stream.write(sign_by_hand(ledger.key, number=4, size="13", root=NO_HASH))
    assert complaint(ledger).startswith("checkpoints.jsonl, line 4: ")


def test_entries_run_on_into_the_next_file_and_a_missing_file_is_named(tmp_path):
    writer = Writer(tmp_path / "project")
    writer.add(LINES_PER_FILE + 2)
    writer.sign()
    assert verify.verify(writer.folder).entries == LINES_PER_FILE + 2
    first = writer.folder / "00000001.jsonl"
    first.rename(tmp_path / "away")
    assert complaint(writer).startswith("00000002.jsonl: expected 00000001.jsonl")
    (tmp_path / "away").rename(first)
    (writer.folder / "00000002.jsonl").rename(writer.folder / "00000003.jsonl")
    assert complaint(writer).startswith("00000003.jsonl: expected 00000002.jsonl line 1 first (entry 10001)")
    (writer.folder / "00000003.jsonl").unlink()
    assert "it covers 10002 entries, the mirror ends at 10000" in complaint(writer)


def test_an_eleventh_thousandth_line_does_not_fit_into_the_first_file(tmp_path):
    writer = Writer(tmp_path / "project")
    writer.add(LINES_PER_FILE + 1)
    second = writer.folder / "00000002.jsonl"
    with (writer.folder / "00000001.jsonl").open("ab") as stream:
        stream.write(second.read_bytes())
    second.unlink()
    assert complaint(writer).startswith(f"00000001.jsonl, line {LINES_PER_FILE + 1}")


def test_an_empty_ledger_verifies_and_so_does_a_checkpoint_over_nothing(tmp_path):
    writer = Writer(tmp_path / "project")
    assert verify.verify(writer.folder).entries == 0
    writer.sign()
    verdict = verify.verify(writer.folder)
    assert (verdict.entries, verdict.checkpoints) == (0, 1)


def test_the_format_of_today_still_verifies_byte_for_byte():
    verdict = verify.verify(GOLDEN / "v1")
    assert str(verdict) == (GOLDEN / "v1.txt").read_text(encoding="utf-8").strip()


def run_alone(*arguments: object, program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def program(tmp_path):
    """The file alone, copied where no package lies beside it."""
    return Path(shutil.copy(verify.__file__, tmp_path / "check_it.py"))


def test_the_copied_file_runs_alone_and_says_what_it_can_not_know(ledger, program):
    done = run_alone(ledger.project, program=program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verifies: 13 entries, root ")
    assert f"3 checkpoints, signed by key {ledger.key.public}" in done.stdout
    assert "Not known without a checkpoint kept elsewhere" in done.stdout
    assert "Entries 13 to 13 are under no checkpoint yet." in done.stdout


def test_with_a_checkpoint_kept_elsewhere_nothing_is_left_unknown(ledger, capsys, tmp_path):
    ledger.sign()
    kept = shutil.copy(ledger.folder / "checkpoints.jsonl", tmp_path / "kept.jsonl")
    assert verify.main([str(ledger.project), "--checkpoint", str(kept)]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_the_copied_file_exits_8_and_says_where(ledger, program):
    data = bytearray((ledger.folder / "00000001.jsonl").read_bytes())
    data[700] ^= 1
    (ledger.folder / "00000001.jsonl").write_bytes(bytes(data))
    done = run_alone(ledger.project, program=program)
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr.startswith("does not verify: 00000001.jsonl, line ")


def test_a_project_without_a_ledger_is_a_usage_error(tmp_path, capsys):
    assert verify.main([str(tmp_path)]) == 2
    assert "is not there" in capsys.readouterr().err


def test_a_checkpoint_file_that_is_not_there_is_a_usage_error(ledger):
    assert verify.main([str(ledger.project), "--checkpoint", "nowhere.json"]) == 2


def test_a_ledger_without_a_checkpoint_says_that_nothing_is_signed(tmp_path, capsys):
    writer = Writer(tmp_path / "project")
    writer.add(2)
    assert verify.main([str(writer.project)]) == 0
    said = capsys.readouterr().out
    assert "0 checkpoints, nothing signed yet" in said
    assert "Entries 1 to 2 are under no checkpoint yet." in said


def test_as_a_module_it_wakes_nothing_but_the_standard_library(ledger):
    script = (
        "import runpy, sys\n"
        f"sys.argv = ['verify', {str(ledger.project)!r}]\n"
        "try: runpy.run_module('selftune.ledger.verify', run_name='__main__')\n"
        "except SystemExit as done: assert done.code == 0\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names = set(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))
    assert {name for name in names if not name.startswith(("_", "sitecustomize"))} == {"selftune"}


def test_a_stranger_can_read_it_in_ten_minutes():
    lines = Path(verify.__file__).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 460
