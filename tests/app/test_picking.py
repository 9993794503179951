"""A person picks blind: nothing tells which is which, nothing is lost, nothing learnt is asked, and it decides."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from selftune.app.cli.picking import keys_of, run_picking, told
from selftune.app.picking import Picking, is_left
from selftune.app.tracing import trace
from selftune.errors import NothingNewError, RequestRefusedError
from selftune.gate.nights import nights_of
from selftune.gate.picks.base import Choice
from selftune.gate.policies import load_policy
from selftune.governance.keys import sign_statement
from selftune.governance.statements import withdraw
from selftune.ledger.keys import load_machine_key
from selftune.loop.deciding.picks import decide_by_picks, open_contest, picks_between
from selftune.loop.ejected import eject
from selftune.loop.executor import Silent
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import Project
from selftune.loop.runner import make_executor
from selftune.records import (
    Arm,
    BlindPair,
    Check,
    CheckStatus,
    Consent,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    Example,
    GenerationParameters,
    Interaction,
    Message,
    Outcome,
    Run,
    RunStatus,
    Statement,
    Trigger,
)
from selftune.store.consent import tightened
from selftune.testing import FakeServe, fake_build, fake_proof

SMALL = load_policy("small")
OLD = fake_build()


def honest(build, request) -> str:
    """The candidate answers otherwise than the champion; neither says who it is."""
    return "The tide is out." if build.run_id is None else f"It went out. ({request.messages[-1].content})"


class Answering(Project):
    """A project whose builds answer what a function says."""

    answers: ClassVar = staticmethod(honest)

    def context(self):
        return replace(super().context(), serve=FakeServe(type(self).answers))


def said(number: int, question: str = "", **facts) -> Interaction:
    turns = (Message(role="user", content=question or f"Question number {number}?"),)
    plain = {
        "salt": str(number),
        "conversation": f"talk-{number}",
        "task_id": str(number),
        "trigger": Trigger.USER,
        "messages": (*turns, Message(role="assistant", content="Hm.")),
        "source": "a log",
        "position": str(number),
    }
    return Interaction(**(plain | facts))


def example_of(interaction: Interaction) -> Example:
    return Example(salt="e", interaction_id=interaction.id, judgement_id=None, messages=interaction.messages)


@pytest.fixture
def log() -> tuple[Interaction, ...]:
    return tuple(said(number) for number in range(30))


@pytest.fixture
def unsure(released, log):
    """A project whose last decision is inconclusive for want of a gain; its candidate learnt the first interaction."""
    project = Answering(**vars(released))
    project.store.save(log, event="imported")
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(example_of(log[0]),), holdout=(), rejects=(), mixture=(), watermark=1,
        config_digest="c", card="", clean_room=(log[1].id,),
    )  # fmt: skip
    run = Run(
        recipe="r", recipe_digest="r", dataset_id=dataset.id, base_digest=project.base.digest, stage_history=(),
        objective="sft", backend="fake", status=RunStatus.FINISHED, seed=0, steps=1, planned_steps=1, passes=1.0,
        examples=1, supervised_tokens=1,
    )  # fmt: skip
    new = fake_build("tuned", run_id=run.id)
    old_arm, new_arm = (evaluation_of(build) for build in (OLD, new))
    decision = Decision(
        outcome=Outcome.INCONCLUSIVE, reason="too few pairs",
        checks=(Check(name="gain", status=CheckStatus.NOT_SHOWN, detail="+0.01 [-0.05, +0.07]"),),
        arms=((Arm.CHAMPION, old_arm.id), (Arm.CANDIDATE, new_arm.id)), policy=SMALL.name,
        policy_digest=SMALL.digest, build_id=new.id, run_id=run.id,
    )  # fmt: skip
    project.store.save([dataset, run, new, old_arm, new_arm, decision], event="made by a test")
    return project


def evaluation_of(build) -> Evaluation:
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="d",
        scorer="made_up", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=(),
    )  # fmt: skip


def begin(project, picker: str = "ada") -> Picking:
    return Picking(project, picker=picker, tell=lambda text: None)


def pick_by(project, keys: str, most: int = 40) -> list[str]:
    """Picks with these keys; everything that was shown."""
    shown: list[str] = []
    left = iter(keys)
    run_picking(begin(project), most, read_key=lambda: next(left, ""), say=shown.append)
    return shown


def pick_the(side: Choice, project, most: int = 40) -> int:
    """Picks as somebody who knows would: always this one's answer; how many picks it took."""
    picking = begin(project)
    picked = []
    for pair in picking.pairs(most):
        picking.pick(pair, "left" if pair.candidate_left is (side is Choice.CANDIDATE) else "right")
        picked.append(pair.id)
    return len(picked)


