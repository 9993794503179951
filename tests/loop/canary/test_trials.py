"""A trial from its start to the record: who may start one, what is kept, and what the next decision makes of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from canary_world import FakeChampion, in_team, world_of

from selftune.app.braking import stop_here
from selftune.app.canarying import approve_trial, canary_status, describe_canary
from selftune.app.doubting import Wish, raise_on
from selftune.app.lifting import put_stay
from selftune.app.trial_page import canary_line
from selftune.errors import IntegrityError, UnknownNameError, UsageError, WaitingForPersonError
from selftune.governance.brake.file import new_stop, put_on
from selftune.governance.statements import PROJECT
from selftune.loop.canary.ending import look_after_trial, stop_trial
from selftune.loop.canary.guards import Outcome as Answer
from selftune.loop.canary.journal import Journal
from selftune.loop.canary.note import TrialEnd, end_canary, note_path, read_canary, write_canary
from selftune.loop.canary.settling import settle_canary
from selftune.loop.canary.starting import start_trial
from selftune.loop.deciding.live import decide_by_live
from selftune.loop.executor import Silent
from selftune.loop.releasing.pending import pending_decision
from selftune.loop.runner import make_executor
from selftune.records import Check, CheckStatus, Gravity, LiveTrial, Outcome, Release, StatementKind, encode_record
from selftune.testing import fake_build


def started(world, **changes):
    return start_trial(world.project, "candidate", **{"share": 0.1, "shadow": False} | changes)


def answered(world, note, *, failing: bool, rounds: int = 30):
    """So many users of each side on the journal, each with an answer, the candidate's failing or not."""
    journal = Journal(world.hidden, note.trial)
    for n in range(rounds):
        journal.write(Answer(candidate=False, person=f"champion's {n}", failed=False, seconds=0.1, refused=False))
        journal.write(Answer(candidate=True, person=f"candidate's {n}", failed=failing, seconds=0.1, refused=False))
    journal.close()


def test_a_trial_is_of_the_candidate_that_the_gate_last_spoke_of(world, served):
    note = started(world)
    assert served.builds == [world.candidate]
    assert read_canary(world.hidden) == note
    assert (note.candidate_digest, note.champion_digest) == (world.candidate.digest, world.champion.digest)
    assert world.events("canary started")[0]["how"] == "10% of users"


@pytest.mark.parametrize("now", [None, replace(FakeChampion.status_now, resting="a night trains")])
def test_no_trial_begins_while_the_champion_does_not_answer(world, served, monkeypatch, now):
    monkeypatch.setattr(FakeChampion, "status_now", now)
    for shadow in (False, True):
        with pytest.raises(UsageError, match="the champion does not serve now") as refused:
            started(world, shadow=shadow)
    assert "selftune start" in refused.value.next_step
    assert served.builds == []
    assert read_canary(world.hidden) is None


def test_one_trial_at_a_time(world):
    started(world)
    with pytest.raises(UsageError, match="tried already"):
        started(world)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 7.0])
def test_a_share_that_is_none_is_refused(world, share):
    with pytest.raises(UsageError, match="no share"):
        started(world, share=share)


def test_who_serves_already_and_who_is_unknown_is_refused(world):
    with pytest.raises(UsageError, match="serves already"):
        start_trial(world.project, world.champion.id, share=0.1, shadow=False)
    with pytest.raises(UnknownNameError):
        start_trial(world.project, "build:nobody", share=0.1, shadow=False)


def test_nobody_is_shown_what_was_never_evaluated(world, project):
    stray = fake_build("stray")
    project.store.save([stray], event="made up")
    with pytest.raises(UsageError, match="never evaluated"):
        start_trial(project, stray.id, share=0.1, shadow=False)


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.INVALID])
def test_what_the_gate_refused_is_asked_in_the_shadow_alone(project, served, outcome):
    world = world_of(project, outcome)
    with pytest.raises(UsageError, match=f"the gate said {outcome.value}"):
        started(world)
    note = started(world, shadow=True)
    assert (note.shadow, note.share) == (True, 0.0)


