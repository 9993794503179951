"""`selftune why ID` on a project that was promoted: the whole way of an item, in or out."""

from __future__ import annotations

import pytest

from selftune.loop.project import open_project
from selftune.records import Codex, Dataset, Interaction, Judgement, Rubric, Run

pytestmark = pytest.mark.needs("train", "serve")


def told(walker, record_id):
    return walker.look(0, "why", record_id[:30]).stdout


def test_the_way_of_a_lesson_leads_from_its_file_to_what_serves_it(promoted):
    with open_project(promoted.folder) as project:
        dataset = project.store.last(Dataset)
        lesson, held, reject = dataset.train[0], dataset.holdout[0], dataset.rejects[0]
        source = project.store.record(lesson.interaction_id, Interaction).source
    way = told(promoted, lesson.interaction_id)
    places = [way.index(part) for part in (f"came from {source}", "scored ", "\nlearnt", "trained on by run:")]
    assert places == sorted(places)
    assert "finished" in way
    assert "the gate said promote, served as v1.1" in way
    assert "held out: kept for testing, never learnt" in told(promoted, held.interaction_id)
    out = told(promoted, reject.interaction_id)
    assert f"not learnt: {reject.reason} (dataset" in out
    assert "trained on" not in out


def test_a_verdict_leads_to_the_words_that_it_was_given_by(promoted):
    with open_project(promoted.folder) as project:
        judgement = project.store.last(Judgement)
        rubric, codex = (project.store.last(kind) for kind in (Rubric, Codex))
    assert f"by {judgement.rubric_digest}, asked nothing: no model judged" in told(promoted, judgement.id)
    assert judgement.rubric_digest == rubric.id
    criteria = told(promoted, rubric.id)
    assert all(f"{one.name} (weight {one.weight:g}): {one.description}" in criteria for one in rubric.criteria)
    assert "ALFRED, governor" in told(promoted, codex.id)


def test_what_came_in_after_the_last_cycle_is_said_to_be_waiting(promoted):
    promoted.expect(0, "ask", "Hello!")
    with open_project(promoted.folder) as project:
        newest = project.store.last(Interaction)
        assert newest.id not in {judgement.interaction_id for _, judgement in project.store.each(Judgement)}
    assert "not judged yet" in told(promoted, newest.id)


def test_a_run_tells_what_set_it_off_its_data_its_scores_before_and_after_and_every_file(promoted):
    with open_project(promoted.folder) as project:
        run, codex = project.store.last(Run), project.store.last(Codex)
    way = told(promoted, run.id)
    for expected in (
        f"{run.recipe}: finished after {run.steps} of {run.planned_steps} steps",
        f"under {codex.id}",
        "set off by ",
        f"dataset {run.dataset_id}: ",
        f"all of it: selftune train curves {run.id[:16]}",
        "champion on few: ",
        "candidate on few: ",
        "decided promote, decision:",
        "  adapter: adapter_model.safetensors, ",
        ".selftune/blobs/sha256/",
    ):
        assert expected in way
    assert "not there" not in way