def picks_of(project):
    contest = open_contest(project)
    return picks_between(project, contest.champion, contest.candidate)


def weigh(project) -> Decision | None:
    return decide_by_picks(project, make_executor(project, Silent()))


def test_eight_picks_for_the_candidate_promote_it_and_no_more_are_asked_for(unsure):
    assert pick_the(Choice.CANDIDATE, unsure) == 8
    decision = weigh(unsure)
    assert decision.outcome is Outcome.PROMOTE
    assert len(decision.picks) == 8
    assert unsure.store.last(Decision).id == decision.id
    with pytest.raises(NothingNewError, match="'promote'"):
        begin(unsure)


def test_a_decision_leads_to_each_pick_and_the_pick_to_what_was_shown(unsure):
    pick_the(Choice.CANDIDATE, unsure)
    decision = weigh(unsure)
    assert f"picks {', '.join(decision.picks)}" in trace(unsure, decision.id).lines
    said = unsure.store.record(decision.picks[0], Statement)
    assert f"about {said.subject}" in trace(unsure, said.id).lines
    told_of_pair = "\n".join(trace(unsure, said.subject).lines)
    assert "left: " in told_of_pair
    assert "candidate" not in told_of_pair


def test_eight_picks_for_the_champion_end_it_the_other_way(unsure):
    assert pick_the(Choice.CHAMPION, unsure) == 8
    assert weigh(unsure).outcome is Outcome.REJECT


def test_nothing_that_is_shown_before_the_end_tells_which_is_which(unsure):
    shown = "\n".join(pick_by(unsure, "lrtls" * 3, most=12)).lower()
    for word in ("champion", "candidate", "old model", "new model", OLD.id, open_contest(unsure).candidate.id, "tuned"):
        assert word not in shown
    sides = [pair.candidate_left for _, pair in unsure.store.each(BlindPair)]
    assert {True, False} == set(sides)


def test_the_sides_follow_from_the_seed_that_is_on_record(unsure):
    pick_by(unsure, "l", most=20)
    drawn = [pair for _, pair in unsure.store.each(BlindPair)]
    assert len(drawn) == 20
    assert all(pair.candidate_left is is_left(pair.seed, pair.interaction_id) for pair in drawn)
    assert any(entry.event == "blind pairs drawn" for entry in unsure.store.history())


def test_each_pick_is_kept_at_once_and_a_second_sitting_goes_on_with_the_same_answers(unsure):
    pick_by(unsure, "lt", most=6)
    drawn = {pair.id for _, pair in unsure.store.each(BlindPair)}
    assert len(picks_of(unsure).choices) == 2
    pick_by(unsure, "rr", most=4)
    assert len(picks_of(unsure).choices) == 4
    assert {pair.id for _, pair in unsure.store.each(BlindPair)} == drawn
    subjects = [one.subject for _, one in unsure.store.each(Statement)]
    assert len(subjects) == len(set(subjects)) == 4


def test_a_person_who_breaks_off_loses_nothing(unsure):
    def interrupted() -> str:
        raise KeyboardInterrupt

    keys = iter(["l", "r"])
    with pytest.raises(KeyboardInterrupt):
        run_picking(begin(unsure), 9, read_key=lambda: next(keys, None) or interrupted(), say=lambda text: None)
    assert len(picks_of(unsure).choices) == 2


