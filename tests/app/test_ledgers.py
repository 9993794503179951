"""`selftune ledger` as a person types it, and what a machine key's loss, theft and replacement leave behind."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.ledger_files import export_ledger, proof_files, prove, write_files
from selftune.app.ledgers import co_sign, keep_witness
from selftune.app.signing import keys_folder
from selftune.app.successions import place_of, succeed, succeed_as_vouched, vouch_for
from selftune.errors import (
    DamagedFileError,
    IntegrityError,
    MissingFileError,
    SelftuneError,
    UnknownNameError,
    UsageError,
)
from selftune.failpoints import VARIABLE
from selftune.governance.keys import seal_build, sign_statement, statement_is_signed
from selftune.governance.people.keys import make_person_key
from selftune.ledger import verify
from selftune.ledger.keys import NEXT, load_machine_key, make_machine_key
from selftune.ledger.proofs import witness_line
from selftune.loop.hearing import hear_project
from selftune.records import Build, FileDigest, Release, Statement, StatementKind
from selftune.records.signatures import build_is_sealed, is_signed
from selftune.store.erasure import Erasure
from selftune.testing import fake_build


@pytest.fixture(autouse=True)
def open_already(project, tmp_path, monkeypatch):
    """Commands find the project as the test holds it open: its base, a fake one, is nowhere to be opened from."""

    @contextmanager
    def open_fake(_):
        yield project

    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("selftune.loop.project.open_project", open_fake)


@pytest.fixture
def other(tmp_path):
    return make_machine_key(tmp_path / "other")


if not app.registered_commands:
    register_commands()


def run(*words, code=0):
    done = CliRunner().invoke(app, ["ledger", *map(str, words)])
    if isinstance(done.exception, SelftuneError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def folder_of(project):
    return project.hidden / "ledger"


# --- Checkpoints and proofs -------------------------------------------------------------------------------------------


def test_a_checkpoint_is_carried_away_printed_and_never_written_over(released, tmp_path):
    kept = tmp_path / "kept.jsonl"
    assert run("checkpoint", "--out", kept, "-p", released.folder) == f"Written: {kept}\n"
    assert run("verify", released.folder, "--checkpoint", kept).startswith("verifies: ")
    with pytest.raises(UsageError, match="is there already"):
        run("checkpoint", "--out", kept, "-p", released.folder)
    paper = tmp_path / "paper.txt"
    paper.write_text(run("checkpoint", "--print", "-p", released.folder))
    assert len(paper.read_text().splitlines()) == 3
    assert "Not known" not in run("verify", released.folder, "--checkpoint", paper)
    assert json.loads(run("checkpoint", "-p", released.folder))["number"] == 3


def test_what_is_verified_is_named_as_everywhere_or_as_a_folder_but_once(released, tmp_path):
    said = run("verify", released.folder)
    assert said.startswith("verifies: ")
    assert run("verify", "--project", released.folder) == run("verify", "-p", released.folder) == said
    assert "name the folder once" in " ".join(run("verify", tmp_path, "-p", released.folder, code=2).split())


def test_a_record_is_proven_to_be_in_a_ledger_that_goes_on_from_a_kept_checkpoint(released, tmp_path):
    kept, proof = tmp_path / "kept.jsonl", tmp_path / "proof.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    released.store.note("more")
    release = released.store.last(Release)
    run("prove", release.id[:20], "--since", kept, "--out", proof, "-p", released.folder)
    said = run("verify", tmp_path, "--proof", proof, "--checkpoint", kept)
    assert "made by a test at" in said
    assert release.id in said
    with pytest.raises(UsageError, match="nothing to prove"):
        run("prove", "-p", released.folder)


def test_a_ledger_that_became_shorter_than_what_was_kept_proves_nothing(released, tmp_path):
    kept = tmp_path / "kept.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    head = json.loads(kept.read_bytes())
    key = load_machine_key(released.hidden / "keys")
    body = head | {"size": head["size"] + 9}
    kept.write_bytes(verify.canonical(body | {"signature": key.sign(verify.message_of(verify.DOMAIN, body))}) + b"\n")
    with pytest.raises(IntegrityError, match="that was kept covers"):
        run("prove", "--since", kept, "-p", released.folder)


# --- Witnesses --------------------------------------------------------------------------------------------------------


def test_another_machine_co_signs_and_its_key_is_named_in_the_ledger(released, other, tmp_path):
    kept, seen = tmp_path / "kept.jsonl", tmp_path / "seen.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    seen.write_bytes(co_sign(kept, other, "the other machine", tmp_path / "witnessed"))
    assert "by the other machine" in run("keep", seen, "-p", released.folder)
    run("keep", seen, "-p", released.folder)
    assert released.store.noted(verify.NAMED)[0][1] == {"key": other.public}
    assert len((folder_of(released) / "witnesses.jsonl").read_bytes().splitlines()) == 1
    assert "Co-signed up to entry" in run("verify", released.folder, "--witness", other.public)
    run("verify", released.folder, "--witness", "ab" * 32, code=8)


def test_a_key_is_no_witness_of_itself_and_a_strangers_past_is_not_kept(released, other, tmp_path):
    kept, seen = tmp_path / "kept.jsonl", tmp_path / "seen.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    with pytest.raises(UsageError, match="witness of what it signed itself"):
        run("witness", kept, "-p", released.folder)
    head = json.loads(kept.read_bytes())
    seen.write_bytes(witness_line(head | {"root": "00" * 32}, other, name="w", at="2026") + b"\n")
    with pytest.raises(IntegrityError, match="are not those that w has seen"):
        keep_witness(released, seen)
    seen.write_bytes(witness_line(head, load_machine_key(released.hidden / "keys"), name="w", at="2026") + b"\n")
    with pytest.raises(UsageError, match="by another key"):
        keep_witness(released, seen)
    seen.write_bytes(b"")
    with pytest.raises(UsageError, match="holds no co-signature"):
        keep_witness(released, seen)


# --- Exports ----------------------------------------------------------------------------------------------------------


def alone(folder, *options):
    """The file that lies in the export, by a Python that knows no selftune."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_exported_ledger_checks_itself_and_finds_an_altered_record(released, tmp_path):
    out, kept = tmp_path / "out", tmp_path / "kept.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    said = run("export", out, "-p", released.folder)
    assert "the sealed texts of 2 records" in said
    done = alone(out, "--checkpoint", kept)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verifies: 2 entries")
    records = out / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"alias":"champion"', b'"alias":"champions"'))
    done = alone(out)
    assert done.returncode == 8
    assert done.stderr.startswith("does not verify: records.jsonl, line 2: no entry names this record")
    with pytest.raises(UsageError, match="holds something"):
        export_ledger(released, out)


