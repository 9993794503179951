"""The study's secondary measures: of what each generation said, with n and interval, or with why they are missing."""

from __future__ import annotations

import pytest

from selftune.app.reporting.naming import page_of_everything
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.parts import Page
from selftune.app.reporting.study import study_generations, study_section, turns_to_resolve
from selftune.codex.reading import load_codex
from selftune.judges.rubric import load_rubric
from selftune.records import (
    CriterionScore,
    Feedback,
    Interaction,
    InteractionOutcome,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Release,
    Thread,
    Trigger,
    digest_of,
)

RUBRIC = load_rubric("golden")


@pytest.mark.parametrize(
    ("by_turn", "turns"),
    [((0.8, 0.3), 1), ((0.2, 0.8, 0.6, 0.4), 2), ((0.8, 0.5, 0.5), None), ((0.9,), None), ((0.4, 0.1, 0.8, 0.2), 1)],
)
def test_resolution_runs_from_the_height_to_half_of_it(by_turn, turns):
    assert turns_to_resolve(by_turn) == turns


def said(project, number, **facts):
    build = next(release.build_digest for _, release in project.store.each(Release))
    return Interaction(
        **{
            "salt": f"s{number}", "conversation": f"c{number}", "task_id": f"t{number}", "trigger": Trigger.USER,
            "messages": (Message(role="user", content="Why?"), Message(role="assistant", content="So.")),
            "source": "test", "position": str(number), "generated_by": build,
        }
        | facts
    )  # fmt: skip


def verdict(about, *, rigor=4.0, synthesis=3.0, critical=(), status=JudgementStatus.SCORED):
    scores = {"logical_rigor": rigor, "creative_synthesis": synthesis}
    return Judgement(
        salt="j", interaction_id=about.id, rubric_digest=digest_of(RUBRIC),
        judge=JudgeIdentity(name="fake", version="1"), status=status,
        criteria=tuple(CriterionScore(name=name, reasoning="so", score=score) for name, score in scores.items()),
        overall=3.5 if status is JudgementStatus.SCORED else None, critical_failures=critical,
    )  # fmt: skip


def study(project, *interactions, verdicts=()):
    project.store.save([RUBRIC, *interactions, *verdicts], event="made by a test")
    return study_generations(project, tuple(release for _, release in project.store.each(Release)))


def text(studied):
    return as_markdown(Page(title="x", lead=(), sections=(study_section(studied),)))


def test_success_is_an_answer_without_a_critical_error_that_nobody_had_to_set_right(released):
    good, failed, mended, stopped, broken, unjudged, doubtful = (
        said(released, 0),
        said(released, 1),
        said(released, 2, feedback=Feedback(correction="Better so.")),
        said(released, 3, outcome=InteractionOutcome.HUMAN_INTERVENED),
        said(released, 4, outcome=InteractionOutcome.ERROR),
        said(released, 5, feedback=Feedback(thumbs=-1)),
        said(released, 6),
    )
    of_others = said(released, 7, generated_by="sha256:else")
    judged = [verdict(one) for one in (good, mended, stopped, broken, of_others)]
    judged += [verdict(failed, critical=("made up",)), verdict(doubtful, status=JudgementStatus.UNSCORED)]
    everything = (good, failed, mended, stopped, broken, unjudged, doubtful, of_others)
    (one,) = study(released, *everything, verdicts=judged)
    assert (one.interactions, one.judged, one.succeeded, one.failed, one.intervened) == (7, 5, 1, 2, 2)
    assert "| v1.0 | task success rate | 20.0% | [3.6%, 62.4%] | 5 | 5 judged of 7;" in text((one,))


