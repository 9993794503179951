"""Other people's logs by command, from the file to two frozen datasets; the judge is a labelled fake."""

from __future__ import annotations

import json
import os

import pytest
import tomlkit

from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.rubric import load_rubric
from selftune.loop.project import open_project
from selftune.records import Dataset, DatasetKind

pytestmark = pytest.mark.needs("serve", "field-data")

CRITERIA = [criterion.name for criterion in load_rubric("character").criteria]


@pytest.fixture
def type_in(warm):
    def type_in(folder, *words):
        done = warm.run(words, cwd=folder, env=os.environ)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    return type_in


def set_keys(folder, section, **keys):
    path = folder / "selftune.toml"
    document = tomlkit.parse(path.read_text())
    document.setdefault(section, tomlkit.table()).update(keys)
    path.write_text(tomlkit.dumps(document))


@pytest.fixture
def folder(tmp_path, type_in):
    type_in(tmp_path, "init", "night")
    set_keys(tmp_path / "night", "capture", answers_per_prompt=0)
    yield tmp_path / "night"
    type_in(tmp_path / "night", "stop")


def by_length(number, body):
    """Not a judge: it likes every other transcript, by the number of characters in it."""
    score = 9.0 if len(body["messages"][-1]["content"]) % 2 else 4.0
    return 200, fake_verdict(dict.fromkeys(CRITERIA, score)), "stop"


def test_transcripts_become_a_frozen_dataset_of_answers(folder, field_data, type_in):
    with FakeJudgeServer(by_length).running() as server:
        set_keys(folder, "judge", name="oracle", rubric="character", endpoint=server.url, model=FAKE_MODEL)
        set_keys(folder, "curation", trigger=20)
        set_keys(folder, "calibration", spoiled_copies=False)
        came = json.loads(type_in(folder, "import", str(field_data / "foundry/transcripts"), "--json"))
        assert {one["path"]: (one["added"], one["broken"]) for one in came} == {
            "dialogues-filtered.jsonl": (19, 0),
            "reflections-filtered.jsonl": (415, 0),
        }
        card = type_in(folder, "curate")
    assert "lessons on" in card
    assert "not calibrated" in card
    with open_project(folder) as project:
        dataset = project.store.last(Dataset)
    assert dataset.kind is DatasetKind.SFT
    assert len(dataset.train) >= 20
    # Nothing got lost: each of the 434 is learnt, held out, in the clean room, or rejected with its reason.
    whole = (*dataset.train, *dataset.holdout, *dataset.rejects)
    assert len({item.interaction_id for item in whole} | set(dataset.clean_room)) == 434


def test_pairs_become_a_frozen_dataset_of_preferences_without_any_judge(folder, field_data, type_in):
    set_keys(folder, "curation", kind="preference", trigger=20)
    type_in(folder, "import", str(field_data / "foundry/preference/round2-batch3-orpo.jsonl"))
    card = type_in(folder, "curate")
    assert "Preferred by choice" in card
    with open_project(folder) as project:
        dataset = project.store.last(Dataset)
    assert dataset.kind is DatasetKind.PREFERENCE
    assert len(dataset.train) >= 20
    assert all(example.rejected for example in dataset.train)
