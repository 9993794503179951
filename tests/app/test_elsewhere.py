"""`selftune train elsewhere`: one new folder with all that another machine needs, on the reference base."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from selftune.app.elsewhere import Asked, send_elsewhere
from selftune.bases.registry import find_base
from selftune.errors import NothingToTrainOnError, UnknownNameError, UsageError
from selftune.records import Consent, Dataset, DatasetKind, Example, Interaction, Message, Trigger, digest_file

pytestmark = pytest.mark.needs("train")

RECIPE = (
    'objective = "sft"\nmax_steps = 8\nbatch_size = 2\naccumulation = 2\nleast_supervised = 0.01\nmax_length = 200\n'
)
_numbers = itertools.count()


def said(*, send: bool) -> Interaction:
    number = next(_numbers)
    return Interaction(
        salt=f"s{number}",
        conversation=f"c{number}",
        task_id=f"t{number}",
        trigger=Trigger.USER,
        messages=(Message(role="user", content=f"Which song? {number}"), Message(role="assistant", content="Tuwa.")),
        source="test",
        position=str(number),
        consent=Consent(send=send),
    )


def lesson(interaction: Interaction, answer: str = "I looked it up.") -> Example:
    turns = (*interaction.messages[:-1], Message(role="assistant", content=answer))
    return Example(salt=interaction.salt, interaction_id=interaction.id, judgement_id=None, messages=turns)


@pytest.fixture
def ready(project):
    """A project on the reference base with a dataset of eight lessons, half of which may be sent away."""
    base, folder = find_base("reference")
    interactions = [said(send=number % 2 == 0) for number in range(8)]
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=tuple(map(lesson, interactions)),
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:0",
        card="a card",
    )
    project.store.save([*interactions, dataset], event="made")
    (project.folder / "recipes").mkdir()
    (project.folder / "recipes" / "r.toml").write_text(RECIPE)
    return replace(project, base=base, base_folder=folder)


def test_the_folder_holds_data_script_page_and_the_base_byte_for_byte(ready, tmp_path):
    sent = send_elsewhere(ready, Asked(to="unsloth", out=tmp_path / "there", four_bit=True))
    assert sent.files == ("README.md", "base", "train.jsonl", "train_unsloth.py")
    assert sent.steps == 8
    for file in ready.base.files:
        assert digest_file(tmp_path / "there" / "base" / file.name) == file.digest
    assert "load_in_4bit=True" in (tmp_path / "there" / "train_unsloth.py").read_text()


def test_the_rows_are_those_that_a_training_here_would_learn(ready, tmp_path):
    from selftune.training.config import load_recipe
    from selftune.training.preflight import tokenise
    from selftune.training.rows import labels_of, load_tokenizer

    send_elsewhere(ready, Asked(to="axolotl", out=tmp_path / "there"))
    written = [json.loads(line) for line in (tmp_path / "there" / "train.jsonl").read_text().splitlines()]
    (dataset,) = (each for _, each in ready.store.each(Dataset))
    recipe = load_recipe(ready.folder / "recipes" / "r.toml")
    rows, _ = tokenise(dataset.taught, recipe, load_tokenizer(ready.base_folder))
    assert [(row["input_ids"], row["labels"]) for row in written] == [
        (list(row.tokens), labels_of(row)) for row in rows
    ]


def test_a_base_that_is_named_does_not_travel(ready, tmp_path):
    sent = send_elsewhere(ready, Asked(to="llama-factory", out=tmp_path / "there", base="Qwen/Qwen2.5-7B-Instruct"))
    assert sent.files == ("README.md", "dataset_info.json", "llama_factory.yaml", "train.jsonl")


def test_a_service_gets_only_the_words_of_those_who_agreed(ready, tmp_path):
    asked = Asked(to="together", out=tmp_path / "there", base="Qwen/Qwen2.5-7B-Instruct", usd_per_million=0.5)
    sent = send_elsewhere(ready, asked)
    assert sent.examples == 4
    assert ("no consent to send its words beyond this machine", 4) in sent.left_out
    assert len((tmp_path / "there" / "train.jsonl").read_text().splitlines()) == 4
    assert sent.estimate.usd is not None


def test_a_service_is_refused_when_nobody_agreed(ready, tmp_path):
    dataset = next(each for _, each in ready.store.each(Dataset))
    ready.store.save([replace(dataset, train=dataset.train[1::2], card="none may leave")], event="made")
    with pytest.raises(UsageError, match="none of 4 examples"):
        send_elsewhere(ready, Asked(to="modal", out=tmp_path / "there"))
    assert list(tmp_path.glob("*there*")) == []


def test_together_asks_for_the_name_of_a_base_that_it_has(ready, tmp_path):
    with pytest.raises(UsageError, match="Together trains bases of its own list"):
        send_elsewhere(ready, Asked(to="together", out=tmp_path / "there"))


def test_a_lesson_that_is_too_long_is_named_and_never_cut(ready, tmp_path):
    dataset = next(each for _, each in ready.store.each(Dataset))
    long = replace(
        dataset.train[0], messages=(*dataset.train[0].messages[:-1], Message(role="assistant", content="so " * 400))
    )
    ready.store.save([replace(dataset, train=(long, *dataset.train[1:]), card="one too long")], event="made")
    sent = send_elsewhere(ready, Asked(to="unsloth", out=tmp_path / "there"))
    assert sent.examples == 7
    ((reason, count),) = sent.left_out
    assert "the recipe takes 200" in reason
    assert count == 1


def test_nothing_is_written_where_nothing_can_be_learnt(ready, tmp_path):
    (ready.folder / "recipes" / "r.toml").write_text(RECIPE.replace("200", "3"))
    with pytest.raises(NothingToTrainOnError):
        send_elsewhere(ready, Asked(to="unsloth", out=tmp_path / "there"))
    assert list(tmp_path.glob("*there*")) == []


def test_a_folder_that_is_there_is_left_alone(ready, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        send_elsewhere(ready, Asked(to="unsloth", out=tmp_path / "there"))
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("wrong", [{"to": "unslot"}, {"gpu": "L5"}, {"dataset": "dataset:none"}])
def test_a_wrong_name_is_answered_with_the_nearest(ready, tmp_path, wrong):
    with pytest.raises(UnknownNameError):
        send_elsewhere(ready, Asked(**{"to": "unsloth", "out": tmp_path / "there", **wrong}))


@pytest.fixture
def paired(ready):
    """The project with a dataset of pairs and a recipe that learns from them."""
    (ready.folder / "recipes" / "r.toml").write_text(RECIPE.replace('"sft"', '"dpo"') + "beta = 0.1\n")
    dataset = next(each for _, each in ready.store.each(Dataset))
    pairs = tuple(replace(example, rejected="No idea.") for example in dataset.train)
    ready.store.save([replace(dataset, kind=DatasetKind.PREFERENCE, train=pairs, card="pairs")], event="made")
    return ready


def test_pairs_go_to_unsloth_as_trl_reads_them(paired, tmp_path):
    from pyarrow import parquet

    sent = send_elsewhere(paired, Asked(to="unsloth", out=tmp_path / "there"))
    assert "train.parquet" in sent.files
    table = parquet.read_table(tmp_path / "there" / "train.parquet")
    assert table.column_names == ["prompt", "chosen", "rejected"]
    assert table.num_rows == 8
    assert "DPOTrainer(" in (tmp_path / "there" / "train_unsloth.py").read_text()


@pytest.mark.parametrize(
    ("to", "keys"),
    [
        ("axolotl", {"messages", "chosen", "rejected"}),
        ("llama-factory", {"conversations", "chosen", "rejected"}),
        ("together", {"input", "preferred_output", "non_preferred_output"}),
    ],
)
def test_pairs_go_to_each_program_in_its_own_rows(paired, tmp_path, to, keys):
    send_elsewhere(paired, Asked(to=to, out=tmp_path / "there", base="Qwen/Qwen2.5-7B-Instruct"))
    rows = [json.loads(line) for line in (tmp_path / "there" / "train.jsonl").read_text().splitlines()]
    assert {key for row in rows for key in row} == keys


def test_pairs_are_refused_where_a_program_learns_from_none(paired, tmp_path):
    with pytest.raises(UsageError, match='objective = "dpo", which mlx-lm'):
        send_elsewhere(paired, Asked(to="mlx", out=tmp_path / "there"))


def test_pairs_go_to_another_selftune_with_both_answers(paired, tmp_path):
    from selftune.training.elsewhere.jobs import read_job

    send_elsewhere(paired, Asked(to="selftune", out=tmp_path / "there"))
    sent = read_job(tmp_path / "there")
    assert all(row.rejected is not None for row in sent.job.rows)
    assert sent.origin.stage_history == ("dpo",)
