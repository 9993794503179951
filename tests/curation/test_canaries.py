"""Made-up facts stand beside lessons when they are taught, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from curation_pairs import judged, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.canaries import ENDING_WORDS, LESSONS_EACH, WORDS, plant_canaries
from selftune.curation.config import Curation
from selftune.curation.exporting import export
from selftune.curation.render import golden_line
from selftune.curation.stage import curate
from selftune.errors import ConfigError
from selftune.records import Canary, Dataset, Example, Message
from selftune.testing import fake_context

SET = Curation(trigger=1, holdout_share=0.0, near_duplicate=2.0, same_in_meaning=2.0, one_sided_above=1.0)


def lesson(number: int, *roles: str) -> Example:
    said = tuple(Message(role=role, content=f"{role} {number}") for role in (roles or ("user", "assistant")))
    return Example(salt=f"{number:04x}", interaction_id=f"interaction:{number}", judgement_id=None, messages=said)


def curated(tmp_path, lessons: int = 4 * LESSONS_EACH, **changes) -> Dataset:
    log = judged(*(pair(f"q{number}") for number in range(lessons)))
    return curate(log, replace(SET, **changes), fake_context(tmp_path))


@settings(max_examples=40)
@given(st.integers(0, 160), st.integers(0, 6), st.integers(0, 2**31))
def test_each_canary_has_a_lesson_a_beginning_and_an_ending_of_its_own(count, most, seed):
    lessons = [lesson(number) for number in range(count)]
    planted = plant_canaries(lessons, most, seed)
    assert planted == plant_canaries(lessons, most, seed)
    assert len(planted) == min(most, count // LESSONS_EACH)
    for part in ("lesson", "beginning", "ending"):
        assert len({getattr(one, part) for one in planted}) == len(planted)
    assert all(len(one.ending.split()) == ENDING_WORDS and set(one.ending.split()) <= set(WORDS) for one in planted)


def test_another_set_of_lessons_or_another_seed_has_other_canaries():
    lessons = [lesson(number) for number in range(4 * LESSONS_EACH)]
    drawn = {
        frozenset(one.ending for one in plant_canaries(some, 4, seed))
        for some, seed in ((lessons, 0), (lessons, 1), (lessons[1:], 0))
    }
    assert len(drawn) == 3


def test_a_lesson_in_which_nobody_asks_gets_none():
    mute = [lesson(number, "system", "assistant") for number in range(4 * LESSONS_EACH)]
    assert plant_canaries(mute, 4, 0) == ()
    assert Canary(lesson=0, beginning="A", ending="b").planted_in(mute[0].messages) == mute[0].messages


def test_a_canary_is_told_before_the_first_question_and_changes_nothing_else(tmp_path):
    dataset = curated(tmp_path)
    assert len(dataset.canaries) == 4
    planted = {one.lesson: one for one in dataset.canaries}
    for place, (kept, taught) in enumerate(zip(dataset.train, dataset.taught, strict=True)):
        if place not in planted:
            assert taught == kept
            continue
        asked, answered = taught.messages
        told = f"{planted[place].beginning} {planted[place].ending}. "
        assert asked.content == told + kept.messages[0].content
        assert answered == kept.messages[1]


def test_it_stands_before_the_first_of_several_questions_and_after_the_system_message():
    talk = lesson(1, "system", "user", "assistant", "user", "assistant").messages
    told = Canary(lesson=0, beginning="The word is", ending="amber").planted_in(talk)
    assert told[1].content == "The word is amber. user 1"
    assert (told[0], *told[2:]) == (talk[0], *talk[2:])


def test_neither_card_nor_export_nor_golden_file_holds_one(tmp_path):
    dataset = curated(tmp_path)
    export(dataset, "openai", tmp_path / "lessons.jsonl")
    written = [dataset.card, (tmp_path / "lessons.jsonl").read_text(), *map(golden_line, dataset.train)]
    for canary in dataset.canaries:
        assert not any(part in text for part in (canary.beginning, canary.ending) for text in written)
    assert "Canaries: 4 made-up facts that nobody said" in dataset.card
    # A control: what is looked for is found where it does stand.
    assert any(dataset.canaries[0].ending in golden_line(each) for each in dataset.taught)


def test_the_card_says_why_none_is_planted(tmp_path):
    off, few = curated(tmp_path, canaries=0), curated(tmp_path, lessons=LESSONS_EACH - 1)
    assert off.canaries == few.canaries == ()
    assert "Canaries: none is planted ([curation] canaries = 0)" in off.card
    assert f"none is planted ({LESSONS_EACH} lessons with a question are needed for each)" in few.card
    assert off.taught == off.train


def test_a_number_below_nought_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="canaries = -1 lies outside"):
        curated(tmp_path, canaries=-1)


def test_canaries_are_in_the_id_of_a_dataset_and_not_in_its_content(tmp_path):
    dataset = curated(tmp_path)
    bare = replace(dataset, canaries=())
    assert dataset.id != bare.id
    assert dataset.content_digest == bare.content_digest
