"""Proofs, co-signatures, changes of key, certificates and sealed records, as `verify.py` judges them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from ledgers import Writer, lines_of

from selftune.ledger import verify
from selftune.ledger.entries import Entry
from selftune.ledger.keys import make_machine_key
from selftune.ledger.proofs import (
    find_entry,
    inclusion_line,
    join_line,
    sign_certificate,
    succession_detail,
    vouch,
    witness_line,
)
from selftune.ledger.verify import NAMED, SUCCEEDED, Damage, canonical

AT = "2026-01-02T00:00:00+00:00"


class Noting(Writer):
    """A ledger to which single events come."""

    def note(self, event: str, detail: dict[str, str], *, record_id: str | None = None) -> None:
        entry = Entry(
            seq=self.tree.size + 1, at=AT, event=event, kind=None, record_id=record_id,
            detail=tuple(sorted(detail.items())), prev=self.last,
        )  # fmt: skip
        self.mirror.append([entry])
        self.tree.append(bytes.fromhex(entry.hash))
        self.last = entry.hash

    def succeed(self, new, **how):
        """Another key takes over; it signs what comes."""
        how = {"because": "replaced", "since": None, "by": self.key} | how
        last = how.pop("checkpoint", None) or self.sign()
        by = how.pop("by")
        detail = succession_detail(last, old=how.pop("old", self.key.public), new=new.public, **how)
        detail = vouch(detail, by) if by else detail
        self.note(SUCCEEDED, detail)
        self.key = new


@pytest.fixture
def ledger(tmp_path):
    writer = Noting(tmp_path / "project")
    writer.add(7)
    writer.sign()
    writer.add(5)
    return writer


@pytest.fixture
def other(tmp_path):
    return make_machine_key(tmp_path / "other")


def complaint(writer: Writer, *args, **how) -> str:
    with pytest.raises(Damage) as found:
        verify.verify(writer.folder, *args, **how)
    return str(found.value)


def kept_of(writer: Writer, path: Path, number: int = -1) -> Path:
    path.write_bytes((writer.folder / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)[number])
    return path


# --- Proofs -----------------------------------------------------------------------------------------------------------


def proof_of(writer: Writer, path: Path, record: int, *, since: int | None = None) -> Path:
    checkpoint = writer.sign()
    entry, leaves = find_entry(writer.folder, f"run:{record:064x}", checkpoint.size)
    lines = [inclusion_line(entry, leaves, checkpoint)]
    if since is not None:
        earlier = json.loads((writer.folder / "checkpoints.jsonl").read_bytes().splitlines()[since])
        lines.insert(0, join_line(earlier, checkpoint, leaves))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_a_proof_holds_alone_and_against_a_checkpoint_of_before(ledger, tmp_path, capsys):
    kept = kept_of(ledger, tmp_path / "kept.jsonl", 0)
    proof = proof_of(ledger, tmp_path / "proof.jsonl", 9, since=0)
    assert [entry["seq"] for entry in verify.check_proofs(proof, [])] == [9]
    assert verify.main([str(tmp_path), "--proof", str(proof), "--checkpoint", str(kept)]) == 0
    said = capsys.readouterr().out
    assert "verifies: entry 9, saved at 2026-01-01" in said
    assert "Not known" not in said


def test_a_proof_that_nothing_joins_to_the_kept_checkpoint_is_refused(ledger, tmp_path):
    kept = verify.read_kept(kept_of(ledger, tmp_path / "kept.jsonl", 0))
    proof = proof_of(ledger, tmp_path / "proof.jsonl", 9)
    with pytest.raises(Damage, match=r"proof\.jsonl, line 1: its checkpoint is not one that you kept"):
        verify.check_proofs(proof, kept)


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof["entry"].update(event="forged"),
        lambda proof: proof["entry"].update(seq=8),
        lambda proof: proof["path"].pop(),
        lambda proof: proof["path"].append("00" * 32),
        lambda proof: proof["checkpoint"].update(size=11),
        lambda proof: proof["checkpoint"].update(root="00" * 32),
        lambda proof: proof.update(path=["00" * 32, *proof["path"][1:]]),
    ],
)
def test_a_proof_that_was_touched_is_refused_at_its_line(ledger, tmp_path, change):
    path = proof_of(ledger, tmp_path / "proof.jsonl", 9)
    proof = json.loads(path.read_bytes())
    change(proof)
    path.write_bytes(canonical(proof) + b"\n")
    with pytest.raises(Damage, match=r"^proof\.jsonl, line 1: "):
        verify.check_proofs(path, [])


def test_a_rewritten_past_is_not_joined_to_what_was_kept(ledger, tmp_path):
    kept = kept_of(ledger, tmp_path / "kept.jsonl", 0)
    forged = Noting(tmp_path / "forged", ledger.key)
    forged.add(12, word="forged")
    checkpoint = forged.sign()
    _, leaves = find_entry(forged.folder, "", 12)
    path = tmp_path / "proof.jsonl"
    path.write_bytes(join_line(json.loads(kept.read_bytes()), checkpoint, leaves) + b"\n")
    with pytest.raises(Damage, match="not shown to begin as the earlier one"):
        verify.check_proofs(path, verify.read_kept(kept))


def test_a_proof_by_another_key_than_the_one_told_is_refused(ledger, other, tmp_path):
    proof = proof_of(ledger, tmp_path / "proof.jsonl", 3)
    assert verify.check_proofs(proof, [], ledger.key.public)
    with pytest.raises(Damage, match="signed by key"):
        verify.check_proofs(proof, [], other.public)


@pytest.mark.parametrize("line", [b'{"checkpoint":7,"entry":{},"path":[]}', b'{"checkpoint":{},"entry":{},"path":7}'])
def test_a_proof_of_another_form_exits_8_without_a_stack_trace(ledger, tmp_path, capsys, line):
    (tmp_path / "proof.jsonl").write_bytes(line + b"\n")
    assert verify.main([str(ledger.project), "--proof", str(tmp_path / "proof.jsonl")]) == 8
    assert capsys.readouterr().err.startswith("does not verify: ")


def test_a_proof_laid_beside_a_projects_entries_does_not_stand_in_for_them(ledger, monkeypatch, capsys):
    proof_of(ledger, ledger.folder / "proof.jsonl", 3)
    (ledger.folder / "00000001.jsonl").write_bytes(b"".join(line + b"\n" for line in lines_of(ledger.folder)[:5]))
    assert verify.main([str(ledger.project)]) == 8
    (ledger.folder / "00000001.jsonl").unlink()
    monkeypatch.chdir(ledger.folder)
    for folder in (ledger.project, ledger.folder, "."):
        assert verify.main([str(folder)]) == 8
        assert "cut off" in capsys.readouterr().err


# --- Witnesses --------------------------------------------------------------------------------------------------------


def co_signed(writer: Writer, key, number: int = -1) -> None:
    head = json.loads((writer.folder / "checkpoints.jsonl").read_bytes().splitlines()[number])
    writer.mirror.add_witness(witness_line(head, key, name="Ben", at=AT))


def test_a_co_signature_is_told_and_can_be_demanded(ledger, other):
    assert "nothing there is co-signed" in complaint(ledger, witness=other.public)
    ledger.sign()
    co_signed(ledger, other)
    verdict = verify.verify(ledger.folder, witness=other.public)
    assert verdict.remarks == (f"Co-signed up to entry 12 by Ben, key {other.public}.",)
    assert "nothing there is co-signed" in complaint(ledger, witness="ab" * 32)


def test_a_past_signed_anew_by_the_machine_is_found_by_what_the_witness_saw(ledger, other, tmp_path):
    ledger.sign()
    co_signed(ledger, other)
    forged = Noting(tmp_path / "forged", ledger.key)
    forged.add(12, word="forged")
    forged.sign()
    shutil.copy(ledger.folder / "witnesses.jsonl", forged.folder)
    assert complaint(forged, witness=other.public).startswith("witnesses.jsonl, line 1: entries 1 to 12 are not those")


def test_a_forged_co_signature_is_located(ledger, other):
    co_signed(ledger, other)
    path = ledger.folder / "witnesses.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Ben", b"Eve"))
    assert complaint(ledger).startswith("witnesses.jsonl, line 1: the signature does not hold")


def test_a_witness_s_name_steers_no_terminal(ledger, other, capsys):
    head = json.loads((ledger.folder / "checkpoints.jsonl").read_bytes())
    ledger.mirror.add_witness(witness_line(head, other, name="Ben\x1b[2J\u202eneB", at=AT))
    assert verify.main([str(ledger.project)]) == 0
    said = capsys.readouterr().out
    assert "Ben\\x1b[2J\\u202eneB" in said
    assert "\x1b" not in said


def test_a_checkpoint_typed_off_paper_is_held_against_the_ledger(ledger, tmp_path):
    last = ledger.sign()
    paper = tmp_path / "paper.txt"
    paper.write_text(f"size {last.size}\nroot {last.root}\nkey {last.key}\n")
    assert verify.verify(ledger.folder, paper).covered == 12
    paper.write_text(f"size {last.size}\nroot {last.root[:-1]}0\nkey {last.key}\n")
    if not last.root.endswith("0"):
        assert complaint(ledger, paper).startswith("paper.txt: entries 1 to 12 are not those that were signed")
    paper.write_text(f"size {last.size + 1}\nroot {last.root}\nkey {last.key}\n")
    assert "cut off" in complaint(ledger, paper)


def test_an_empty_file_is_no_checkpoint(ledger, tmp_path):
    (tmp_path / "kept").write_bytes(b"\n")
    assert "it holds no checkpoint" in complaint(ledger, tmp_path / "kept")


# --- Another machine key ----------------------------------------------------------------------------------------------


def test_a_key_that_the_one_before_vouches_for_goes_on(ledger, other, tmp_path):
    kept = kept_of(ledger, tmp_path / "kept.jsonl", 0)
    ledger.succeed(other)
    ledger.add(2)
    ledger.sign()
    verdict = verify.verify(ledger.folder, kept, key=other.public)
    assert (verdict.key, verdict.entries, verdict.covered) == (other.public, 15, 15)
    assert verdict.remarks == (f"Entry 13: key {other.public} took over; the one before was replaced.",)


def test_the_key_before_may_not_sign_any_more(ledger, other):
    stolen = ledger.key
    ledger.succeed(other, because="stolen", since=9)
    ledger.sign()
    verdict = verify.verify(ledger.folder)
    assert "Not to be trusted, entries 9 to 12: others may have had the key." in verdict.remarks
    ledger.key = stolen
    ledger.add(1)
    ledger.sign()
    assert "checkpoints.jsonl, line 4: signed by different keys" in complaint(ledger)


def test_a_key_that_nobody_vouches_for_must_be_told_by_another_way(ledger, other, tmp_path):
    ledger.succeed(other, because="lost", by=None)
    ledger.sign()
    assert complaint(ledger).startswith("00000001.jsonl, line 13, entry 13: key ")
    assert "no key vouches for it. Ask its owner" in complaint(ledger)
    assert "no key vouches" in complaint(ledger, kept_of(ledger, tmp_path / "before.jsonl", 0))
    assert verify.verify(ledger.folder, key=other.public).key == other.public
    assert verify.verify(ledger.folder, kept_of(ledger, tmp_path / "since.jsonl")).key == other.public
    assert "is " in complaint(ledger, key="ab" * 32)


def test_a_witness_named_under_the_old_key_vouches_for_the_new_one(ledger, other, tmp_path):
    witness = make_machine_key(tmp_path / "witness")
    ledger.note(NAMED, {"key": witness.public})
    last = ledger.sign()
    ledger.succeed(other, because="lost", by=witness, checkpoint=last)
    ledger.sign()
    assert verify.verify(ledger.folder).key == other.public


def test_a_witness_that_the_old_key_never_signed_the_naming_of_vouches_for_nothing(ledger, other, tmp_path):
    """Whoever holds the machine without its key can name anybody."""
    witness = make_machine_key(tmp_path / "witness")
    last = ledger.sign()
    ledger.note(NAMED, {"key": witness.public})
    ledger.succeed(other, because="lost", by=witness, checkpoint=last)
    assert "neither the old key nor a witness named under that" in complaint(ledger)


def test_a_succession_is_of_one_ledger_and_of_the_key_in_force(ledger, other, tmp_path):
    foreign = Noting(tmp_path / "foreign", ledger.key)
    foreign.add(12, word="foreign")
    ledger.succeed(other, checkpoint=foreign.sign())
    assert "does not hold, or is of another ledger" in complaint(ledger)


def test_a_succession_of_another_key_than_the_one_in_force_is_refused(ledger, other):
    ledger.succeed(other, old="ab" * 32)
    assert "which was in force" in complaint(ledger)


def test_a_succession_that_was_altered_before_it_was_chained_is_refused(ledger, other, tmp_path):
    detail = succession_detail(ledger.sign(), old=ledger.key.public, new=other.public, because="stolen", since=9)
    ledger.note(SUCCEEDED, vouch(detail, ledger.key) | {"from": "12"})
    assert "the signature of the succession does not hold" in complaint(ledger)


# --- Records and certificates -----------------------------------------------------------------------------------------


def test_the_texts_of_records_are_held_against_the_ids_in_the_entries(ledger, tmp_path):
    text = canonical({"record": "run", "v": 1, "note": "here"})
    ledger.note("saved", {}, record_id=f"run:{hashlib.sha256(text).hexdigest()}")
    (ledger.folder / "records.jsonl").write_bytes(text + b"\n")
    assert verify.verify(ledger.folder).entries == 13
    (ledger.folder / "records.jsonl").write_bytes(text + b"\n" + text.replace(b"here", b"gone") + b"\n")
    assert complaint(ledger) == "records.jsonl, line 2: no entry names this record: it was altered or put in."


def certificate_of(writer: Writer, path: Path, key=None, **what) -> Path:
    facts = {"claims": {"threads": "1"}, "present": [f"run:{3:064x}"], "absent": [f"run:{99:064x}"],
             "equal": [("sha256:a", "sha256:a")]}  # fmt: skip
    path.write_bytes(sign_certificate(writer.sign(), key or writer.key, at=AT, **facts | what))
    return path


def test_a_certificate_that_holds_is_told(ledger, tmp_path):
    verdict = verify.verify(ledger.folder, certificate=certificate_of(ledger, tmp_path / "c.json"))
    assert verdict.remarks == ('Certified, in its signer\'s words: {"threads": "1"}',)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"present": [f"run:{99:064x}"]}, "no entry names"),
        ({"absent": [f"run:{3:064x}"]}, "line 3, entry 3: it names run:"),
        ({"equal": [("sha256:a", "sha256:b")]}, "digests are equal"),
    ],
)
def test_a_certificate_that_says_what_is_not_so_is_refused(ledger, tmp_path, what, said):
    path = certificate_of(ledger, tmp_path / "c.json", **what)
    assert said in complaint(ledger, certificate=path)


def test_a_certificate_that_was_altered_or_is_by_another_key_is_refused(ledger, other, tmp_path):
    path = certificate_of(ledger, tmp_path / "c.json")
    path.write_bytes(path.read_bytes().replace(b'"threads":"1"', b'"threads":"2"'))
    assert "the signature does not hold" in complaint(ledger, certificate=path)
    path = certificate_of(ledger, tmp_path / "d.json", other)
    assert "signed by different keys" in complaint(ledger, certificate=path)
    path.write_bytes(b"")
    assert "not one certificate" in complaint(ledger, certificate=path)


def test_a_certificate_stays_true_when_the_ledger_grows(ledger, tmp_path):
    path = certificate_of(ledger, tmp_path / "c.json", absent=[f"run:{13:064x}"])
    ledger.add(1)
    assert verify.verify(ledger.folder, certificate=path).entries == 13


@pytest.mark.parametrize("file", ["proof.jsonl", "certificate.json", "witnesses.jsonl"])
def test_no_other_byte_in_what_was_handed_out_verifies_or_crashes(ledger, other, tmp_path, capsys, file):
    """Bytes all over it become other ones, one at a time; the whole file holds."""
    co_signed(ledger, other)
    certificate_of(ledger, tmp_path / "certificate.json")
    proof_of(ledger, tmp_path / "proof.jsonl", 9)
    path = (ledger.folder if file == "witnesses.jsonl" else tmp_path) / file
    given = {"proof.jsonl": ["--proof", str(path)], "certificate.json": ["--certificate", str(path)]}.get(file, [])
    whole = path.read_bytes()
    assert verify.main([str(ledger.project), *given]) == 0
    for place in range(0, len(whole) - 1, 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert verify.main([str(ledger.project), *given]) == 8, whole[place - 20 : place + 20]
    capsys.readouterr()


def test_an_entry_of_another_form_exits_8_without_a_stack_trace(ledger, capsys):
    ledger.note(NAMED, {})
    assert verify.main([str(ledger.project)]) == 8
    assert "something is not of the form it must have" in capsys.readouterr().err
