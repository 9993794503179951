"""What goals are made of: words that several conversations share and no names, weak spots, dialogues in dissonance."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_holder import said

from selftune.codex.reading import load_codex
from selftune.errors import ConfigError
from selftune.loop.config import JudgeSection
from selftune.loop.dialogues.measuring import gauge_of
from selftune.loop.motivation.noticing import notice
from selftune.loop.talking import PersonasSection
from selftune.personas.motivator.candidates import make_candidates
from selftune.records import (
    Consent,
    Dataset,
    DatasetKind,
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    Release,
    Trigger,
    Weakness,
)
from selftune.testing import fake_build, fake_proof

CODEX = load_codex()


def keep(project, *questions, **changes):
    project.store.save(
        [said(question, position=f"{question} {changes}", **changes) for question in questions], event="captured"
    )
    return notice(project, CODEX)


def test_a_topic_is_a_word_that_three_conversations_speak_of(project):
    asked = [f"What about the {word} today?" for word in ("tides", "bread")]
    assert keep(project, *asked, "When do the tides turn?").topics == ()
    assert keep(project, "Why are the tides late?").topics == ("tides",)


def test_names_are_no_topics_and_whoever_will_not_be_learnt_from_is_asked_about_nothing(project):
    names = [f"What did the {name} say?" for name in ("clara",) * 3]
    found = keep(
        project, *(f"{text} {place}" for place, text in enumerate(names)), "I met Clara, and then my Clara left."
    )
    assert found.topics == ()
    secret = [f"How is my garden doing, number {place}?" for place in range(4)]
    assert keep(project, *secret, consent=Consent(train=False)).topics == ()
    assert keep(project, *(f"{text} Again?" for text in secret)).topics == ("garden",)


def test_a_dialogue_that_stayed_in_dissonance_is_noticed_and_one_that_was_resolved_is_not(project):
    for place in range(3):
        keep(project, f"What of the boats in harbour {place}?")
    found = keep(project, "Sell the boats or keep them?", dissonance=(0.2, 0.8, 0.6), codex_id=CODEX.id)
    keep(project, "Paint the boats or not?", dissonance=(0.2, 0.8, 0.1), codex_id=CODEX.id)
    found = keep(project, "Rent the boats?", dissonance=(0.4, 0.4), codex_id=CODEX.id)
    keep(project, "Whose boats are they?", dissonance=(0.9, 0.9))  # of another runtime: no codex tells what is high
    found = notice(project, CODEX)
    (one,) = found.unresolved
    assert (one.ended_at, one.topics, one.own_goal) == (0.6, ("boats",), "")
    (goal, *_) = make_candidates(CODEX, found)
    assert "boats" in goal.text
    assert "Sell" not in goal.text


def test_a_goal_of_its_own_that_was_not_settled_is_asked_again_in_its_own_words(project):
    own = {"trigger": Trigger.MOTIVATOR, "source": "motivator", "codex_id": CODEX.id}
    found = keep(project, "Why is bread sour?", dissonance=(0.9,), **own)
    (one,) = found.unresolved
    assert one.own_goal == "Why is bread sour?"
    assert found.taken == ("Why is bread sour?",)
    assert found.asked == ()


def test_a_dialogue_that_broke_off_or_was_measured_in_part_is_noticed_by_its_flag(project):
    own = {"trigger": Trigger.MOTIVATOR, "source": "motivator", "codex_id": CODEX.id, "flags": ("unresolved",)}
    keep(project, "Why is bread sour?", dissonance=(0.1, 0.9, 0.1), **own)
    found = keep(project, "Why is rain wet?", **own)
    assert {one.ended_at for one in found.unresolved} == {0.1, None}
    assert any("not every turn" in goal.why for goal in make_candidates(CODEX, found))


@pytest.mark.parametrize(
    "more",
    [{"source": "elsewhere"}, {"source": "motivator", "consent": Consent(train=False)}],
    ids=["imported", "kept"],
)
def test_what_only_says_that_it_was_a_goal_is_quoted_in_none(project, more):
    secret = "Why does Anna not answer?"
    found = keep(project, secret, trigger=Trigger.MOTIVATOR, dissonance=(0.9,), codex_id=CODEX.id, **more)
    assert not any("Anna" in goal.text for goal in make_candidates(CODEX, found))


def test_weak_spots_come_from_the_newest_dataset_and_from_what_serves(project):
    build = fake_build()
    weakness = Weakness(
        salt="s", criterion="task_efficacy", topic="maps, anna", conversations=4, items=5, mean=2.2,
        interaction_ids=("interaction:1",),
    )  # fmt: skip
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=1, config_digest="d", card="",
        weaknesses=(weakness,),
    )  # fmt: skip
    outcomes = tuple(
        ItemOutcome(item_id=f"i{place}", category=category, difficulty="easy", score=score, answer="a", reasons=())
        for place, (category, score) in enumerate(
            [("ground_truth", 0.0), ("ground_truth", 1.0), ("tone", 1.0), ("odd", None)]
        )
    )
    evaluation = Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="probe", suite_digest="d",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=outcomes,
    )  # fmt: skip
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([build, dataset, evaluation, release], event="made by a test")
    found = keep(project, "Where is my dear Anna now?")
    log, suite = found.weak
    assert (log.what, log.topics, log.records) == ("task_efficacy", ("maps",), ("interaction:1",))
    assert (suite.what, suite.mean, suite.records) == ("ground_truth", 0.5, (evaluation.id,))


def test_a_judge_that_is_wanted_and_not_named_is_refused(project):
    judged = replace(project.config, personas=PersonasSection(judged=True))
    with pytest.raises(ConfigError, match="needs an endpoint"):
        gauge_of(replace(project, config=judged), CODEX)
    far = replace(judged, judge=JudgeSection(name="oracle", endpoint="https://judge.example/v1", model="m"))
    with pytest.raises(ConfigError, match="egress"):
        gauge_of(replace(project, config=far), CODEX)
