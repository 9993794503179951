"""`selftune dataset`: listed, shown token by token, compared, and exported with what was lost named."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.datasets import compare_datasets, find_dataset, list_datasets, show_dataset
from selftune.errors import IntegrityError, UnknownNameError, UsageError
from selftune.ledger import verify
from selftune.loop.project import create_project, open_project
from selftune.records import (
    CriterionScore,
    Dataset,
    DatasetKind,
    Example,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)

if not app.registered_commands:
    register_commands()


def run(*words: str):
    return CliRunner().invoke(app, words)


def said(number: int, source: str) -> Interaction:
    messages = (Message(role="user", content=f"Q{number}?"), Message(role="assistant", content=f"A{number}."))
    return Interaction(
        salt=str(number),
        conversation=f"c{number}",
        task_id=f"t{number}",
        trigger=Trigger.USER,
        messages=messages,
        source=source,
        position=str(number),
    )


def judged(item: Interaction, criterion: str) -> Judgement:
    return Judgement(
        salt=item.salt,
        interaction_id=item.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="j", version="1"),
        status=JudgementStatus.SCORED,
        overall=5.0,
        criteria=(CriterionScore(name=criterion, reasoning="", score=5.0),),
    )


def example(judgement: Judgement, item: Interaction, taught_by: str = "m") -> Example:
    return Example(
        salt=item.salt,
        interaction_id=item.id,
        judgement_id=judgement.id,
        messages=item.messages,
        taught_by=taught_by,
    )


def dataset(*train: Example, **facts) -> Dataset:
    plain = {"kind": DatasetKind.SFT, "holdout": (), "rejects": (), "mixture": (), "watermark": 0, "config_digest": "d"}
    return Dataset(train=train, card="# A card", **(plain | facts))


@pytest.fixture
def project(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="reference")
    items = [said(1, "openai:a"), said(2, "openai:a"), said(3, "sharegpt:b")]
    verdicts = [judged(item, name) for item, name in zip(items, ("voice", "voice", "facts"), strict=True)]
    first, second, third = (example(*pair) for pair in zip(verdicts, items, strict=True))
    corrected = replace(second, messages=(*second.messages[:1], Message(role="assistant", content="Better.")))
    old = dataset(first, second)
    new = dataset(replace(corrected, taught_by="person"), third, holdout=(first,))
    with open_project(tmp_path) as opened:
        opened.store.save([*items, *verdicts, old, new], event="made")
        yield opened, old, new


def test_every_dataset_is_listed_with_its_counts(project):
    opened, old, new = project
    assert [(one.id, one.train, one.holdout, one.runs) for one in list_datasets(opened)] == [
        (old.id, 2, 0, 0),
        (new.id, 2, 1, 0),
    ]


def test_a_dataset_is_found_by_the_beginning_of_its_digits(project):
    opened, old, _ = project
    assert find_dataset(opened, old.id[len("dataset:") :][:12]) == old
    with pytest.raises(UnknownNameError):
        find_dataset(opened, "dataset:zz")


def test_a_project_without_datasets_says_how_to_make_one(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="reference")
    refused = run("dataset", "show", "1", "--project", str(tmp_path))
    assert isinstance(refused.exception, UsageError)
    assert "selftune curate" in refused.exception.next_step


def test_a_dataset_that_somebody_changed_is_not_shown(project):
    opened, old, _ = project
    with sqlite3.connect(opened.hidden / "store.db") as database:
        changed = database.execute("UPDATE records SET body = replace(body, 'A1.', 'B1.') WHERE id = ?", (old.id,))
        assert changed.rowcount == 1
    with pytest.raises(IntegrityError, match="damaged"):
        show_dataset(opened, old.id)


def test_two_datasets_are_compared_by_interaction_source_teacher_and_kind(project):
    opened, old, new = project
    found = compare_datasets(opened, old.id, new.id)
    first, second, third = old.train[0], old.train[1], new.train[1]
    assert (found.added, found.removed) == ((third.interaction_id,), (first.interaction_id,))
    assert (found.changed, found.same) == ((second.interaction_id,), 0)
    assert {(one.by, one.name): (one.before, one.after) for one in found.shifts} == {
        ("source", "openai:a"): (2, 1),
        ("source", "sharegpt:b"): (0, 1),
        ("teacher", "m"): (2, 1),
        ("teacher", "person"): (0, 1),
        ("kind", "voice"): (2, 1),
        ("kind", "facts"): (0, 1),
    }


def test_a_dataset_is_no_different_from_itself(project):
    opened, old, _ = project
    found = compare_datasets(opened, old.id, old.id)
    assert (found.added, found.removed, found.changed, found.same, found.shifts) == ((), (), (), 2, ())


@pytest.mark.needs("train")
def test_the_mask_shows_the_tokens_of_the_answer_and_no_others_as_learnt(project):
    opened, old, _ = project
    shown = show_dataset(opened, old.id, count=1, mask=True)
    (one,) = shown.examples
    assert (shown.total, one.masked.refused) == (2, None)
    learnt = "".join(span.text for span in one.masked.spans if span.learnt)
    read = "".join(span.text for span in one.masked.spans if not span.learnt)
    assert "A1." in learnt
    assert "A1." not in read
    assert "Q1?" in read
    assert "Q1?" not in learnt
    opened.store.close()
    told = run("dataset", "show", old.id, "--mask", "--n", "1", "--project", str(opened.folder))
    assert "⟦A1." in told.stdout
    assert "tokens are learnt" in told.stdout


def test_the_commands_print_what_they_found(project):
    opened, old, new = project
    folder = ("--project", str(opened.folder))
    assert "2 to learn, 1 held out" in run("dataset", "list", *folder).stdout
    shown = run("dataset", "show", old.id, *folder).stdout
    assert "# A card" in shown
    assert "<|im_start|>user\nQ1?" in shown
    assert "1 added, 1 removed, 1 changed, 0 the same" in run("dataset", "diff", old.id, new.id, *folder).stdout
    assert json.loads(run("dataset", "diff", old.id, new.id, "--json", *folder).stdout)["same"] == 0


def test_export_writes_a_new_file_and_says_what_it_came_to(project, tmp_path):
    opened, _, new = project
    out = tmp_path / "out.jsonl"
    words = ("dataset", "export", new.id, "--format", "openai", "--out", str(out), "--project", str(opened.folder))
    assert "2 examples as openai" in run(*words).stdout
    assert len(out.read_text("utf-8").splitlines()) == 2
    assert verify.main([str(tmp_path / "out.jsonl.ledger")]) == 0
    again = run(*words)
    assert "is there already" in str(again.exception)
    told = run(*words[:-3], str(tmp_path / "two.jsonl"), "--json", *words[-2:])
    assert json.loads(told.stdout)["written"] == 2
