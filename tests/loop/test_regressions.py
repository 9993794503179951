"""The regression suite grows by what was mended and confirmed, and by what a person corrected; and by nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.evals.suite_files import write_suite
from selftune.evals.suites import load_suite
from selftune.loop.incoming.taking_back import drop_withdrawn, forget_in_suites
from selftune.loop.measuring import regressions
from selftune.loop.measuring.regressions import grow_regressions, item_of_correction, path_of
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.records import (
    Arm,
    Consent,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    Example,
    Feedback,
    GenerationParameters,
    Interaction,
    ItemOutcome,
    Message,
    Outcome,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
    Trigger,
    digest_of,
)
from selftune.store.consent import NOTHING, tightened
from selftune.testing import fake_build, fake_proof


def suite_of(count: int = 4, **facts) -> Suite:
    items = tuple(
        SuiteItem(
            id=f"i{place}",
            category="field",
            behaviour=f"b{place // 2}",
            difficulty="easy",
            messages=(Message(role="user", content=f"Question {place}?"),),
            expect=f'{{"any_of":["{place}"]}}',
            pair=f"p{place // 2}",
        )
        for place in range(count)
    )
    given = {
        "name": "harbour",
        "version": "1",
        "description": "made by a test",
        "scorer": "exact",
        "unit": "pair",
        "categories": ("field",),
        "generation": GenerationParameters(temperature=0.0),
        "seed": 0,
    }
    return Suite(**{**given, "items": items, **facts})


@pytest.fixture
def measured(project):
    return install(project, suite_of())


def install(project, suite: Suite) -> Suite:
    # The project's own copy of the suite that its config names.
    path = project.folder / "suites" / f"{project.config.evaluation.suite}.yaml"
    write_suite(suite, path)
    return load_suite(path)


def evaluated(suite: Suite, right: str, build: str, repeats: int = 1) -> Evaluation:
    """An arm that is right on the items whose place is a 1, wrong at 0, unscored at a question mark."""
    scores = {"1": 1.0, "0": 0.0, "?": None}
    return Evaluation(
        build_id=build,
        build_digest=build,
        proof=fake_proof(fake_build()),
        suite=suite.name,
        suite_digest=digest_of(suite),
        scorer="exact",
        scorer_lineage=(),
        generation=suite.generation,
        seeds=tuple(range(repeats)),
        outcomes=tuple(
            ItemOutcome(
                item_id=item.id, category="field", difficulty="easy", score=scores[one], answer="a", reasons=(),
                pair=item.pair, repeat=repeat,
            )
            for repeat in range(repeats)
            for item, one in zip(suite.items, right[repeat * len(suite.items) :] or right, strict=False)
        ),
    )  # fmt: skip


def decided(project, outcome: Outcome, champion: Evaluation, candidate: Evaluation, run: Run | None = None) -> Decision:
    decision = Decision(
        outcome=outcome,
        reason="because",
        checks=(),
        arms=((Arm.CHAMPION, champion.id), (Arm.CANDIDATE, candidate.id)),
        policy="small",
        policy_digest="p",
        build_id=candidate.build_id,
        run_id=None if run is None else run.id,
    )
    project.store.save([champion, candidate, decision], event="made by a test")
    return decision


def two_nights(project, suite: Suite, old: str, new: str, later: str, **facts) -> Decision:
    """A promotion, and the night after it."""
    promoted = evaluated(suite, new, "build:2", **facts)
    decided(project, Outcome.PROMOTE, evaluated(suite, old, "build:1", **facts), promoted)
    return decided(project, Outcome.REJECT, promoted, evaluated(suite, later, "build:3", **facts))


def ids(project) -> list[str]:
    path = path_of(project.folder)
    return [item.id for item in load_suite(path).items] if path.exists() else []


def test_what_a_promotion_mended_and_a_second_training_confirmed_is_asked_from_then_on(project, measured):
    decision = two_nights(project, measured, old="0111", new="1111", later="1100")
    growth = grow_regressions(project, decision)
    assert growth.added == ("harbour-i0", "harbour-i1")
    suite = load_suite(path_of(project.folder))
    assert (suite.purpose, suite.unit, {item.scorer for item in suite.items}) == ("regression", "item", {"exact"})
    assert {item.origin.partition(":")[0] for item in suite.items} == {"decision"}
    assert suite.items[0].messages == measured.items[0].messages


@pytest.mark.parametrize(
    ("old", "new", "later"),
    [
        ("0111", "1111", "0111"),  # the second training does not have it
        ("0111", "0111", "1111"),  # the promotion had not mended it
        ("1111", "1111", "1111"),  # it was never broken
        ("?111", "1111", "1111"),  # nobody knows whether it was
        ("0111", "1111", "?111"),  # nobody knows whether it was confirmed
    ],
)
def test_what_was_not_mended_or_not_confirmed_stays_out(project, measured, old, new, later):
    grow_regressions(project, two_nights(project, measured, old, new, later))
    assert not path_of(project.folder).exists()


def test_one_promotion_alone_and_the_same_build_again_confirm_nothing(project, measured):
    old, new = evaluated(measured, "0000", "build:1"), evaluated(measured, "1111", "build:2")
    first = decided(project, Outcome.PROMOTE, old, new)
    assert grow_regressions(project, first).items == 0
    again = decided(project, Outcome.REJECT, old, new)
    assert grow_regressions(project, again).items == 0


def test_answers_to_another_suite_confirm_nothing(project, measured):
    decision = two_nights(project, measured, old="0000", new="1111", later="1111")
    install(project, suite_of(seed=9))
    assert grow_regressions(project, decision).items == 0


def test_answers_drawn_by_chance_must_agree_three_times(project):
    drawn = install(project, suite_of(generation=GenerationParameters(temperature=1.0)))
    assert grow_regressions(project, two_nights(project, drawn, "0011", "1111", "1111")).items == 0
    unsteady = two_nights(project, drawn, "0011", "111100111111", "1111", repeats=3)
    assert grow_regressions(project, unsteady).items == 0
    steady = two_nights(project, drawn, "0011", "1111", "1111", repeats=3)
    assert grow_regressions(project, steady).added == ("harbour-i0", "harbour-i1")


def test_growing_twice_adds_nothing_and_writes_nothing(project, measured):
    decision = two_nights(project, measured, old="0000", new="1111", later="1111")
    grow_regressions(project, decision)
    before = path_of(project.folder).stat().st_mtime_ns
    assert grow_regressions(project, decision).added == ()
    assert path_of(project.folder).stat().st_mtime_ns == before


def test_what_a_person_takes_out_does_not_come_back(project, measured):
    decision = two_nights(project, measured, old="0000", new="1111", later="1111")
    grow_regressions(project, decision)
    suite = load_suite(path_of(project.folder))
    write_suite(replace(suite, items=suite.items[1:]), path_of(project.folder))
    grow_regressions(project, decision)
    assert set(ids(project)) == {item.id for item in suite.items[1:]}


def test_what_only_a_judge_can_score_is_not_taken_over(project):
    judged = install(project, suite_of(scorer="judge"))
    assert grow_regressions(project, two_nights(project, judged, "0000", "1111", "1111")).items == 0


def test_held_out_items_stay_in_the_clean_room(project):
    suite = suite_of()
    clean = install(project, replace(suite, items=tuple(replace(one, tier="held_out") for one in suite.items)))
    assert grow_regressions(project, two_nights(project, clean, "0000", "1111", "1111")).items == 0


def test_it_is_capped_and_the_newest_of_each_behaviour_stay_with_both_their_sides(project):
    wide = suite_of(40)
    wide = install(project, replace(wide, items=tuple(replace(one, behaviour="b") for one in wide.items)))
    decision = two_nights(project, wide, "0" * 40, "1" * 40, "1" * 40)
    growth = grow_regressions(project, decision)
    assert growth.items == 2 * regressions.MOST_PER_BEHAVIOUR
    places = [int(name.removeprefix("harbour-i")) for name in ids(project)]
    assert {place // 2 for place in places} == {place // 2 for place in places if place % 2}
    # Neither the first of the suite nor the last: a mixture.
    assert min(places) < 20 < max(places)


# --- Corrections ------------------------------------------------------------------------------------------------------


def corrected(number: int = 1, correction: str = "Nola", **facts) -> Interaction:
    given = {
        "salt": str(number),
        "conversation": f"c{number}",
        "task_id": "keeper",
        "trigger": Trigger.USER,
        "messages": (
            Message(role="user", content=f"Who keeps bell {number}?"),
            Message(role="assistant", content="I could not say."),
        ),
        "source": "s",
        "position": str(number),
        "feedback": Feedback(correction=correction),
    }
    return Interaction(**{**given, **facts})


def learnt(project, *interactions: Interaction, by: str = "person") -> Decision:
    """A night whose lessons these are."""
    lessons = tuple(
        Example(
            salt="0", interaction_id=one.id, judgement_id=None, messages=one.messages, taught_by=by,
        )
        for one in interactions
    )  # fmt: skip
    dataset = Dataset(
        kind=DatasetKind.SFT, train=lessons, holdout=(), rejects=(), mixture=(), watermark=1, config_digest="c",
        card="",
    )  # fmt: skip
    run = Run(
        recipe="tiny", recipe_digest="d", dataset_id=dataset.id, base_digest="b", stage_history=("sft",),
        objective="sft", backend="packed", status=RunStatus.FINISHED, seed=0, steps=1, planned_steps=1, passes=1.0,
        examples=1, supervised_tokens=3,
    )  # fmt: skip
    decision = Decision(
        outcome=Outcome.REJECT, reason="because", checks=(), arms=(), policy="small", policy_digest="p", build_id=None,
        run_id=run.id,
    )  # fmt: skip
    project.store.save([*interactions, dataset, run, decision], event="made by a test")
    return decision


def test_a_correction_that_code_can_tell_from_what_was_said_becomes_an_item_with_its_interaction(project, measured):
    said = corrected()
    growth = grow_regressions(project, learnt(project, said))
    (item,) = load_suite(path_of(project.folder)).items
    assert growth.added == (item.id,)
    assert (item.origin, item.category, item.behaviour, item.scorer) == (said.id, "corrected", "keeper", "regex")
    assert (item.reference, item.messages) == ("Nola", said.messages[:1])


def test_what_only_a_judge_could_score_and_what_nobody_corrected_stay_out(project, measured):
    long = corrected(2, "Because the ferry leaves well before the tide turns.")
    assert grow_regressions(project, learnt(project, long)).items == 0
    assert grow_regressions(project, learnt(project, corrected(3), by="build")).items == 0


def test_nothing_is_kept_against_consent():
    assert item_of_correction(corrected()) is not None
    assert item_of_correction(corrected(consent=Consent(keep=False))) is None


def test_items_and_drafts_leave_when_their_words_may_no_longer_be_kept(project, measured):
    grow_regressions(project, learnt(project, corrected(1), corrected(2)))
    path = path_of(project.folder)
    suite = load_suite(path)
    erased = f"interaction:{'0' * 64}"
    write_suite(replace(suite, items=(replace(suite.items[0], origin=erased), suite.items[1])), path)
    drafts = project.folder / "suites" / "drafts" / "own.jsonl"
    drafts.parent.mkdir()
    drafts.write_text(f'{{"draft": {{"id": "a", "origin": "{erased}"}}, "by": "log"}}\n{{"keep": "b"}}\n{{"kee')
    assert drop_withdrawn(project) == 2
    assert ids(project) == [suite.items[1].id]
    assert drafts.read_text() == '{"keep": "b"}\n{"kee'
    assert drop_withdrawn(project) == 0


def test_words_taken_back_leave_the_suite_and_do_not_come_in(project, measured):
    first, second = corrected(1), corrected(2)
    grow_regressions(project, learnt(project, first))
    later = learnt(project, first, second)
    project.store.save([tightened(one, NOTHING, salt="9") for one in (first, second)], event="taken back")
    assert drop_withdrawn(project) == 1
    assert grow_regressions(project, later).items == 0


def test_what_a_conversation_said_earlier_stays_while_the_newest_version_may_be_kept(project, measured):
    first = corrected(1)
    grow_regressions(project, learnt(project, first))
    project.store.save([replace(corrected(1), salt="8", position="8", supersedes=first.id)], event="it went on")
    assert project.store.later_version(first.id) is not None
    assert drop_withdrawn(project) == 0
    assert len(ids(project)) == 1


def test_who_corrects_a_correction_means_the_new_one(project, measured):
    grow_regressions(project, learnt(project, corrected(1, "Nola")))
    later = replace(corrected(1, "Ada"), salt="9", position="9")
    growth = grow_regressions(project, learnt(project, later))
    (item,) = load_suite(path_of(project.folder)).items
    assert (item.reference, growth.items) == ("Ada", 1)


def test_forgetting_takes_words_out_of_suites_and_drafts(project, measured):
    said = corrected()
    grow_regressions(project, learnt(project, said))
    drafts = project.folder / "suites" / "drafts" / "own.jsonl"
    drafts.parent.mkdir()
    drafts.write_text(f'{{"draft": {{"id": "a", "origin": "{said.id}"}}, "by": "log"}}\n{{"keep": "b"}}\n')
    assert forget_in_suites(project.folder, [said.id]) == 2
    assert drafts.read_text() == '{"keep": "b"}\n'
    assert not path_of(project.folder).exists()
    assert forget_in_suites(project.folder, [said.id]) == 0


def test_git_leaves_the_file_alone(project, measured):
    grow_regressions(project, learnt(project, corrected()))
    assert "regression.yaml" in (project.folder / "suites" / ".gitignore").read_text().splitlines()


def test_what_was_put_right_is_no_yardstick_for_what_may_be_learnt(project, measured):
    before = make_yardsticks(project.folder, measured)
    grow_regressions(project, learnt(project, corrected()))
    assert make_yardsticks(project.folder, measured, load_suite(path_of(project.folder))) == before
