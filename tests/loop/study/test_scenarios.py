"""Who asks: nobody who asks shares a name with what measures, and a replayed prompt waits until all had their turn."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_worlds import BASE, KIT

from selftune.curation.base import Key
from selftune.curation.config import Curation
from selftune.errors import NothingNewError
from selftune.loop.plan import Plan
from selftune.loop.study.scenarios import Replay, seed_of
from selftune.loop.study.shuffling import DEALT, deal_verdicts
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger

ORACLE = JudgeIdentity(name="fake", version="1")

PROMPTS = tuple((Message(role="user", content=f"question {number}"),) for number in range(7))


def keys(count):
    return tuple(Key(f"interaction:{at}", f"judgement:{at}", (f"opinion:{at}",)) for at in range(count))


def test_every_prompt_is_replayed_before_one_comes_again():
    replay = Replay(prompts=PROMPTS, seed=3)
    asked = Counter(prompt for night in range(1, 8) for prompt in replay.of_night(night, 3))
    assert set(asked.values()) == {3}
    assert len(asked) == len(PROMPTS)


def test_a_file_without_a_prompt_that_may_be_learnt_from_stops_the_study():
    with pytest.raises(NothingNewError):
        Replay(prompts=(), seed=0).of_night(1, 2)
    assert Replay(prompts=(), seed=0).of_night(1, 0) == ()


def test_users_goals_and_probe_of_all_nights_have_seeds_of_their_own():
    seeds = {seed_of(0, night, what) for night in range(1, 31) for what in ("users", "goals", "probe")}
    assert len(seeds) == 90


def test_no_question_of_a_probe_is_one_that_users_ask_and_each_night_has_new_ones():
    asked = {messages for number in range(20) for messages in KIT.users(number, 16)}
    probes = [KIT.probe(number, 16) for number in range(5)]
    questions = [item.messages for probe in probes for item in probe.items]
    assert not asked & set(questions)
    assert len(set(questions)) == len(questions)
    assert {len(probe.items) for probe in probes} == {32}
    assert {probe.categories for probe in probes} == {("field", "identity", "permission", "tone")}


@given(st.integers(0, 3 * DEALT), st.integers(0, 99))
def test_dealing_keeps_every_answer_in_its_place_and_uses_every_verdict_once_opinions_along_with_it(count, seed):
    log = keys(count)
    dealt = deal_verdicts(log, seed)
    assert [key.interaction_id for key in dealt] == [key.interaction_id for key in log]
    assert Counter((key.judgement_id, key.opinion_ids) for key in dealt) == Counter(
        (key.judgement_id, key.opinion_ids) for key in log
    )
    assert dealt == deal_verdicts(log, seed)


def test_what_was_dealt_stays_dealt_when_the_log_grows():
    assert deal_verdicts(keys(3 * DEALT), 1)[: 2 * DEALT] == deal_verdicts(keys(2 * DEALT), 1)


def test_only_the_control_learns_by_verdicts_that_were_dealt(arm):
    said = [_said(number) for number in range(40)]
    arm.store.save([*said, *(_judged(one) for one in said)], event="made by a test")
    logs = {}
    for selection in ("best", "shuffled"):
        plan = SimpleNamespace(
            store=arm.store, judge_identity=ORACLE, judging=SimpleNamespace(rubric_digest="sha256:r"), seed=1,
            curation=Curation(selection=selection), watermark=9, learnt_before=frozenset(), yardsticks=(),
            champion=BASE, calibration="", left_out=frozenset(),
        )  # fmt: skip
        logs[selection] = tuple(Plan.judged(plan, []).pairs)
    assert all(pair.judgement.interaction_id == pair.interaction.id for pair in logs["best"])
    assert [pair.interaction.id for pair in logs["shuffled"]] == [pair.interaction.id for pair in logs["best"]]
    moved = sum(pair.judgement.interaction_id != pair.interaction.id for pair in logs["shuffled"])
    assert moved > 30
    assert sorted(p.judgement.id for p in logs["shuffled"]) == sorted(p.judgement.id for p in logs["best"])


def _said(number):
    return Interaction(
        salt=f"s{number}", conversation=f"c{number}", task_id=f"t{number}", trigger=Trigger.SIMULATED,
        messages=(Message(role="user", content=f"{number}?"), Message(role="assistant", content=f"{number}.")),
        source="test", position=str(number),
    )  # fmt: skip


def _judged(said):
    return Judgement(
        salt="j", interaction_id=said.id, rubric_digest="sha256:r", judge=ORACLE, status=JudgementStatus.SCORED,
        criteria=(), overall=4.0,
    )  # fmt: skip


def test_few_answers_keep_their_own_verdict():
    dealt = deal_verdicts(keys(4 * DEALT), 1)
    own = sum(key.interaction_id.split(":")[1] == key.judgement_id.split(":")[1] for key in dealt)
    assert own < 0.1 * len(dealt)
