"""The circuit breaker counts promotions, nothing else, and shows a person what they say yes to."""

from __future__ import annotations

import pytest
from governance_makers import decision, promotions, release, say
from hypothesis import given
from hypothesis import strategies as st
from people_makers import entry, fake_person_key, first, signed

from selftune.errors import ConfigError, WaitingForPersonError
from selftune.governance.breaker import SIMULATED, breaker_of, breaker_state, require_closed_breaker
from selftune.governance.keys import sign_statement
from selftune.governance.summary import Lesson, draw_lessons
from selftune.ledger.keys import make_machine_key
from selftune.records import (
    CriterionScore,
    Dataset,
    DatasetKind,
    Example,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Run,
    RunStatus,
)
from selftune.testing import MemoryReader


def test_base_alone_counts_nothing():
    assert breaker_state([release(0)], [], 5).count == 0


@pytest.mark.parametrize(("count", "is_open"), [(0, False), (4, False), (5, True), (6, True)])
def test_breaker_opens_at_the_limit_and_not_before(count, is_open):
    state = breaker_state(promotions(count), [], 5)
    assert (state.count, state.open) == (count, is_open)


def test_approval_of_a_release_starts_the_count_after_it():
    releases = promotions(5)
    state = breaker_state(releases, [say("approval", releases[3].id)], 5)
    assert [unseen.version for unseen in state.unseen] == ["v1.4", "v1.5"]


def test_approval_of_an_older_release_does_not_take_back_a_newer_one():
    releases = promotions(5)
    said = [say("approval", releases[4].id), say("approval", releases[1].id)]
    assert breaker_state(releases, said, 5).count == 1


def test_rollbacks_and_second_comings_do_not_count_and_do_not_discount():
    releases = promotions(2)
    back = release(3, decision="decision:1", generation=1)
    again = release(4, decision="decision:2", generation=2)
    assert breaker_state([*releases, back, again], [], 5).count == 2


@pytest.mark.parametrize("kind", ["review", "annotation", "concern", "sign_off", "hold", "retirement", "amendment"])
def test_only_an_approval_resets_the_breaker(kind):
    releases = promotions(5)
    assert breaker_state(releases, [say(kind, releases[5].id)], 5).open


def test_no_model_can_reset_the_breaker():
    releases = promotions(5)
    assert breaker_state(releases, [say("approval", releases[5].id, "gpt", model=True)], 5).open


def test_approval_of_a_decision_or_of_nothing_known_does_not_reset_the_breaker():
    releases = promotions(5)
    said = [say("approval", "decision:5"), say("approval", "release:0")]
    assert breaker_state(releases, said, 5).open


def test_withdrawn_approval_no_longer_counts_but_only_its_author_can_withdraw_it():
    releases = promotions(5)
    yes = say("approval", releases[5].id, "ana")
    by_other = say("withdrawal", releases[5].id, "ben", supersedes=yes.id)
    by_author = say("withdrawal", releases[5].id, "ana", supersedes=yes.id)
    assert not breaker_state(releases, [yes, by_other], 5).open
    assert breaker_state(releases, [yes, by_author], 5).open


def test_with_a_key_only_signed_approvals_count(tmp_path):
    key, other = make_machine_key(tmp_path / "a"), make_machine_key(tmp_path / "b")
    releases = promotions(5)
    yes = say("approval", releases[5].id)
    assert breaker_state(releases, [yes], 5, public_key=key.public).open
    assert breaker_state(releases, [sign_statement(yes, other)], 5, public_key=key.public).open
    assert not breaker_state(releases, [sign_statement(yes, key)], 5, public_key=key.public).open


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_that_means_nothing_is_refused(limit):
    with pytest.raises(ConfigError, match="approve_every"):
        breaker_state([], [], limit)


@given(kinds=st.lists(st.sampled_from(["promote", "approve", "roll back"]), max_size=30), limit=st.integers(1, 7))
def test_count_is_what_a_plain_counter_would_say(kinds, limit):
    releases, said, expected, number = [release(0)], [], 0, 0
    for kind in kinds:
        if kind == "promote":
            number += 1
            releases.append(release(len(releases), decision=f"decision:{number}"))
            expected += 1
        elif kind == "approve":
            said.append(say("approval", releases[-1].id))
            expected = 0
        else:
            releases.append(release(len(releases), decision=releases[-1].decision_id))
    state = breaker_state(releases, said, limit)
    assert state.count == expected
    assert state.open == (expected >= limit)