def test_lessons_their_conversations_the_clean_room_and_what_is_close_to_a_lesson_are_never_shown(unsure, log):
    others = [
        said(100, "Question number 0?"),
        said(101, "question  NUMBER 0?"),
        said(102, "Another one?", conversation=log[0].conversation),
        said(103, "Nobody asked me.", trigger=Trigger.MOTIVATOR),
        said(104, "You may not.", consent=Consent(train=False)),
        said(105, "A sample.", source="resampled"),
        said(106, "Who made this up?", trigger=Trigger.SIMULATED),
        said(107, "Question number 5?"),
    ]
    unsure.store.save(others, event="imported")
    pick_by(unsure, "t" * 60, most=60)
    shown = [unsure.store.record(pair.interaction_id, Interaction) for _, pair in unsure.store.each(BlindPair)]
    asked = [one.prompt[-1].content for one in shown]
    assert sorted(asked) == sorted(f"Question number {number}?" for number in range(2, 30))


def test_a_prompt_whose_author_allows_less_by_now_is_not_shown_though_its_answers_are_drawn(unsure):
    pick_by(unsure, "", most=28)
    drawn = next(pair for _, pair in unsure.store.each(BlindPair))
    taken_back = tightened(unsure.store.record(drawn.interaction_id, Interaction), Consent(train=False), salt="new")
    unsure.store.save([taken_back], event="imported")
    pick_by(unsure, "t" * 60, most=60)
    assert drawn.id not in {one.subject for _, one in unsure.store.each(Statement)}
    assert len(picks_of(unsure).choices) == 27


def test_answers_alike_are_counted_and_never_shown(unsure):
    class Alike(Answering):
        answers = staticmethod(
            lambda build, request: "Same." if "1" in request.messages[-1].content else honest(build, request)
        )

    project = Alike(**vars(unsure))
    shown = pick_by(project, "t" * 60, most=28)
    assert not any("Same." in line for line in shown)
    assert picks_of(project).identical == sum("1" in str(number) for number in range(2, 30))


def test_where_all_answers_are_alike_the_command_says_so_and_asks_only_so_many(unsure):
    class Echo(Answering):
        answers = staticmethod(lambda build, request: "Same.")

    with pytest.raises(NothingNewError, match="on 5 prompts of the log both models answer the same"):
        pick_by(Echo(**vars(unsure)), "l", most=1)


def test_a_prompt_that_the_server_refuses_is_an_empty_answer_and_holds_up_nothing(unsure):
    class Refusing(Answering):
        @staticmethod
        def answers(build, request):
            if build.run_id is None and "7" in request.messages[-1].content:
                raise RequestRefusedError("too long.", next_step="Ask less.")
            return honest(build, request)

    project = Refusing(**vars(unsure))
    shown = pick_by(project, "t" * 60, most=28)
    assert sum("(no answer)" in line for line in shown) == 3


def test_skipped_pairs_are_no_picks_and_do_not_come_back(unsure):
    pick_by(unsure, "sls", most=3)
    assert len(picks_of(unsure).choices) == 1
    assert begin(unsure).tally().skipped == 2
    pick_by(unsure, "t" * 60, most=60)
    assert len(picks_of(unsure).choices) == 26


def test_a_pick_that_is_withdrawn_or_not_signed_here_does_not_count(unsure):
    pick_by(unsure, "ll", most=2)
    (first, second) = (one for _, one in unsure.store.each(Statement))
    context, door = unsure.context(), door_of(unsure)
    unsigned = replace(second, salt="x", subject=first.subject, signature=None)
    taken_back = withdraw(first, author=first.author, text="I misread it.", context=context, door=door)
    key = load_machine_key(unsure.hidden / "keys")
    unsure.store.save([unsigned, sign_statement(taken_back, key)], event="said")
    assert picks_of(unsure).statement_ids == (second.id,)