def test_a_dialogue_under_a_codex_is_held_against_that_codex(released):
    codex = load_codex()
    released.store.save([codex], event="made by a test")
    # High is 0.5 and resolved 0.25: one resolved after two turns, one never in dissonance, one that stayed in it.
    talks = [(0.6, 0.3, 0.2), (0.4, 0.1), (0.9, 0.4)]
    (one,) = study(
        released, *(said(released, at, dissonance=values, codex_id=codex.id) for at, values in enumerate(talks))
    )
    assert (one.turns, one.unresolved) == ((2,), 1)


def test_what_says_that_it_was_not_resolved_was_not_whatever_its_last_score(released):
    codex = load_codex()
    released.store.save([codex], event="made by a test")
    talks = [(0.1, 0.7, 0.1), (), (0.7, 0.1)]
    marks = [("unresolved", "interrupted"), ("unresolved",), ()]
    (one,) = study(
        released,
        *(
            said(released, at, dissonance=values, flags=flags, codex_id=codex.id)
            for at, (values, flags) in enumerate(zip(talks, marks, strict=True))
        ),
    )
    assert (one.turns, one.unresolved) == ((1,), 2)


def test_resolution_and_fidelity_come_with_n_and_interval(released):
    talks = [said(released, at, dissonance=values) for at, values in enumerate([(0.8, 0.2), (0.8, 0.6, 0.1), (0.9,)])]
    judged = [verdict(one, rigor=rigor) for one, rigor in zip(talks, (5.0, 3.0, None), strict=True)]
    (one,) = study(released, *talks, verdicts=judged)
    assert (one.turns, one.unresolved, one.fidelity) == ((1, 2), 1, (4.0, 3.0))
    found = text((one,))
    assert "| v1.0 | dissonance resolution time, turns | 1.50 | [" in found
    assert "| 2 | 2 resolved of 3; those unresolved have no time and are left out |" in found
    assert "| v1.0 | persona fidelity, 1 to 5 | 3.50 | [" in found


def test_answers_that_were_drawn_again_are_told_apart_from_tasks(released):
    first, again = said(released, 1), said(released, 2, flags=("resampled",))
    found = text(study(released, first, again, verdicts=[verdict(first), verdict(again)]))
    assert "2 judged of 2; 0 with a critical error, 0 set right; 1 further answer to the same tasks" in found


def test_fidelity_is_told_of_each_persona_that_spoke_and_once_where_it_spoke_twice(released):
    question, brick = Message(role="user", content="Why?"), Message(role="assistant", content="So.", persona="BRICK")
    robin = Message(role="assistant", content="Perhaps.", persona="ROBIN")
    both = said(released, 1, messages=(question, brick, robin, brick))
    alone = said(released, 2, messages=(question, robin))
    judged = [verdict(both, rigor=5.0, synthesis=3.0), verdict(alone, rigor=1.0, synthesis=2.0)]
    (one,) = study(released, both, alone, said(released, 3), verdicts=judged)
    assert one.by_persona == (("BRICK", (4.0,)), ("ROBIN", (4.0, 1.5)))
    found = text((one,))
    assert "| v1.0 | of it where BRICK spoke | 4.00 | - | 1 |" in found
    assert "| v1.0 | of it where ROBIN spoke | 2.75 | [" in found


def test_what_the_log_does_not_hold_is_not_measured_and_never_zero(released):
    (one,) = study(released, said(released, 1))
    assert text((one,)).count("| not measured | - | 0 |") == 3
    assert "Not measured: no interaction in the log was written by a release" in text(())


def test_a_conversation_that_went_on_is_counted_once_as_it_stands_now(released):
    early = said(released, 1, conversation="c", source="whole", thread=Thread.WHOLE)
    more = (*early.messages, Message(role="user", content="And?"), Message(role="assistant", content="Enough."))
    late = said(released, 2, conversation="c", source="whole", thread=Thread.WHOLE, messages=more)
    (one,) = study(released, early, late)
    assert one.interactions == 1


def test_a_project_without_evaluations_has_its_page_of_everything(released):
    assert "Measured here: 0 evaluations" in as_markdown(page_of_everything(released))