def test_sixth_promotion_has_to_wait():
    require_closed_breaker(MemoryReader(promotions(4)), 5)
    with pytest.raises(WaitingForPersonError, match="5 promotions") as caught:
        require_closed_breaker(MemoryReader(promotions(5)), 5)
    assert "selftune approve" in caught.value.next_step


def lesson(number, overall):
    return Judgement(
        salt="00",
        interaction_id=f"interaction:{number}",
        rubric_digest="sha256:r",
        judge=JudgeIdentity(name="checks", version="1"),
        status=JudgementStatus.SCORED,
        criteria=(CriterionScore(name="right", reasoning="", score=overall),),
        overall=overall,
    )


def world(scores):
    judgements = [lesson(number, score) for number, score in enumerate(scores)]
    examples = tuple(
        Example(
            salt="00",
            interaction_id=judgement.interaction_id,
            judgement_id=judgement.id,
            messages=(
                Message(role="user", content=f"question {number}"),
                Message(role="assistant", content=f"answer {number}"),
            ),
        )
        for number, judgement in enumerate(judgements)
    )
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=examples,
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:c",
        card="",
    )
    run = Run(
        recipe="r",
        recipe_digest="sha256:r",
        dataset_id=dataset.id,
        base_digest="sha256:b",
        stage_history=("sft",),
        objective="sft",
        backend="fake",
        status=RunStatus.FINISHED,
        seed=0,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=len(examples),
        supervised_tokens=1,
    )
    decided = decision("1", run=run.id)
    return MemoryReader([*judgements, dataset, run, decided, release(0), release(1, decision=decided.id)])


def test_summary_shows_gain_seed_and_the_worst_lesson():
    state = breaker_of(world([4.9, 4.5, 4.8, 5.0, 4.6, 5.0, 5.0]), 5)
    assert "1 of 5 promotions" in state.summary
    assert "v1.1 (generation 1): +0.480 [+0.420, +0.550], n = 192" in state.summary
    assert "[4.50] question 1 → answer 1" in state.summary
    assert "by lot (seed " in state.summary
    assert breaker_of(world([4.9, 4.5, 4.8, 5.0, 4.6, 5.0, 5.0]), 5).summary == state.summary


def test_summary_of_no_promotion_has_one_line():
    assert breaker_of(MemoryReader([release(0)]), 5).summary == "0 of 5 promotions since the last approval."


@given(scores=st.lists(st.one_of(st.none(), st.floats(1, 5)), min_size=1, max_size=20))
def test_samples_are_the_worst_and_a_draw_from_the_rest(scores):
    lessons = [Lesson(id=str(n), prompt=str(n), answer="", overall=s) for n, s in enumerate(scores)]
    draw, worst, drawn = draw_lessons(lessons)
    assert not set(worst) & set(drawn)
    assert set(worst) | set(drawn) <= set(lessons)
    scored = sorted(score for score in scores if score is not None)
    assert [sample.overall for sample in worst] == scored[:2]
    assert len(worst) + len(drawn) == min(len(lessons), len(worst) + 3)
    assert draw_lessons(lessons) == (draw, worst, drawn)


def test_what_is_drawn_hangs_on_what_may_be_drawn_and_on_no_score():
    lessons = [Lesson(id=str(n), prompt="", answer="", overall=None) for n in range(20)]
    first = draw_lessons(lessons)[0]
    assert draw_lessons(lessons[1:])[0].seed != first.seed
    assert (first.of, len(first.drawn), first.worst) == (20, 3, ())


def test_a_yes_that_stands_in_a_plan_counts_in_simulated_time_alone():
    releases = promotions(5)
    for model in (True, False):
        planned = say("approval", releases[5].id, "a person of the plan", model=model, category=SIMULATED)
        assert breaker_state(releases, [planned], 5).open
        assert not breaker_state(releases, [planned], 5, simulated=True).open
    person = say("approval", releases[5].id)
    assert not breaker_state(releases, [person], 5, simulated=True).open


def test_in_a_team_only_a_key_of_the_roster_lets_the_loop_go_on():
    ana, ben = fake_person_key("ana"), fake_person_key("ben")
    releases = promotions(5)
    typed = say("approval", releases[5].id, "ben")
    team = [first(ana), entry(ben, ana)]
    require_closed_breaker(MemoryReader([*releases, typed]), 5)
    with pytest.raises(WaitingForPersonError):
        require_closed_breaker(MemoryReader([*releases, *team, typed]), 5)
    require_closed_breaker(MemoryReader([*releases, *team, signed(typed, ben)]), 5)