def test_words_of_people_do_not_leave_with_an_exported_ledger(released, tmp_path):
    said = Statement(
        salt="s", author="Vasquez", author_is_model=False, subject="project", kind=StatementKind.CONCERN,
        text="a mind to spend time with", said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    released.store.save([said], event="said")
    export_ledger(released, tmp_path / "out", further=("evaluation",))
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert said.id.partition(":")[2].encode() in everything
    assert b"Vasquez" not in everything
    assert b"a mind" not in everything


def test_a_file_that_is_not_the_one_of_the_record_is_named(released, tmp_path, capsys):
    """As beside exported weights: one that was exchanged, one that is right, one of which the record says nothing."""
    out, data = tmp_path / "export", b"weights"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    made = replace(fake_build(), files=(FileDigest(name="adapter/adapter.gguf", digest=digest, size_bytes=7),))
    released.store.save([made], event="built")
    write_files(out / "ledger", proof_files(released, made))
    (out / "adapter.gguf").write_bytes(data)
    (out / "build.json").write_bytes(b"{}")
    assert verify.main([str(out)]) == 0
    said = capsys.readouterr().out
    assert "adapter.gguf: as the record names it\nbuild.json: named by no record here\n" in said
    (out / "adapter.gguf").write_bytes(b"other weights")
    assert verify.main([str(out)]) == 8
    assert capsys.readouterr().err.startswith("does not verify: adapter.gguf: its bytes are not those")


def test_what_is_given_with_an_export_proves_its_record_alone(released, tmp_path):
    build = next(build for _, build in released.store.each(Build))
    write_files(tmp_path / "export" / "ledger", proof_files(released, build))
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "export/ledger/verify.py"), str(tmp_path / "export")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert build.id in done.stdout
    records = tmp_path / "export/ledger/records.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"record":"build"', b'"record":"built"'))
    assert verify.main([str(tmp_path / "export")]) == 8


