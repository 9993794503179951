"""A project kept as one file and made a project again; a file that anybody may have changed puts nothing in place."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app import backups
from selftune.app.backups import MANIFEST, _place, back_up
from selftune.app.cli.main import app, register_commands
from selftune.app.gateway.capture.entries import read_entry, write_entry
from selftune.app.gateway.capture.ingest import Ingest
from selftune.app.gateway.capture.spool import Spool, read_segment, segments
from selftune.app.restoring import restore
from selftune.app.storing import migrate_store
from selftune.errors import BudgetError, DamagedFileError, IntegrityError, MissingFileError, UsageError
from selftune.ledger import verify
from selftune.loop.config import load_config
from selftune.personas.checkpoints import open_checkpoints
from selftune.records import Interaction, Message, Rubric, Trigger
from selftune.store import BlobStore, Store
from selftune.store.dialect import sqlite_module
from selftune.testing import fake_build

if not app.registered_commands:
    register_commands()

WORDS = "the heron sleeps under the third bridge"


def said(number):
    return Interaction(
        salt=f"s{number}", conversation=f"c{number}", task_id="chat", trigger=Trigger.USER, source="log.jsonl",
        messages=(Message(role="user", content=f"{WORDS} {number}"), Message(role="assistant", content="Yes.")),
        position=f"line {number}",
    )  # fmt: skip


@pytest.fixture
def filled(project):
    """A project with records, a blob, a text of its own, and what is not kept."""
    project.store.save([said(number) for number in range(5)], event="captured")
    project.blobs.put_bytes(b"weights" * 1000)
    (project.folder / "memory" / "ß folder").mkdir(parents=True)
    (project.folder / "memory" / "ß folder" / "note.md").write_text("a note")
    (project.hidden / "notes").mkdir()
    (project.hidden / "notes" / "index.json").write_text("made again")
    (project.folder / "away").symlink_to("/etc")
    return project


@pytest.fixture
def backup(filled, tmp_path):
    """The path of a backup of it."""
    filled.store.close()
    return tmp_path / back_up(filled.folder, tmp_path / "b.tar").path


def test_what_is_restored_is_the_same_project_and_waits_for_its_keys(filled, tmp_path):
    made = back_up(filled.folder, tmp_path)
    assert made.path.endswith(".selftune.tar")
    assert made.left_out[0] == "away: no plain file"
    done = restore(tmp_path / made.path, tmp_path / "again")
    again = tmp_path / "again"
    assert (done.entries, done.damaged, done.cut_loose, done.with_keys) == (5, (), (), False)
    assert (again / "memory" / "ß folder" / "note.md").read_text() == "a note"
    assert load_config(again) == load_config(filled.folder)
    with Store.open(again) as store:
        assert [one for _, one in store.each(Interaction)] == [one for _, one in filled.store.each(Interaction)]
        assert [entry.hash for entry in store.history()] == [entry.hash for entry in filled.store.history()]
        store.note("life goes on")
    assert verify.verify(again / ".selftune" / "ledger").entries == 6
    (blob,) = (file for file in (again / ".selftune" / "blobs" / "sha256").rglob("*") if file.is_file())
    BlobStore(again / ".selftune" / "blobs").verify(f"sha256:{blob.parent.name}{blob.name}")
    with Store.open(again) as store, pytest.raises(UsageError, match=r"import\.key is missing"):
        store.save([said(9)], event="captured")
    assert not (again / ".selftune" / "notes").exists()
    assert not (again / "away").exists()
    assert list((again / ".selftune" / "keys").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_keys_come_along_only_where_they_are_asked_for(filled, tmp_path):
    without, kept = (
        back_up(filled.folder, tmp_path / "a.tar"),
        back_up(filled.folder, tmp_path / "b.tar", with_keys=True),
    )
    assert any("keys were not asked for" in why for why in without.left_out)
    assert b"PRIVATE KEY" not in (tmp_path / "a.tar").read_bytes()
    restore(tmp_path / "b.tar", tmp_path / "again")
    names = {path.name for path in (filled.hidden / "keys").iterdir()}
    assert {path.name for path in (tmp_path / "again" / ".selftune" / "keys").iterdir()} == names
    assert kept.with_keys
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0


def test_a_backup_of_a_project_at_work_holds_one_state(filled, tmp_path):
    over = threading.Event()

    def work():
        with Store.open(filled.folder) as store:
            number = 100
            while not over.is_set():
                store.save([said(number)], event="captured")
                number += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        made = [back_up(filled.folder, tmp_path / f"{number}.tar") for number in range(3)]
    finally:
        over.set()
        worker.join()
    for number, one in enumerate(made):
        done = restore(tmp_path / f"{number}.tar", tmp_path / f"again{number}")
        with Store.open(tmp_path / f"again{number}") as store:
            assert store.count(Interaction) == done.entries == one.entries
    assert made[0].entries <= made[2].entries


@pytest.mark.needs("graph")
def test_dialogues_that_are_not_over_come_along(filled, tmp_path):
    place = filled.hidden / "personas" / "dialogues.db"
    with open_checkpoints(place) as held:
        held.begin("chat-1", "its outset")
        back_up(filled.folder, tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    with open_checkpoints(tmp_path / "again" / ".selftune" / "personas" / "dialogues.db") as held:
        assert [one.body for one in held.unfinished()] == ["its outset"]


def test_what_was_acknowledged_before_it_began_is_in_it_though_it_becomes_a_record_meanwhile(
    filled, tmp_path, monkeypatch
):
    spool = Spool(filled.hidden / "gateway" / "spool")
    spool.append([write_entry(said(7))])
    spool.rotate()
    spool.append([write_entry(said(8))])
    drafts = filled.hidden / "drafts"
    drafts.mkdir()
    (drafts / "d.txt").write_text("half a sentence")
    keep_store, keep_files = backups._keep_store, backups._keep_files

    def round_of_ingest(*arguments, **keywords):
        spool.rotate()
        Ingest(folder=filled.folder, opens=lambda _: nullcontext(filled)).take()
        (drafts / "d.txt").unlink(missing_ok=True)
        return keep_files(*arguments, **keywords)

    def closed_meanwhile(*arguments):
        spool.rotate()
        return keep_store(*arguments)

    monkeypatch.setattr(backups, "_keep_store", closed_meanwhile)
    monkeypatch.setattr(backups, "_keep_files", round_of_ingest)
    made = back_up(filled.folder, tmp_path / "b.tar", with_keys=True)
    spool.close()
    restore(tmp_path / "b.tar", tmp_path / "again")
    assert made.left_out == ("away: no plain file",)
    assert (tmp_path / "again" / ".selftune" / "drafts" / "d.txt").read_text() == "half a sentence"
    waiting = segments(tmp_path / "again" / ".selftune" / "gateway" / "spool")
    brought = [read_entry(entry) for one in waiting for entry, _ in read_segment(one)]
    assert [one.source for one in brought if isinstance(one, Interaction)] == ["log.jsonl"] * 2
    with Store.open(tmp_path / "again") as store:
        assert store.count(Interaction) == 5
    assert filled.store.count(Interaction) == 7


def test_a_segment_that_is_closed_while_it_is_looked_for_is_copied_once(filled, tmp_path, monkeypatch):
    spool = Spool(filled.hidden / "gateway" / "spool")
    spool.append([write_entry(said(7))])
    copy = shutil.copyfile

    def closed_just_before(source, target, **keywords):
        if str(source).endswith(".open"):
            spool.rotate()
        return copy(source, target, **keywords)

    monkeypatch.setattr(shutil, "copyfile", closed_just_before)
    back_up(filled.folder, tmp_path / "b.tar")
    spool.close()
    names = [one.name for one, _ in members_of(tmp_path / "b.tar") if "/spool/" in one.name]
    assert [name.rpartition(".")[2] for name in names] == ["spool"]


def test_a_folder_of_ours_that_is_a_link_is_refused_and_links_elsewhere_are_named(filled, tmp_path):
    run = CliRunner()
    told = run.invoke(app, ["backup", str(tmp_path / "b.tar"), "--project", str(filled.folder)])
    assert "Not in it: away: no plain file" in told.stderr
    assert (
        "Not in it: away" in run.invoke(app, ["restore", str(tmp_path / "b.tar"), "--into", str(tmp_path / "a")]).stderr
    )
    (filled.hidden / "blobs").rename(tmp_path / "big")
    (filled.hidden / "blobs").symlink_to(tmp_path / "big")
    with pytest.raises(UsageError, match="blobs is a link"):
        back_up(filled.folder, tmp_path / "c.tar")
    assert not (tmp_path / "c.tar").exists()


def test_a_file_that_a_record_names_and_that_is_missing_is_named_and_ends_with_the_integrity_code(filled, tmp_path):
    there = filled.blobs.put_bytes(b"base")
    lost = fake_build("lost")
    filled.store.save([fake_build("base"), lost], event="made by a test")
    filled.store.close()
    back_up(filled.folder, tmp_path / "b.tar")
    (name,) = restore(tmp_path / "b.tar", tmp_path / "again").missing
    assert name == f"model.gguf of {lost.id} ({lost.files[0].digest})"
    assert there != lost.files[0].digest
    done = CliRunner().invoke(app, ["restore", str(tmp_path / "b.tar"), "--into", str(tmp_path / "more")])
    assert done.exit_code == 8
    assert lost.id in done.stderr
    assert (tmp_path / "more" / "selftune.toml").is_file()


def test_nothing_is_written_over_and_nothing_into_the_project_itself(filled, backup, tmp_path):
    with pytest.raises(UsageError, match="there already"):
        back_up(filled.folder, backup)
    with pytest.raises(UsageError, match="lies in the project"):
        back_up(filled.folder, filled.folder / "b.tar")
    with pytest.raises(UsageError, match="holds something"):
        restore(backup, filled.folder)
    with pytest.raises(MissingFileError):
        restore(tmp_path / "nowhere.tar", tmp_path / "again")
    (tmp_path / "empty").mkdir()
    assert restore(backup, tmp_path / "empty").entries == 5


def test_of_two_backups_to_one_place_at_once_one_is_written_whole_and_the_other_refused(filled, tmp_path):
    others = []

    def another(_):
        if not others:
            others.append(None)
            others.append(back_up(filled.folder, tmp_path / "b.tar"))

    with pytest.raises(UsageError, match="there already"):
        back_up(filled.folder, tmp_path / "b.tar", told=another)
    assert restore(tmp_path / "b.tar", tmp_path / "again").entries == others[1].entries
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_in_which_somebody_stands_is_not_replaced(backup, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="is where you are"):
        restore(backup, Path())
    assert list((tmp_path / "here").iterdir()) == []


def test_a_full_disk_leaves_no_half_backup(filled, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selftune.app.backups._keep_files", full)
    with pytest.raises(BudgetError, match="no room"):
        back_up(filled.folder, tmp_path / "b.tar")
    assert not list(tmp_path.glob("*b.tar*"))


# --- Files that anybody may have changed ------------------------------------------------------------------------------


def members_of(path):
    with tarfile.open(path, "r:") as archive:
        return [(one, archive.extractfile(one).read()) for one in archive]


def write(path, members):
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
        for one, data in members:
            one.size = len(data) if one.isreg() else 0
            archive.addfile(one, io.BytesIO(data))


def refused(path, tmp_path, why, kind=DamagedFileError):
    with pytest.raises(kind, match=why) as error:
        restore(path, tmp_path / "again")
    assert error.value.next_step
    assert not (tmp_path / "again").exists()
    assert {one.name for one in tmp_path.iterdir() if ".restored-" in one.name} == set()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_one_that_is_cut_off_is_refused(backup, tmp_path, share):
    data = backup.read_bytes()
    # A tar archive is padded with zeros behind its end: those alone may be missing.
    end = len(data.rstrip(b"\0"))
    backup.write_bytes(data[: int(end * share)])
    refused(backup, tmp_path, "cut off|not what was kept|would not lie|can't be restored")


def test_a_byte_that_was_changed_anywhere_is_found(backup, tmp_path):
    data = bytearray(backup.read_bytes())
    for words in (b"a note", WORDS.encode(), b"weightsweights", b'"event":"captured"'):
        changed = bytearray(data)
        changed[data.index(words)] ^= 1
        backup.write_bytes(changed)
        refused(backup, tmp_path, "not what was kept|not the one that its name says")


def link(name, to, kind):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry, b""


def plain(name):
    return tarfile.TarInfo(name), b"planted"


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        (plain("../planted"), "would not lie"),
        (plain("project/../../planted"), "would not lie"),
        (plain("/tmp/planted"), "would not lie"),
        (plain("project\\..\\planted"), "would not lie"),
        (plain("project/./planted"), "would not lie"),
        (plain("elsewhere/planted"), "would not lie"),
        (plain("."), "would not lie"),
        (plain("c:/planted"), "would not lie"),
        (plain("project/selftune.toml/planted"), "no place"),
        (plain(f"project/{'a' * 300}"), "no place"),
        (plain("project/selftune.toml"), "twice"),
        (plain("project/planted"), "not what was kept"),
        (link("project/link", "/etc/passwd", tarfile.SYMTYPE), "no plain file"),
        (link("project/link", "../../x", tarfile.LNKTYPE), "no plain file"),
        (link("project/fifo", "", tarfile.FIFOTYPE), "no plain file"),
        (link("project/device", "", tarfile.CHRTYPE), "no plain file"),
        (link("project/folder", "", tarfile.DIRTYPE), "no plain file"),
    ],
)  # fmt: skip
def test_what_would_lie_elsewhere_or_is_no_plain_file_is_refused(backup, tmp_path, planted, why):
    members = members_of(backup)
    write(backup, [*members[:-1], planted, members[-1]])
    refused(backup, tmp_path, why)


def test_what_stands_behind_the_manifest_and_a_size_beyond_the_file_are_refused(backup, tmp_path):
    members = members_of(backup)
    write(backup, [*members, plain("project/late")])
    refused(backup, tmp_path, "behind its manifest")
    bomb = tarfile.TarInfo("project/bomb")
    bomb.size = 1 << 50
    backup.write_bytes(bomb.tobuf() + b"\0" * 1024)
    refused(backup, tmp_path, "no backup of selftune", UsageError)


def with_store(backup, change):
    """The backup with other records and a manifest that fits them: by somebody who knows how."""
    members = members_of(backup)
    by_name = {one.name: data for one, data in members}
    change(by_name)
    import hashlib

    manifest = json.loads(by_name[MANIFEST])
    for name, data in by_name.items():
        if name != MANIFEST:
            seal = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            manifest["files"][name.removeprefix("project/")] = seal
    by_name[MANIFEST] = json.dumps(manifest).encode()
    write(backup, [(tarfile.TarInfo(name), data) for name, data in by_name.items()])


def edit_store(tmp_path, *statements):
    def change(by_name):
        path = tmp_path / "edited.db"
        path.write_bytes(by_name["project/.selftune/store.db"])
        connection = sqlite_module().connect(path)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        by_name["project/.selftune/store.db"] = path.read_bytes()

    return change


@pytest.mark.parametrize(
    ("statement", "kind", "why"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END", DamagedFileError, "no store"),
        ("CREATE VIEW v AS SELECT 1", DamagedFileError, "no store"),
        ("UPDATE ledger SET event = 'forged' WHERE seq = 3", IntegrityError, "altered"),
        ("UPDATE ledger_tree SET size = 4", DamagedFileError, "does not end as its manifest says"),
        ("UPDATE alembic_version SET version_num = '9999'", IntegrityError, "newer selftune"),
    ],
)
def test_records_that_do_not_hold_together_are_refused_though_the_digests_fit(backup, tmp_path, statement, kind, why):
    with_store(backup, edit_store(tmp_path, statement))
    refused(backup, tmp_path, why, kind)


def test_a_record_that_was_damaged_before_is_named_and_a_blob_of_another_name_is_refused(backup, tmp_path):
    with_store(
        backup, edit_store(tmp_path, "UPDATE records SET body = replace(body, 'third', 'fourth') WHERE sequence = 2")
    )
    assert len(restore(backup, tmp_path / "named").damaged) == 1

    def swap(by_name):
        blob = next(name for name in by_name if "/blobs/sha256/" in name)
        by_name[blob] = b"other weights"

    with_store(backup, swap)
    refused(backup, tmp_path, "not the one that its name says")


def test_nobody_comes_in_by_an_archive_and_no_word_of_it_steers_a_terminal(filled, tmp_path):
    doors = ("dashboard/sessions/ab", "dashboard/address.json", "serving.json", "gateway/gateway.json")
    for name in doors:
        (filled.hidden / name).parent.mkdir(parents=True, exist_ok=True)
        (filled.hidden / name).write_text("of now alone")
    filled.store.close()
    backup = tmp_path / back_up(filled.folder, tmp_path / "b.tar").path
    assert {f"project/.selftune/{name}" for name in doors}.isdisjoint(one.name for one, _ in members_of(backup))

    def plant(by_name):
        by_name.update({f"project/.selftune/{name}": b"planted" for name in doors})
        by_name[MANIFEST] = by_name.pop(MANIFEST).replace(b'"made_at":"', b'"made_at":"\\u001b[2J')

    with_store(backup, plant)
    done = CliRunner().invoke(app, ["restore", str(backup), "--into", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout
    assert [name for name in doors if (tmp_path / "again" / ".selftune" / name).exists()] == []


def test_what_is_no_backup_is_said_to_be_none(backup, tmp_path):
    for data in (b"", b"no archive at all" * 100, b"\x1f\x8b" + b"\0" * 100):
        (tmp_path / "foreign.tar").write_bytes(data)
        refused(tmp_path / "foreign.tar", tmp_path, "no backup of selftune", UsageError)
    write(tmp_path / "foreign2.tar", [plain("project/readme")])
    refused(tmp_path / "foreign2.tar", tmp_path, "no backup of selftune", UsageError)
    with_store(
        backup, lambda by_name: by_name.update({MANIFEST: by_name[MANIFEST].replace(b'"format":1', b'"format":9')})
    )
    refused(backup, tmp_path, "in a newer form", IntegrityError)


# --- By command, and of a server --------------------------------------------------------------------------------------


def test_the_commands_say_what_is_in_it_and_what_is_not(filled, tmp_path):
    run = CliRunner()
    made = run.invoke(app, ["backup", str(tmp_path / "b.tar"), "--project", str(filled.folder)])
    assert made.exit_code == 0
    assert "5 entries of the ledger" in made.stdout
    assert "The keys are not in it" in made.stderr
    done = run.invoke(app, ["restore", str(tmp_path / "b.tar"), "--into", str(tmp_path / "again"), "--json"])
    assert json.loads(done.stdout)["entries"] == 5


@pytest.mark.needs("postgres")
def test_records_that_a_server_keeps_come_as_a_file_and_the_restored_project_is_one_of_its_own(
    filled, tmp_path, postgres_url
):
    filled.store.close()
    migrate_store(filled.folder, postgres_url)
    (filled.folder / ".selftune" / "store.db").unlink()
    assert back_up(filled.folder, tmp_path / "b.tar", with_keys=True).entries == 5
    done = restore(tmp_path / "b.tar", tmp_path / "again")
    assert done.cut_loose == ("[store] url",)
    with Store.open(tmp_path / "again") as store:
        store.save([Rubric(name="here alone", version="1", description="d", criteria=())], event="imported")
        assert [one.position for _, one in store.each(Interaction)] == [f"line {number}" for number in range(5)]


def test_two_backups_within_a_second_have_two_names(tmp_path):
    at = "2026-11-22T22:21:29+00:00"
    one = _place(tmp_path / "p", tmp_path, "p", at)
    one.touch()
    other = _place(tmp_path / "p", tmp_path, "p", at)
    assert other != one
    assert not other.exists()
