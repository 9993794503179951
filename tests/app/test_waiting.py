"""What waits for a person: the queue, the breaker's page, and a limit that nobody changes unseen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from selftune.app.approving import approve_next, describe_what_waits
from selftune.app.breaker_page import describe_breaker
from selftune.app.cli import approving, braking, concerns
from selftune.app.doubting import Wish, raise_on, reply
from selftune.app.lifting import put_stay
from selftune.app.summary import status_summary
from selftune.app.unseen import RARE, breaker_line, breaker_now, limit_in_words
from selftune.app.waiting import Awaited, describe_waiting, what_waits
from selftune.errors import SelftuneError, WaitingForPersonError
from selftune.failpoints import VARIABLE
from selftune.governance.brake.file import BRAKE
from selftune.governance.breaker import SIMULATED
from selftune.governance.statements import approve
from selftune.loop.config import Profile
from selftune.loop.deciding.breaker_lock import DEFAULT, EVENT, keep_breaker, last_change
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import create_project, open_project
from selftune.loop.runner import check_breaker, may_begin
from selftune.records import (
    Arm,
    Decision,
    Evaluation,
    GenerationParameters,
    Gravity,
    ItemOutcome,
    Outcome,
    Release,
    Statement,
    StatementKind,
)
from selftune.testing import fake_build, fake_proof


def limited(project, limit):
    """The same project under another limit."""
    governance = replace(project.config.governance, approve_every=limit)
    return replace(project, config=replace(project.config, governance=governance))


def evaluation(name, share):
    """A fake evaluation of 40 items in two categories, of which so many are right."""
    build = fake_build()
    return Evaluation(
        build_id=f"build:{name}", build_digest=build.digest, proof=fake_proof(build), suite="fake", suite_digest="s",
        scorer="fake", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,),
        outcomes=tuple(
            ItemOutcome(item_id=str(at), category="honesty" if at % 2 else "tone\x1b[2J", difficulty="easy",
                        score=float(at < share * 40), answer="fake", reasons=(), critical_failures=())
            for at in range(40)
        ),
    )  # fmt: skip


def decision(number, before=0.4, now=0.6):
    """A promoting decision with two arms on record."""
    arms = evaluation(f"champion {number}", before), evaluation(f"candidate {number}", now)
    found = Decision(
        outcome=Outcome.PROMOTE, reason="It is better.", checks=(),
        arms=((Arm.CHAMPION, arms[0].id), (Arm.CANDIDATE, arms[1].id)), policy="small", policy_digest="sha256:p",
        build_id=fake_build().id, run_id=None, difference=0.2, interval=(0.1, 0.3), n=40,
    )  # fmt: skip
    return arms, found


def promote(project, count, *, start=1):
    """So many promotions, decided and released."""
    for number in range(start, start + count):
        arms, found = decision(number, before=0.3 + number / 10, now=0.4 + number / 10)
        before = project.store.last(Release)
        release = replace(before, version=f"v1.{number}", generation=number, decision_id=found.id, replaced=before.id)
        project.store.save([*arms, found, release], event="made by a test")


def kinds(project):
    return [one.awaited for one in what_waits(project)]


def test_where_nothing_waits_that_is_said(released):
    assert what_waits(released) == ()
    assert list(describe_waiting(())) == ["Nothing waits for a person."]
    assert breaker_line(released) is None
    assert limit_in_words(released) == ""


def test_everything_that_waits_stands_in_one_list_what_stands_still_first(released):
    wish = Wish(subject="project", text="Too\x1b[2J fast.\napprove: nothing", author="ana")
    noted = raise_on(released, wish, gravity=Gravity.NOTED, topic="", evidence=(), write=None)
    put_stay(released, StatementKind.HOLD, "Wait.", author="ben")
    put_stay(released, StatementKind.FREEZE, "No consent.", author="ben")
    (released.hidden / BRAKE).touch()
    promote(released, 5)
    assert kinds(released) == [Awaited.LIFT, Awaited.LIFT, Awaited.LIFT, Awaited.BREAKER, Awaited.ANSWER]
    found = what_waits(released)
    assert [one.blocks for one in found] == [True, True, True, True, False]
    assert found[-1].text == "Too\x1b[2J fast.\napprove: nothing", "data is verbatim"
    shown = list(describe_waiting(found))
    assert not any("\x1b" in line or line.startswith("approve") for line in shown)
    assert "  → selftune approve --breaker" in shown
    assert '  → selftune lift freeze --because "..."' in shown
    reply(released, noted.id, "They were drawn.", author="ben")
    assert Awaited.ANSWER not in kinds(released)


def test_a_blocking_concern_waits_also_after_an_answer(released):
    wish = Wish(subject="project", text="Look first.", author="ana")
    said = raise_on(released, wish, gravity=Gravity.BLOCKING, topic="", evidence=(), write=None)
    reply(released, said.id, "Later.", author="ben")
    (waiting,) = what_waits(released)
    assert (waiting.awaited, waiting.blocks, waiting.author) == (Awaited.ANSWER, True, "ana")


def test_a_promotion_that_is_held_or_not_approved_waits_and_one_that_may_go_does_not(released):
    arms, found = decision(1)
    released.store.save([*arms, found], event="decided")
    assert what_waits(released) == ()
    team = replace(
        released, config=replace(released.config, project=replace(released.config.project, profile=Profile.TEAM))
    )
    (waiting,) = what_waits(team)
    assert (waiting.awaited, waiting.id) == (Awaited.PROMOTION, found.id)
    assert "waits for 1 approval" in waiting.text


def test_the_page_shows_gains_drift_costs_and_open_concerns_word_for_word(released):
    promote(released, 2)
    wish = Wish(subject="project", text="Not\u202e certain.\n  second line", author="ana")
    raise_on(released, wish, gravity=Gravity.SERIOUS, topic="", evidence=(), write=None)
    page = list(describe_breaker(released))
    text = "\n".join(page)
    assert page[0] == "2 of 5 promotions since the last approval."
    assert "v1.2 (generation 2): +0.200 [+0.100, +0.300], n = 40" in page
    assert "to what was promoted last, on fake: 0.400 [" in text
    assert "honesty: +0.2" in text
    assert "drift of the judge: none, its verdicts are reckoned by code" in page
    assert "costs: no training is behind these promotions" in page
    assert "    second line" not in text
    assert page[-2:] == ["  | Not\ufffd certain.", "  |   second line"]
    assert "\x1b" not in text


def test_drift_over_a_changed_suite_is_not_measured(released):
    promote(released, 1)
    arms, found = decision(2)
    other = replace(arms[1], suite_digest="another")
    changed = replace(found, arms=((Arm.CHAMPION, arms[0].id), (Arm.CANDIDATE, other.id)))
    last = released.store.last(Release)
    after = replace(last, version="v1.2", generation=2, decision_id=changed.id, replaced=last.id)
    released.store.save([arms[0], other, changed, after], event="made by a test")
    assert "drift: not measured, for the suite fake was changed meanwhile" in list(describe_breaker(released))


def test_after_five_promotions_the_loop_waits_and_one_signed_look_lets_it_go_on(released):
    promote(released, 5)
    with pytest.raises(WaitingForPersonError, match="5 promotions") as refused:
        check_breaker(released)
    assert "selftune approve --breaker" in refused.value.next_step
    assert breaker_line(released) == "5 of 5 promotions since a person looked: selftune approve --breaker"
    unsigned = approve(
        released.store.last(Release).id, author="ana", text="yes", context=released.context(), door=door_of(released)
    )
    released.store.save([unsigned], event="written by hand")
    assert breaker_now(released).open, "what this machine never signed let it go on"
    approve_next(released, author="ana", text="I looked.", breaker=True)
    check_breaker(released)
    assert breaker_line(released) is None


def test_a_look_at_the_breaker_is_no_approval_of_what_waits_beside_it(released):
    promote(released, 5)
    arms, found = decision(6)
    released.store.save([*arms, found], event="decided")
    assert describe_what_waits(released).startswith("A promotion waits")
    assert describe_what_waits(released, breaker=True).startswith("5 of 5 promotions")
    said = approve_next(released, author="ana", text="", breaker=True)
    assert said.subject == released.store.last(Release).id


def test_a_simulated_yes_is_nobody_s_and_lets_only_simulated_time_go_on(released):
    promote(released, 5)
    said = approve_next(released, author="a person of the plan", text="planned", simulated=True)
    assert (said.author_is_model, said.category) == (True, SIMULATED)
    with pytest.raises(WaitingForPersonError):
        check_breaker(released)
    check_breaker(replace(released, simulated=True))


def test_a_changed_limit_is_a_ledger_entry_and_is_told(released):
    may_begin(released)
    assert last_change(released) is None
    never = limited(released, 1_000_000_000)
    assert "from the next cycle on, before that after 5; that is as good as never" in limit_in_words(never)
    may_begin(never)
    may_begin(never)
    entries = [dict(entry.detail) for entry in released.store.history() if entry.event == EVENT]
    assert [(one["from"], one["to"]) for one in entries] == [("5", "1000000000")]
    assert "changed from 5 on" in breaker_line(never)
    assert "as good as never" in "\n".join(describe_breaker(never))
    may_begin(released)
    assert last_change(released).limit == DEFAULT
    assert "a person must look after 5 promotions, changed from 1000000000 on" in limit_in_words(released)
    assert "never" not in limit_in_words(limited(released, RARE))


def test_a_note_that_is_cut_off_is_made_up_for(released, monkeypatch):
    monkeypatch.setenv(VARIABLE, "breaker-noted=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        keep_breaker(limited(released, 7))
    monkeypatch.delenv(VARIABLE)
    keep_breaker(limited(released, 7))
    assert [entry.event for entry in released.store.history()].count(EVENT) == 2


@pytest.fixture
def home(tmp_path):
    """The folder of a project that commands can open, its base in service by word alone."""
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    build = fake_build()
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    with open_project(folder) as project:
        project.store.save([build, release], event="made by a test")
    return folder


def run(folder, *words, **more):
    group = typer.Typer()
    for room in (approving, braking, concerns):
        room.register(group)
    return CliRunner().invoke(group, [*words, "--project", str(folder)], **more)


def test_by_command_the_list_approves_nothing_and_a_no_is_five(home):
    with open_project(home) as project:
        promote(project, 5)
    run(home, "concern", "raise", "project", "Too fast.", "--author", "ana")
    listed = json.loads(run(home, "approve", "--list", "--json").stdout)
    assert [one["awaited"] for one in listed] == [Awaited.BREAKER.value, Awaited.ANSWER.value]
    assert set(listed[0]) == {"awaited", "id", "text", "author", "since", "blocks", "command"}
    assert "ana said:" in run(home, "approve", "--list").stdout
    assert run(home, "approve", "--breaker", input="n\n").exit_code == 5
    assert run(home, "approve", "--breaker", input="").exit_code == 5
    assert run(home, "approve", "--json").exit_code == 2
    with open_project(home) as project:
        assert [one.kind for _, one in project.store.each(Statement)] == [StatementKind.CONCERN]
        assert status_line(project).startswith("5 of 5 promotions")
    approved = run(home, "approve", "--breaker", "--yes", "--text", "I looked.")
    assert "Approved: statement:" in approved.stdout
    assert "  | Too fast." in approved.stdout
    with open_project(home) as project:
        check_breaker(project)
        assert status_line(project) is None


def status_line(project):
    return status_summary(project)["breaker"]