# --- The machine key --------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(released):
    """A statement that the first machine key has signed."""
    return load_machine_key(released.hidden / "keys")


def test_a_replaced_key_is_vouched_for_and_what_it_signed_still_counts(released, sealed, tmp_path):
    kept = tmp_path / "kept.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    signature = sealed.sign(b"x")
    said = run("succeed", "replaced", "-p", released.folder)
    now = load_machine_key(released.hidden / "keys")
    assert now.public != sealed.public
    assert f"Key {sealed.public} vouches for it" in said
    assert (now.earlier, now.trusted) == ((sealed.public,), f"{now.public} {sealed.public}")
    assert is_signed(b"x", signature, now.trusted)
    assert not is_signed(b"x", signature, now.public)
    assert "verifies" in run("verify", released.folder, "--checkpoint", kept, "--key", now.public)
    run("succeed", "replaced", "-p", released.folder)
    assert len(load_machine_key(released.hidden / "keys").earlier) == 2
    run("verify", released.folder, "--checkpoint", kept)


def test_a_lost_key_has_a_way_on_that_says_what_it_means(released, sealed):
    released.store.checkpoint()
    (released.hidden / "keys/machine.key").unlink()
    with pytest.raises(MissingFileError, match="selftune ledger succeed lost"):
        released.store.checkpoint()
    said = run("succeed", "lost", "-p", released.folder)
    assert "No key vouches for it" in said
    now = load_machine_key(released.hidden / "keys").public
    run("verify", released.folder, code=8)
    assert "verifies" in run("verify", released.folder, "--key", now)


def test_a_key_that_is_there_is_not_lost(released):
    with pytest.raises(UsageError, match="is there"):
        succeed(released, "lost")
    with pytest.raises(UsageError, match="no reason"):
        succeed(released, "bored")


def test_of_a_stolen_key_the_entries_since_the_theft_are_named(released):
    for _ in range(4):
        released.store.note("more")
    run("succeed", "stolen", "--since", "3", "-p", released.folder)
    assert "Not to be trusted, entries 3 to 6" in run("verify", released.folder)


def test_a_date_names_the_first_entry_that_bears_it_whatever_the_clock_did(project):
    times = iter(["2026-03-29T03:00:00+00:00", "2026-04-02T03:00:00+00:00", "2020-01-01T00:00:00+00:00"])
    project.store._clock = lambda: next(times)
    for event in ("first", "second", "third"):
        project.store.note(event)
    assert place_of(project, "2026-04-01") == 2
    assert place_of(project, "3") == 3
    for wrong in ("2027-01-01", "4", "0"):
        with pytest.raises(UsageError, match="no entry of the ledger is of"):
            place_of(project, wrong)


def test_a_named_witness_vouches_for_the_key_after_a_lost_one(released, other, tmp_path):
    kept, seen = tmp_path / "kept.jsonl", tmp_path / "seen.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    seen.write_bytes(co_sign(kept, other, "w", tmp_path / "witnessed"))
    keep_witness(released, seen)
    (released.hidden / "keys/machine.key").unlink()
    done = succeed(released, "lost", witness=other)
    assert done.vouched_by == other.public
    assert verify.verify(folder_of(released), kept).key == done.key