def test_two_people_do_not_judge_the_same_answers_twice(unsure):
    pick_by(unsure, "tt", most=2)
    left = iter("tt")
    run_picking(begin(unsure, "bob"), 2, read_key=lambda: next(left, ""), say=lambda text: None)
    assert len(picks_of(unsure).choices) == 4


def test_nothing_new_picked_makes_no_new_decision(unsure):
    assert weigh(unsure) is None
    pick_by(unsure, "ll", most=2)
    again = weigh(unsure)
    assert again.outcome is Outcome.INCONCLUSIVE
    assert "picks" in {check.name for check in again.checks}
    assert weigh(unsure) is None


def test_picks_can_wait_for_later_sittings_and_are_weighed_together(unsure):
    pick_the(Choice.CANDIDATE, unsure, most=5)
    assert weigh(unsure).outcome is Outcome.INCONCLUSIVE
    assert pick_the(Choice.CANDIDATE, unsure) == 3
    assert weigh(unsure).outcome is Outcome.PROMOTE


@pytest.mark.parametrize("outcome", [Outcome.PROMOTE, Outcome.REJECT, Outcome.INVALID])
def test_there_is_nothing_to_pick_where_the_gate_is_sure(unsure, outcome):
    unsure.store.save([replace(unsure.store.last(Decision), outcome=outcome)], event="made by a test")
    with pytest.raises(NothingNewError, match=outcome.value):
        begin(unsure)


def test_a_policy_that_was_changed_since_is_not_decided_under(unsure):
    policy = eject(unsure.folder, "policy", "small")
    policy.write_text(policy.read_text().replace("alpha = 0.05", "alpha = 0.2"))
    with pytest.raises(NothingNewError, match="another one than"):
        begin(unsure)
    assert weigh(unsure) is None


def test_no_project_without_a_decision_has_something_to_pick(released):
    with pytest.raises(NothingNewError, match="no candidate has come before the gate"):
        begin(released)


def test_a_veto_beside_the_gain_is_told_before_anybody_picks(unsure):
    assert begin(unsure).caveat is None
    last = unsure.store.last(Decision)
    unshown = Check(name="guarded:tone", status=CheckStatus.NOT_SHOWN, detail="tone +0.00 [-0.20, +0.20]")
    unsure.store.save([replace(last, checks=(*last.checks, unshown))], event="made by a test")
    assert "tone +0.00" in begin(unsure).caveat


def test_the_end_is_told_in_numbers_a_person_understands(unsure):
    pick_the(Choice.CANDIDATE, unsure)
    lines = "\n".join(told(begin(unsure).tally()))
    assert "The new model's answer was picked 8 times, the old one's 0 times" in lines
    assert "at most one of 25 tries" in lines


def test_an_open_end_says_how_many_picks_more_it_takes(unsure):
    pick_by(unsure, "t", most=1)
    assert "It is open: 26 more picks" in "\n".join(told(begin(unsure).tally()))


def test_keys_come_from_a_file_whatever_white_space_lies_between_them(tmp_path):
    file = tmp_path / "keys"
    file.write_text("l r\nt\n", encoding="utf-8")
    read = keys_of(file)
    assert [read() for _ in range(5)] == ["l", "r", "t", "", ""]


def test_picks_are_held_to_the_alpha_of_their_night_and_are_no_night_of_their_own(unsure):
    policy = eject(unsure.folder, "policy", "small")
    policy.write_text(policy.read_text().replace('"each_night"', '"lord"'))
    tested = replace(unsure.store.last(Decision), policy_digest=load_policy(policy).digest, p_value=0.3)
    unsure.store.save([tested], event="made by a test")
    assert open_contest(unsure).policy.alpha < load_policy(policy).alpha
    pick_by(unsure, "t", most=1)
    again = weigh(unsure)
    assert nights_of([tested, again]) == nights_of([tested]) == (False,)