@pytest.mark.parametrize(
    ("kind", "said"), [(StatementKind.HOLD, "held"), (StatementKind.FREEZE, "trained on new data")]
)
def test_a_hold_or_a_freeze_ends_a_trial_and_lets_none_begin(world, kind, said):
    started(world)
    put_stay(world.project, kind, "I want to look first.", author="ada")
    kept = world.project.store.last(LiveTrial)
    assert (kept.end, note_path(world.hidden).exists()) == ("stopped", False)
    assert "look first" not in encode_record(kept)
    with pytest.raises(WaitingForPersonError, match=said):
        started(world)


@pytest.mark.parametrize("of", ["candidate", "decision"])
def test_a_hold_of_the_candidate_ends_its_trial_and_one_of_something_else_does_not(world, of):
    stray = fake_build("stray")
    world.project.store.save([stray], event="made up")
    started(world)
    put_stay(world.project, StatementKind.HOLD, "Not this one.", on=stray.id, author="ada")
    assert read_canary(world.hidden).runs
    put_stay(world.project, StatementKind.HOLD, "It was rude.", on=getattr(world, of).id, author="ada")
    kept = world.project.store.last(LiveTrial)
    assert (kept.end, kept.why) == ("stopped", "a hold was put on record")
    assert not note_path(world.hidden).exists()


def test_a_hold_without_a_reason_ends_no_trial(world):
    started(world)
    with pytest.raises(UsageError):
        put_stay(world.project, StatementKind.HOLD, "  ", author="ada")
    assert read_canary(world.hidden).runs


def doubted(world, subject, gravity):
    wish = Wish(subject=subject, text="It was rude to me.", author="ada")
    raise_on(world.project, wish, gravity=gravity, topic="", evidence=(), write=lambda draft: draft.text)


@pytest.mark.parametrize("of", ["build", "decision", "project"])
def test_a_blocking_concern_about_the_candidate_ends_its_trial(world, of):
    subject = {"build": world.candidate.id, "decision": world.decision.id, "project": PROJECT}[of]
    started(world)
    doubted(world, subject, Gravity.BLOCKING)
    kept = world.project.store.last(LiveTrial)
    assert (kept.end, note_path(world.hidden).exists()) == ("stopped", False)
    assert "rude" not in encode_record(kept)


def test_a_lesser_concern_and_one_about_something_else_end_no_trial(world):
    stray = fake_build("stray")
    world.project.store.save([stray], event="made up")
    started(world)
    doubted(world, world.candidate.id, Gravity.SERIOUS)
    doubted(world, stray.id, Gravity.BLOCKING)
    assert read_canary(world.hidden).runs


@pytest.mark.parametrize("fails", ["store.note", "write_canary"])
def test_a_start_that_fails_leaves_no_server_behind(world, served, monkeypatch, fails):
    def fail(*_):
        raise OSError(28, "No space left on device")

    if fails == "write_canary":
        monkeypatch.setattr("selftune.loop.canary.starting.write_canary", fail)
    else:
        monkeypatch.setattr(world.project.store, "note", fail)
    with pytest.raises(OSError, match="No space"):
        started(world)
    assert (len(served.builds), served.stopped) == (1, 1)
    assert not note_path(world.hidden).exists()


def test_a_stop_ends_a_trial_and_lets_none_begin(world, served):
    started(world)
    stopped = stop_here(world.project.folder, because="smoke", author="ada")
    assert stopped.braked
    assert read_canary(world.hidden).end is TrialEnd.STOPPED
    with pytest.raises(WaitingForPersonError):
        started(world)


def test_in_a_team_somebody_else_lets_it_begin_and_that_releases_nothing(world, served):
    team = replace(world, project=in_team(world.project))
    with pytest.raises(WaitingForPersonError, match="canary approve") as waiting:
        started(team)
    assert world.candidate.id[:18] in waiting.value.next_step
    said = approve_trial(team.project, "candidate", author="grace", text="")
    assert said.subject == world.candidate.id
    assert started(team).approvals == (said.id,)
    assert pending_decision(team.project) is None