@pytest.mark.parametrize("point", ["key-prepared", "succession-noted", "checkpoint-signed"])
def test_a_change_of_key_that_broke_off_is_ended_by_the_next_call(released, monkeypatch, point):
    before = load_machine_key(released.hidden / "keys").public
    released.store.checkpoint()
    monkeypatch.setenv(VARIABLE, f"{point}=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        succeed(released, "replaced")
    monkeypatch.delenv(VARIABLE)
    assert verify.verify(folder_of(released)).key is not None
    if point != "checkpoint-signed":
        with pytest.raises(UsageError, match="begun and not ended"):
            released.store.checkpoint()
    done = succeed(released, "replaced")
    assert not (released.hidden / "keys" / NEXT).exists()
    assert before in load_machine_key(released.hidden / "keys").earlier
    assert verify.verify(folder_of(released), key=done.key).key == done.key


def test_a_public_key_of_another_is_refused_still(released, other):
    path = released.hidden / "keys/machine.pub"
    path.write_text(f"{other.public}\n{path.read_text()}")
    with pytest.raises(DamagedFileError):
        load_machine_key(released.hidden / "keys")


def test_a_witness_on_another_machine_vouches_by_a_file_there_and_back(released, other, tmp_path):
    kept, seen, asked, vouched = (tmp_path / name for name in ("kept.jsonl", "seen.jsonl", "asked", "vouched"))
    run("checkpoint", "--out", kept, "-p", released.folder)
    seen.write_bytes(co_sign(kept, other, "w", tmp_path / "witnessed"))
    keep_witness(released, seen)
    (released.hidden / "keys/machine.key").unlink()
    run("succeed", "lost", "--ask", asked, "-p", released.folder)
    with pytest.raises(UsageError, match="begun and not ended"):
        released.store.checkpoint()
    vouched.write_bytes(vouch_for(asked, other)[0])
    assert f"Key {other.public} vouches for it" in run("succeed", "lost", "--vouched", vouched, "-p", released.folder)
    assert "verifies" in run("verify", released.folder, "--checkpoint", kept)


def test_a_word_that_would_not_count_is_refused_before_it_is_entered(released, other, tmp_path):
    """An entry that does not verify could never be taken back."""
    asked, vouched = tmp_path / "asked", tmp_path / "vouched"
    (released.hidden / "keys/machine.key").unlink()
    with pytest.raises(UsageError, match="neither the old key nor a witness"):
        succeed(released, "lost", witness=other)
    run("succeed", "lost", "--ask", asked, "-p", released.folder)
    vouched.write_bytes(vouch_for(asked, other)[0])
    with pytest.raises(UsageError, match="neither the old key nor a witness"):
        succeed_as_vouched(released, vouched)
    run("succeed", "lost", "--ask", tmp_path / "again", "-p", released.folder)
    with pytest.raises(UsageError, match="not about the key that was prepared"):
        succeed_as_vouched(released, vouched)
    with pytest.raises(UsageError, match="asks for no change of key"):
        vouch_for(tmp_path / "nowhere", other)
    assert released.store.noted(verify.SUCCEEDED) == []
    assert succeed(released, "lost").vouched_by == ""


def test_another_project_s_key_co_signs_and_vouches_by_command(released, tmp_path):
    kept, seen, asked = tmp_path / "kept.jsonl", tmp_path / "seen.jsonl", tmp_path / "asked"
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(released.folder / "selftune.toml", there)
    witness = make_machine_key(there / ".selftune" / "keys")
    run("checkpoint", "--out", kept, "-p", released.folder)
    run("witness", kept, "--out", seen, "-p", there)
    run("keep", seen, "-p", released.folder)
    run("succeed", "replaced", "--ask", asked, "-p", released.folder)
    said = run("vouch", asked, "--out", tmp_path / "vouched", "-p", there)
    assert "You vouch that key " in said
    run("succeed", "replaced", "--vouched", tmp_path / "vouched", "-p", released.folder)
    assert json.loads(run("checkpoint", "-p", released.folder))["key"] != witness.public
    assert "Co-signed up to entry" in run("verify", released.folder, "--witness", witness.public)


def test_a_person_s_key_is_unlocked_on_a_terminal_only(released, tmp_path):
    make_person_key(keys_folder(), "ana", lambda _: "eight letters or more")
    kept = tmp_path / "kept.jsonl"
    run("checkpoint", "--out", kept, "-p", released.folder)
    with pytest.raises(UsageError, match="taken from a terminal only"):
        run("witness", kept, "--key", "ana", "-p", released.folder)
    with pytest.raises(UsageError, match="taken from a terminal only"):
        run("succeed", "replaced", "--witness", "ana", "-p", released.folder)


def test_what_no_entry_names_and_what_was_only_on_paper_prove_nothing(released, tmp_path):
    with pytest.raises(IntegrityError, match="no entry of the ledger names"):
        prove(released, f"run:{7:064x}")
    paper = tmp_path / "paper.txt"
    paper.write_text(run("checkpoint", "--print", "-p", released.folder))
    assert run("prove", "--since", paper, "-p", released.folder).startswith('{"earlier":')
    paper.write_text(f"size 1\nroot {'00' * 32}\nkey {'00' * 32}\n")
    with pytest.raises(UsageError, match="holds no checkpoint over entries of this project"):
        run("prove", "--since", paper, "-p", released.folder)
    with pytest.raises(UnknownNameError, match="kind of record"):
        run("export", tmp_path / "out", "--with", "evaluations", "-p", released.folder)


def test_a_ledger_that_does_not_verify_is_neither_proven_nor_exported(released, tmp_path):
    path = folder_of(released) / "00000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"made by a test", b"made by a toad", 1))
    with pytest.raises(IntegrityError, match=r"00000001\.jsonl, line 1, entry 1"):
        prove(released, released.store.last(Release).id)
    with pytest.raises(IntegrityError, match="does not verify"):
        export_ledger(released, tmp_path / "out")


def test_results_are_objects_for_programs(released, tmp_path):
    assert json.loads(run("checkpoint", "--json", "-p", released.folder))["size"] == 2
    assert json.loads(run("export", tmp_path / "out", "--json", "-p", released.folder))["records"] == 2
    assert json.loads(run("succeed", "replaced", "--json", "-p", released.folder))["entry"] == 3


def test_a_witness_signs_only_what_goes_on_from_what_it_has_seen(released, other, tmp_path):
    first, second, proof = (tmp_path / name for name in ("first.jsonl", "second.jsonl", "proof.jsonl"))
    seen, memory = tmp_path / "seen.jsonl", tmp_path / "witnessed"
    run("checkpoint", "--out", first, "-p", released.folder)
    seen.write_bytes(co_sign(first, other, "w", memory))
    assert co_sign(first, other, "w", memory)
    released.store.note("more")
    run("checkpoint", "--out", second, "-p", released.folder)
    with pytest.raises(UsageError, match="nothing joins the two"):
        co_sign(second, other, "w", memory)
    run("prove", "--since", seen, "--out", proof, "-p", released.folder)
    assert json.loads(co_sign(proof, other, "w", memory))["size"] == 3
    with pytest.raises(UsageError, match="nothing joins the two"):
        co_sign(first, other, "w", memory)
    with pytest.raises(IntegrityError, match="is not one that you kept"):
        co_sign(proof_since_first(released, first, tmp_path / "late.jsonl"), other, "w", memory)


def proof_since_first(project, first, path):
    """A true proof, of a stretch that begins before what the witness saw last."""
    project.store.note("more")
    run("prove", "--since", first, "--out", path, "-p", project.folder)
    return path


def test_a_witness_is_not_shown_two_pasts_of_one_ledger(released, other, tmp_path):
    first, forged, memory = tmp_path / "first.jsonl", tmp_path / "forged.jsonl", tmp_path / "witnessed"
    run("checkpoint", "--out", first, "-p", released.folder)
    co_sign(first, other, "w", memory)
    head = json.loads(first.read_bytes()) | {"root": "00" * 32}
    signature = load_machine_key(released.hidden / "keys").sign(verify.message_of(verify.DOMAIN, head))
    forged.write_bytes(verify.canonical(head | {"signature": signature}) + b"\n")
    with pytest.raises(IntegrityError, match="another past of this ledger was witnessed here"):
        co_sign(forged, other, "w", memory)


def test_what_the_key_before_signed_counts_for_hearing_and_seal(released, sealed):
    said = sign_statement(
        Statement(salt="s", author="ana", author_is_model=False, subject="project", kind=StatementKind.HOLD,
                  text="wait", said_at="2026-01-01T00:00:00+00:00"), sealed,
    )  # fmt: skip
    build = seal_build(fake_build(), sealed)
    succeed(released, "stolen", since="1")
    hearing = hear_project(released)
    assert statement_is_signed(said, hearing.public_key)
    # A release is held against the file, without the store.
    assert build_is_sealed(build, (released.hidden / "keys" / "machine.pub").read_text())
    assert not build_is_sealed(build, make_machine_key(released.folder / "stranger").public)


def test_words_that_were_erased_leave_a_ledger_that_still_proves_their_record(released, tmp_path):
    said = Statement(
        salt="s", author="Vasquez", author_is_model=False, subject="project", kind=StatementKind.CONCERN,
        text="a mind to spend time with", said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    released.store.save([said], event="said")
    run("checkpoint", "--out", tmp_path / "kept.jsonl", "-p", released.folder)
    released.store.erase(Erasure(bare=frozenset({said.id})))
    assert export_ledger(released, tmp_path / "out").records == 3
    done = alone(tmp_path / "out", "--checkpoint", tmp_path / "kept.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert prove(released, said.id)
