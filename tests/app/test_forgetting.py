"""A person is erased: nothing of theirs is in any file, everybody else's is there, and the project goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from configured_project import open_test_project
from town_of_people import files_with, learn, line_of, mark_of, move_in, name_of, state, words_of
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.forgetting import as_data, describe, describe_done, look_for
from selftune.app.searching import find_words as find_indexed
from selftune.app.searching import rebuild_index
from selftune.context import Progress
from selftune.errors import SelftuneError, UsageError, WaitingForPersonError
from selftune.ledger import verify
from selftune.loop.forgetting import finding
from selftune.loop.forgetting.forget import forget, touched_releases
from selftune.loop.incoming.intake import import_files
from selftune.loop.project import create_project, open_project
from selftune.records import (
    Dataset,
    Forgetting,
    Interaction,
    Judgement,
    Message,
    Release,
    Session,
    Statement,
    StatementKind,
    has_words,
)
from selftune.store import BlobStore, Store

PEOPLE, EACH = 10, 8

if not app.registered_commands:
    register_commands()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A town that was lived in, closed; copied for each test."""
    inside = tmp_path_factory.mktemp("town")
    with open_test_project(inside) as project:
        move_in(project, inside, people=PEOPLE, each=EACH)
    return inside, project


@pytest.fixture
def town(made, tmp_path):
    inside, project = made
    shutil.copytree(inside, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "project"
    with Store.open(folder) as store:
        yield replace(project, folder=folder, store=store, blobs=BlobStore(folder / ".selftune" / "blobs"))


def test_nothing_of_a_person_is_left_in_any_file_and_nothing_of_others_is_gone(town):
    before = {person: files_with(town.folder, mark_of(person)) for person in range(PEOPLE)}
    assert len(before[3]) > 5, "the test holds nothing that could be erased"
    signed = town.folder.parent / "checkpoint.jsonl"
    town.store.checkpoint()
    signed.write_bytes((town.hidden / "ledger" / verify.CHECKPOINTS).read_bytes().splitlines(keepends=True)[-1])

    done = forget(town, look_for(town, name_of(3)))

    assert files_with(town.folder, mark_of(3)) == []
    assert files_with(town.folder, name_of(3)) == []
    for other in {*range(PEOPLE)} - {3}:
        assert {".selftune/store.db", "data/golden_interactions.jsonl"} <= set(files_with(town.folder, mark_of(other)))
    assert verify.verify(town.hidden / "ledger", signed).entries == town.store.last_entry()
    assert list(town.store.damaged()) == []
    assert done.erased
    assert town.store.count(Interaction) == (PEOPLE - 1) * EACH


def test_what_learnt_from_them_is_named_and_the_next_dataset_is_without_them(town):
    dataset = town.store.last(Dataset)
    theirs = {one.id for _, one in town.store.each(Interaction) if words_of(3, 0)[:7] in one.messages[0].content}
    words = look_for(town, name_of(3))
    at_work = list[Progress]()
    done = forget(town, words, at_work.append)
    assert [one.note for one in at_work] == ["in files", "in the store, which is written anew"]
    kinds = [name.partition(":")[0] for name in done.touched]
    assert kinds == ["dataset", "run", "build", "release"]
    assert dataset.id in done.touched
    assert [one.version for one in touched_releases(town)] == ["v2.0"]
    assert any("learnt from them. Train without them" in line for line in describe_done(town, done))
    kept = town.store.record(dataset.id, Dataset)
    held = {one.interaction_id for one in (*dataset.train, *dataset.holdout)} & theirs
    assert held
    assert {one.interaction_id for one in (*kept.train, *kept.holdout) if not has_words(one)} == held
    later = learn(town)
    assert not theirs & {one.interaction_id for one in (*later.train, *later.holdout)}
    assert len(later.train) > len(dataset.train) - 2 * EACH


def test_the_same_file_brings_nothing_of_them_back(town, tmp_path):
    forget(town, look_for(town, name_of(3)))
    again = import_files(town, [tmp_path / "town.jsonl"], format_name="openai")
    assert sum(one.added for one in again) == 0
    assert files_with(town.folder, mark_of(3)) == []


def test_their_doubt_stays_without_its_words_and_what_others_quoted_goes(town):
    (doubt,) = [one.id for _, one in town.store.each(Statement) if one.author == name_of(3)]
    reviews = town.store.count(Statement)
    forget(town, look_for(town, name_of(3)))
    found = town.store.record(doubt, Statement)
    assert (found.kind, has_words(found), found.text) == (StatementKind.CONCERN, False, "")
    assert town.store.count(Statement) == reviews
    assert sum(not has_words(one) for _, one in town.store.each(Statement)) == EACH + 1


def test_a_search_says_how_far_it_is(town, monkeypatch):
    monkeypatch.setattr(finding, "_TOLD_EACH", 1)
    looked = list[Progress]()
    look_for(town, name_of(3), told=looked.append)
    assert [one.done for one in looked] == [*range(1, len(looked) + 1)]
    assert {one.total for one in looked} == {len(looked)}
    assert len(looked) > PEOPLE * EACH


def test_a_dry_run_lets_everything_stand(town):
    before = files_with(town.folder, mark_of(3))
    size = town.store.last_entry()
    lines = "\n".join(describe(town, look_for(town, name_of(3))))
    assert f"{EACH} interactions" in lines
    assert "release that learnt from them" in lines
    assert "backups" in lines
    assert mark_of(3) not in lines
    assert mark_of(3) not in str(as_data(town, look_for(town, name_of(3))))
    assert files_with(town.folder, mark_of(3)) == before
    assert town.store.last_entry() == size


def test_a_file_of_somebodys_own_is_named_and_left(town):
    own = town.folder / "my notes.txt"
    own.write_text(words_of(3, 1))
    done = forget(town, look_for(town, name_of(3)))
    assert any(sentence.startswith("my notes.txt") for sentence in done.unreachable)
    assert own.exists()


def test_a_model_that_happens_to_hold_a_sentence_is_left_alone(town):
    model, draft = town.hidden / "models" / "m.gguf", town.hidden / "drafts" / "of somebody.txt"
    for path in (model, draft):
        path.parent.mkdir(exist_ok=True)
        path.write_text(words_of(3, 1))
    done = forget(town, look_for(town, name_of(3)))
    assert model.exists()
    assert draft.exists()
    assert any(sentence.startswith(".selftune/drafts/of somebody.txt") for sentence in done.unreachable)


def test_an_interaction_goes_with_its_conversation_and_nothing_else(town):
    one = next(one for _, one in town.store.each(Interaction) if words_of(4, 2) == one.messages[0].content)
    forget(town, look_for(town, one.id))
    assert files_with(town.folder, words_of(4, 2)[:10]) == []
    assert files_with(town.folder, words_of(4, 1)[:10])
    assert town.store.count(Interaction) == PEOPLE * EACH - 1


def test_only_its_author_has_a_statement_erased_and_it_still_stands(town):
    doubt = next(one for _, one in town.store.each(Statement) if one.author == name_of(5))
    with pytest.raises(WaitingForPersonError, match="only its author"):
        look_for(town, doubt.id, author=name_of(6))
    forget(town, look_for(town, doubt.id, author=name_of(5)))
    found = town.store.record(doubt.id, Statement)
    assert (found.kind, found.subject, found.text) == (doubt.kind, doubt.subject, "")
    assert files_with(town.folder, words_of(5, 90)[:10]) == []


def test_an_act_keeps_its_name_and_its_words(town):
    doubt = next(one for _, one in town.store.each(Statement) if one.author == name_of(5))
    acts = [
        state(name_of(5), doubt.id, kind, "Because it has been looked into.")
        for kind in (StatementKind.APPROVAL, StatementKind.CLOSING, StatementKind.LIFT)
    ]
    town.store.save(acts, event="made by a test")
    for act in acts:
        with pytest.raises(UsageError, match="answers for by name"):
            look_for(town, act.id, author=name_of(5))
    done = forget(town, look_for(town, name_of(5)))
    assert [town.store.record(act.id, Statement) for act in acts] == acts
    assert "3 approvals, sign-offs or other acts, whose author answers for them by name" in done.unreachable
    assert dict(done.authors)[doubt.id].startswith("person-")


def test_an_archived_session_loses_its_words_and_keeps_its_number(town):
    session = Session(
        salt="s", programme="tides", number=7, source="a", position="line 7", author=None, flags=("late",),
        messages=(Message(role="user", content=words_of(77, 1)), Message(role="assistant", content=words_of(77, 2))),
    )  # fmt: skip
    town.store.save([session], event="archived")
    forget(town, look_for(town, session.id))
    assert files_with(town.folder, mark_of(77)) == []
    (facts,) = town.store.sessions.facts("tides")
    assert (facts.number, facts.flags, facts.words, facts.opening) == (7, ("late",), None, None)
    assert town.store.sessions.erased([session.id]) == {session.id}


@pytest.mark.slow
@pytest.mark.needs("lance")
def test_one_of_fifty_people_with_forty_interactions_each_is_erased_from_every_file(released, tmp_path):
    """Reliability, "Erasing a person": the whole size, the search index and its old versions included."""
    move_in(released, tmp_path, people=50, each=40)
    rebuild_index(released)
    signed = tmp_path / "checkpoint.jsonl"
    released.store.checkpoint()
    signed.write_bytes((released.hidden / "ledger" / verify.CHECKPOINTS).read_bytes().splitlines(keepends=True)[-1])
    sought = words_of(17, 5).partition(":")[0]
    assert words_of(17, 5) in {one.asked for one in find_indexed(released, sought, limit=3).found}
    forget(released, look_for(released, name_of(17)))
    assert files_with(released.folder, mark_of(17)) == []
    assert files_with(released.folder, name_of(17)) == []
    # Its files are packed, so that no search for bytes tells: it goes as a whole.
    assert not (released.hidden / "index").exists()
    assert verify.verify(released.hidden / "ledger", signed).entries == released.store.last_entry()
    assert rebuild_index(released) == released.store.count(Interaction) == 49 * 40
    assert not any(mark_of(17) in one.asked for one in find_indexed(released, sought, limit=3).found)


def test_who_said_nothing_here_and_what_is_nobodys_words_are_refused(town):
    with pytest.raises(UsageError, match="nothing of this person"):
        look_for(town, "Nobody At All")
    with pytest.raises(UsageError, match="nobody's words"):
        look_for(town, town.store.last(Dataset).id)


@pytest.mark.parametrize("place", ["forget-files", "forget-marked", "forget-erased"])
def test_cut_off_anywhere_the_same_command_goes_on(town, monkeypatch, place):
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", f"{place}=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        forget(town, look_for(town, name_of(3)))
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    if place != "forget-erased":
        forget(town, look_for(town, name_of(3)))
    assert files_with(town.folder, mark_of(3)) == []
    assert town.store.count(Forgetting) >= 1


def test_a_copy_of_the_store_from_before_an_upgrade_goes_with_it(town):
    with Store.open(town.folder):
        (town.hidden / "store.db.before-0005").write_bytes((town.hidden / "store.db").read_bytes())
    forget(town, look_for(town, name_of(3)))
    assert files_with(town.folder, mark_of(3)) == []


@pytest.fixture
def home(tmp_path):
    """A project as a person makes it, with four people in it, closed."""
    folder = tmp_path / "home"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as project:
        move_in(project, tmp_path, people=4, each=4)
    return folder


def run(home, *words, **more):
    done = CliRunner().invoke(app, [*words, "--project", str(home)], **more)
    assert done.exit_code == 0, (words, done.exception, done.output)
    return done.output


def test_the_command_asks_erases_and_every_other_command_goes_on(home):
    with open_project(home) as project:
        dataset = project.store.last(Dataset)
        # Somebody of whom an exam was held out, where anybody was: their answers leave the decision's page.
        person = int((*dataset.holdout, *dataset.train)[0].messages[0].content[4:6])
    asked = CliRunner().invoke(app, ["forget", name_of(person), "--project", str(home)], input="n\n")
    assert "Erase all of it?" in asked.output
    assert files_with(home, mark_of(person))
    told = run(home, "forget", name_of(person), "--yes")
    assert "Forgotten: " in told
    assert run(home, "forget", told.split("verifies. ")[1].split()[0]) == ""
    assert mark_of(person) not in asked.output + told
    assert files_with(home, mark_of(person)) == []
    with open_project(home) as project:
        dataset = project.store.last(Dataset)
        gone = next(one.interaction_id for one in dataset.train if not has_words(one))
        ids = (dataset.id, project.store.last(Release).id, project.store.last(Forgetting).id)
    for words in (
        ("status",), ("why",), ("report",), ("concern", "list", "--all"), ("dataset", "list"), ("quarantine",),
        ("dataset", "show", dataset.id), ("rules",), *((verb, name) for name in ids for verb in ("why", "trace")),
        ("forget", name_of((person + 1) % 4), "--dry-run", "--json"),
    ):  # fmt: skip
        assert mark_of(person) not in run(home, *words)
    assert "v2.0 learnt from words that were erased since" in run(home, "status")
    assert "learnt from words, or held some, that were erased" in run(home, "why", dataset.id)
    assert "its words were erased at their author's wish" in run(home, "concern", "list")
    assert "Nothing learnt" not in run(home, "forget", name_of((person + 1) % 4), "--dry-run")
    refused = CliRunner().invoke(app, ["why", gone, "--project", str(home)])
    assert "were erased" in str(refused.exception)


def test_words_that_somebody_else_says_too_stay_theirs(released, tmp_path):
    move_in(released, tmp_path, people=2, each=2)
    shared = line_of(0, 0) | {"author": name_of(1), "task_id": "t1-7", "feedback": None}
    path = tmp_path / "shared.jsonl"
    path.write_text(json.dumps(shared) + "\n")
    import_files(released, [path], format_name="openai")
    forget(released, look_for(released, name_of(0)))
    left = [one for _, one in released.store.each(Interaction)]
    assert [one.task_id for one in left if words_of(0, 0) in one.messages[0].content] == ["t1-7"]
    assert all(one.interaction_id in {said.id for said in left} for _, one in released.store.each(Judgement))