def test_what_came_of_it_is_on_record_once(world, served):
    note = started(world)
    answered(world, note, failing=True)
    end_canary(world.hidden, TrialEnd.RETURNED, "harm is shown in errors")
    kept = settle_canary(world.project)
    assert settle_canary(world.project) is None
    assert served.stopped == 1
    assert world.project.store.last(LiveTrial) == kept
    assert (kept.end, kept.candidate_answers, kept.champion_answers) == ("returned", 30, 30)
    errors = next(one for one in kept.guards if one.name == "errors")
    assert errors.shows_harm
    assert errors.interval[0] > errors.tolerated
    assert canary_line(world.project).endswith("harm is shown in errors")


def test_a_cut_between_record_and_note_keeps_one_record(world):
    note = started(world)
    answered(world, note, failing=False)
    ended = end_canary(world.hidden, TrialEnd.STOPPED, "a person ended it")
    settle_canary(world.project)
    write_canary(ended, world.hidden)
    settle_canary(world.project)
    assert world.project.store.count(LiveTrial) == 1


def test_another_release_ends_it_with_the_next_command(world):
    started(world)
    serving = world.project.store.last(Release)
    later = replace(serving, version="v1.1", build_id=world.candidate.id, replaced=serving.id)
    world.project.store.save([later], event="made up")
    look_after_trial(world.project)
    assert world.project.store.last(LiveTrial).end == "champion changed"
    assert not note_path(world.hidden).exists()


def test_a_person_ends_it_and_reads_what_came_of_it(world):
    note = started(world)
    assert "is being tried for 10% of users" in "\n".join(describe_canary(world.project))
    answered(world, note, failing=False, rounds=3)
    assert canary_status(world.project)["running"]["candidate_answers"] == 3
    kept = stop_trial(world.project)
    assert kept.end == "stopped"
    told = "\n".join(describe_canary(world.project))
    assert "No candidate is being tried." in told
    assert "errors: +0.000" in told
    assert "thumbs: not measured" in told
    with pytest.raises(UsageError, match="no candidate"):
        stop_trial(world.project)


def test_harm_turns_a_promotion_that_waits_into_a_refusal(project, served):
    world = world_of(project, Outcome.PROMOTE)
    team = in_team(project)
    assert pending_decision(team) == world.decision
    approve_trial(team, "candidate", author="grace", text="")
    note = start_trial(team, "candidate", share=0.2, shadow=False)
    answered(world, note, failing=True)
    end_canary(world.hidden, TrialEnd.RETURNED, "harm is shown in errors")
    kept = settle_canary(team)
    with_project = make_executor(team, Silent())
    again = decide_by_live(team, with_project)
    assert (again.outcome, again.live) == (Outcome.REJECT, (kept.id,))
    assert {one.name: one.status for one in again.checks}["live:errors"] is CheckStatus.FAIL
    assert pending_decision(team) is None
    assert decide_by_live(team, with_project) is None


def test_a_trial_without_harm_leaves_an_unsure_gate_unsure(world):
    project = world.project
    project.store.save([replace(world.decision, checks=(unsure_gain(),))], event="made up")
    note = started(world)
    answered(world, note, failing=False)
    stop_trial(project)
    again = decide_by_live(project, make_executor(project, Silent()))
    assert again.outcome is Outcome.INCONCLUSIVE
    assert len(again.live) == 1


def unsure_gain() -> Check:
    return Check(name="gain", status=CheckStatus.NOT_SHOWN, detail="made up")


def test_a_build_without_the_seal_is_not_served(world, project, monkeypatch):
    monkeypatch.setattr("selftune.loop.canary.starting.build_is_sealed", lambda *_: False)
    with pytest.raises(IntegrityError, match="seal"):
        started(world)


def test_the_brake_s_file_alone_is_enough(world):
    put_on(world.hidden, new_stop("ada", "stop", "2026-11-22T17:00:00+00:00"))
    with pytest.raises(WaitingForPersonError):
        started(world)
