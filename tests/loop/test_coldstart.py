"""When the next training is worth its time, and what `status` says of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.errors import MissingFileError
from selftune.evals.suites import load_suite
from selftune.gate.policies import load_policy
from selftune.judges.rubric import load_rubric
from selftune.loop.config import CurationSection, EvaluationSection, GateSection, Profile, ProjectConfig, ProjectSection
from selftune.loop.lessons.coldstart import Outlook, look_ahead, trigger_of
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger
from selftune.store import Store

SUITE = load_suite("state_obedience")
POLICY = load_policy("small")
RUBRIC = load_rubric(ProjectConfig().judge.rubric)


@pytest.fixture
def project(tmp_path):
    with Store.open(tmp_path) as store:
        now = "2026-02-01T00:00:00+00:00"
        yield SimpleNamespace(folder=tmp_path, store=store, config=ProjectConfig(), now=lambda: now)


def judged(project, count: int, *, overall: float = 5.0, per_day: float = 3.0, first: int = 0) -> None:
    """Answers judged so, `per_day` of them each day."""
    records = []
    for number in range(first, first + count):
        day, hour = divmod(int(number * 24 / per_day), 24)
        said = (Message(role="user", content=f"Question {number}?"), Message(role="assistant", content="Yes."))
        interaction = Interaction(
            salt=str(number),
            conversation=f"c{number}",
            task_id="t",
            trigger=Trigger.USER,
            messages=said,
            source="ask",
            position=str(number),
            happened_at=f"2026-01-{day + 1:02}T{hour:02}:00:00+00:00",
        )
        judgement = Judgement(
            salt=str(number),
            interaction_id=interaction.id,
            rubric_digest=RUBRIC.id,
            judge=JudgeIdentity(name="checks", version="1"),
            status=JudgementStatus.SCORED,
            overall=overall,
        )
        records += [interaction, judgement]
    project.store.save(records, event="captured")


def test_what_no_judge_has_seen_is_counted_apart(project):
    judged(project, 3)
    unseen = replace(project.store.last(Interaction), salt="x", conversation="x", position="x")
    project.store.save([unseen], event="captured")
    outlook = look_ahead(project)
    assert outlook.in_words == "3 of about 20 lessons; new and not judged yet: 1"


def test_answers_drawn_again_count_with_their_conversation(project):
    judged(project, 2)
    first = project.store.last(Interaction)
    again = replace(first, salt="y", source="resampled", position="y", flags=("resampled",))
    verdict = replace(project.store.last(Judgement), salt="y", interaction_id=again.id)
    project.store.save([again, verdict], event="captured")
    assert look_ahead(project).ready == 2


def by_hand(project, trigger: int, profile: Profile = Profile.SOLO) -> SimpleNamespace:
    config = ProjectConfig(project=ProjectSection(profile=profile), curation=CurationSection(trigger=trigger))
    return SimpleNamespace(**(vars(project) | {"config": config}))


def test_solo_trains_when_the_gate_could_see_it_team_at_the_plans_number_and_a_hand_outdoes_both(project):
    # Nobody has measured the champion: half the suite is taken to fail, and 0.067 can be seen on 192 pairs.
    # 40 * ((1 - 0.067 / 0.5) ** -2 - 1) = 13.3, and the fewest are 20.
    assert trigger_of(project, POLICY, SUITE) == 20
    assert trigger_of(by_hand(project, 0, Profile.TEAM), POLICY, SUITE) == 500
    assert trigger_of(by_hand(project, 37), POLICY, SUITE) == 37
    assert trigger_of(by_hand(project, 37, Profile.TEAM), POLICY, SUITE) == 37


def test_only_what_the_gate_sees_takes_a_suite_and_a_policy_to_say(project):
    named = {"evaluation": EvaluationSection(suite="nowhere.yaml"), "gate": GateSection(policy="nowhere.toml")}
    mute = SimpleNamespace(**(vars(by_hand(project, 37)) | {"config": replace(by_hand(project, 37).config, **named)}))
    assert look_ahead(mute).trigger == 37
    mute.config = replace(mute.config, curation=CurationSection())
    with pytest.raises(MissingFileError, match="nowhere"):
        look_ahead(mute)


def test_a_smaller_suite_takes_more_lessons(project):
    pairs = {
        category: [item.pair for item in SUITE.items if item.category == category] for category in SUITE.categories
    }
    kept = {name for names in pairs.values() for name in list(dict.fromkeys(names))[:12]}
    few = replace(SUITE, items=tuple(item for item in SUITE.items if item.pair in kept))
    assert len(few.items) == 96
    assert trigger_of(project, POLICY, few) == 43


def test_status_tells_how_many_of_how_many_and_when(project):
    judged(project, 14)
    judged(project, 9, overall=2.0, first=14)
    outlook = look_ahead(project)
    assert (outlook.ready, outlook.trigger, outlook.days) == (14, 20, 2)
    assert outlook.in_words == "14 of about 20 lessons, next verdict in about 2 days"
    assert "selftune examples" in (outlook.helps_sooner or "")
    assert "selftune prompt" in (replace(outlook, ready=24, trigger=200).helps_sooner or "")


def test_with_enough_lessons_nothing_sooner_is_offered(project):
    judged(project, 25)
    outlook = look_ahead(project)
    assert outlook.in_words == "25 of about 20 lessons, enough for the next verdict"
    assert outlook.helps_sooner is None


def test_a_verdict_that_was_given_anew_counts_as_it_was_given_last(project):
    judged(project, 5)
    last = project.store.last(Judgement)
    project.store.save([replace(last, salt="again", overall=1.0)], event="judged")
    assert look_ahead(project).ready == 4


def test_without_a_rate_there_is_no_date(project):
    judged(project, 1)
    outlook = look_ahead(by_hand(project, 40))
    assert outlook.in_words == "1 of 40 lessons; the log does not tell how fast they come"


def test_the_words_of_the_plan():
    outlook = Outlook(new=30, ready=23, trigger=40, set_by_hand=False, days=6)
    assert outlook.in_words == "23 of about 40 lessons, next verdict in about 6 days"
    assert Outlook(new=0, ready=0, trigger=40, set_by_hand=False, days=None).helps_sooner.startswith(
        "write a system prompt"
    )
