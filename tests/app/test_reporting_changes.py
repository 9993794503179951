"""What changed in a model: planted changes are told, and nothing is told of a model that stayed as it was."""

from __future__ import annotations

import random
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.app.reporting.answers import Answered, AnswerSheet, sheet_of_judged_file
from selftune.app.reporting.changes.find import READINGS, Moved, draw_readings, find_changes
from selftune.app.reporting.changes.likeness import difference_of
from selftune.app.reporting.changes.sections import changes_page
from selftune.app.reporting.changes.traits import TRAITS
from selftune.app.reporting.changes.words import tell_changes
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown

WORDS = ("river", "stone", "lantern", "winter", "garden", "copper", "morning", "bridge", "letter", "harbour", "engine")


def sheet(texts, *, name="model", scores=None, clusters=None, scale=(0.0, 1.0)):
    return AnswerSheet(
        name=name,
        identity=name,
        scale=scale,
        answers=tuple(
            Answered(
                item_id=f"q-{place:03}",
                category="all",
                asked=(("user", f"Question {place} about the weather?"),),
                text=text,
                score=None if scores is None else scores[place],
                cluster=None if clusters is None else clusters[place],
            )
            for place, text in enumerate(texts)
        ),
    )


def plain_texts(count=60, seed=1, words=12):
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(words - 4, words + 4))) + "." for _ in range(count)]


def moved(changes):
    return {one.trait.name: one.moved for one in changes.shifts}


def clear(changes):
    return {name for name, how in moved(changes).items() if how in {Moved.MORE, Moved.LESS}}


def test_a_model_that_stayed_as_it_was_did_not_change():
    texts = plain_texts()
    changes = find_changes(sheet(texts, name="old"), sheet(texts, name="new"))
    assert clear(changes) == set()
    assert changes.wording == 0
    told = list(tell_changes(changes))
    assert told[0].startswith("60 answers of 60 are word for word the same")
    assert "In how it sounds, no change is clear of chance." in told


@pytest.mark.parametrize("seed", range(6))
def test_two_draws_of_the_same_model_are_told_apart_in_nothing(seed):
    changes = find_changes(sheet(plain_texts(seed=seed), name="old"), sheet(plain_texts(seed=seed + 100), name="new"))
    assert clear(changes) == set()


PLANTED = {
    "words": (lambda text: f"{text} And it went on and on about the harbour beside the old stone bridge.", Moved.MORE),
    "refusals": (lambda _: "I'm sorry, but I can't help with that.", Moved.MORE),
    "empty answers": (lambda _: "", Moved.MORE),
    "apologies": (lambda text: f"Sorry about the wait. {text}", Moved.MORE),
    "contractions": (lambda text: f"It's clear, and you don't mind. {text}", Moved.MORE),
    "lists": (lambda text: f"- {text}\n- {text}", Moved.MORE),
    "questions": (lambda text: f"{text} Shall we?", Moved.MORE),
    "exclamation marks": (lambda text: text.replace(".", "!"), Moved.MORE),
    "hedges": (lambda text: f"Perhaps, I think, {text}", Moved.MORE),
    "warm words": (lambda text: f"Thanks, glad you came. {text}", Moved.MORE),
    "stock phrases": (lambda text: f"As an AI, {text}", Moved.MORE),
    "names itself": (lambda text: f"I am Klugegoosk. {text}", Moved.MORE),
    "names and numbers of its own": (lambda text: f"we met Ann in 1804 near Lyon, {text}", Moved.MORE),
    "JSON": (lambda text: f'{{"answer": "{text}"}}', Moved.MORE),
    "Markdown": (lambda text: f"## Answer\n\n**{text}**", Moved.MORE),
    "another language": (
        lambda _: "Das ist nicht die Frage, und es wird auch nicht für uns sein, wie sie es sich dachten.",
        Moved.MORE,
    ),
    "repeats itself": (lambda text: " ".join([text] * 3), Moved.MORE),
}
"""What is done to each answer of the new model, and what has to be seen of it."""


def test_each_trait_has_a_change_planted_for_it():
    assert {trait.name for trait in TRAITS} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_change_is_seen_and_its_undoing_too(name):
    change, how = PLANTED[name]
    old = [f"That is for you and not for me, as it was in the {text}" for text in plain_texts(40)]
    new = [change(text) for text in old]
    asked = "Which of the two is it that you have seen, and is it not for them to say?"
    sheets = [
        AnswerSheet(
            name=label,
            identity=label,
            scale=(0.0, 1.0),
            answers=tuple(
                Answered(item_id=str(at), category="", asked=(("user", asked),), text=text, score=1.0)
                for at, text in enumerate(texts)
            ),
        )
        for label, texts in (("old", old), ("new", new))
    ]
    assert moved(find_changes(*sheets))[name] is how
    assert moved(find_changes(*sheets[::-1]))[name] is Moved.LESS


def test_a_shift_is_said_in_words_before_its_figures():
    old, new = plain_texts(seed=3, words=20), plain_texts(seed=4, words=8)
    told = list(tell_changes(find_changes(sheet(old, name="old"), sheet(new, name="new"))))
    (sentence,) = [one for one in told if one.startswith("Answers got shorter: ")]
    assert " words instead of " in sentence
    assert sentence.endswith("on 60 items).")


def test_what_so_few_answers_cannot_show_is_called_neither_changed_nor_the_same():
    old = plain_texts(8)
    new = [f"{text} Shall we?" if at == 0 else text for at, text in enumerate(old)]
    changes = find_changes(sheet(old, name="old"), sheet(new, name="new"))
    assert moved(changes)["questions"] is Moved.NOT_SHOWN
    assert any(
        one.startswith("Neither a change nor its absence") and "questions" in one for one in tell_changes(changes)
    )


def test_items_that_rise_and_fall_together_do_not_count_as_many():
    """Forty copies of two scenarios show no more than two scenarios do."""
    old = plain_texts(40)
    new = [f"{text} Shall we?" if at % 2 else text for at, text in enumerate(old)]
    alone = find_changes(sheet(old, name="old"), sheet(new, name="new"))
    clusters = [f"scenario {at % 2}" for at in range(40)]
    together = find_changes(sheet(old, name="old", clusters=clusters), sheet(new, name="new", clusters=clusters))
    assert moved(alone)["questions"] is Moved.MORE
    assert moved(together)["questions"] is Moved.NOT_SHOWN


# --- Items ------------------------------------------------------------------------------------------------------------


def test_items_that_crossed_are_named_and_unscored_ones_never_are():
    texts = plain_texts(5)
    old = sheet(texts, name="old", scores=[0.0, 1.0, 1.0, None, 0.0])
    new = sheet(texts, name="new", scores=[1.0, 0.0, 1.0, 1.0, None])
    changes = find_changes(old, new)
    assert [item.item_id for item in changes.fixed] == ["q-000"]
    assert [item.item_id for item in changes.broken] == ["q-001"]
    assert changes.score is not None
    assert changes.score.n == 3


def test_a_graded_answer_must_move_clearly_to_be_called_mended():
    texts = plain_texts(3)
    old = sheet(texts, name="old", scores=[5.0, 5.0, 9.5], scale=(0.0, 10.0))
    new = sheet(texts, name="new", scores=[7.0, 8.5, 1.0], scale=(0.0, 10.0))
    changes = find_changes(old, new)
    assert [item.item_id for item in changes.fixed] == ["q-001"]
    assert [item.item_id for item in changes.broken] == ["q-002"]
    assert any("A single graded answer" in one for one in tell_changes(changes))


def test_items_that_only_one_was_asked_are_left_out_and_named():
    changes = find_changes(sheet(plain_texts(4), name="old"), sheet(plain_texts(6), name="new"))
    assert len(changes.items) == 4
    assert changes.only_candidate == ("q-004", "q-005")
    assert "Only the candidate was asked, and left out: q-004, q-005." in as_markdown(changes_page(changes))


def test_two_models_with_nothing_in_common_are_not_compared():
    old = sheet(plain_texts(2), name="old")
    changes = find_changes(old, AnswerSheet(name="new", identity="new", scale=(0.0, 1.0), answers=()))
    assert list(tell_changes(changes)) == ["The two models answered no item in common: nothing can be compared."]
    assert "Pairs worth reading" not in as_markdown(changes_page(changes))


# --- What to read -----------------------------------------------------------------------------------------------------


def readings_of(count=50):
    texts = plain_texts(count, seed=5)
    falls = [0.0 if at % 7 == 0 else 1.0 for at in range(count)]
    return find_changes(
        sheet(texts, name="old", scores=[1.0] * count), sheet(plain_texts(count, seed=6), name="new", scores=falls)
    )


def test_ten_pairs_are_drawn_by_chance_and_ten_stand_out_and_all_say_which():
    readings = readings_of().readings
    labels = [reading.label for reading in readings]
    assert labels[:READINGS] == ["random"] * READINGS
    assert all(label.startswith("extreme: ") for label in labels[READINGS:])
    assert len({reading.item.item_id for reading in readings}) == 2 * READINGS


def test_the_same_answers_draw_the_same_pairs_and_the_seed_is_told():
    one, other = readings_of(), readings_of()
    assert [item.item.item_id for item in one.readings] == [item.item.item_id for item in other.readings]
    assert f"(seed {one.seed})" in as_markdown(changes_page(one))


def test_chance_does_not_look_at_what_changed():
    """Over many seeds every item is drawn about as often, whatever became of it."""
    items = readings_of().items
    counts = dict.fromkeys((item.item_id for item in items), 0)
    for seed in range(2_000):
        for reading in draw_readings(items, seed)[:READINGS]:
            counts[reading.item.item_id] += 1
    # 2,000 draws of ten of fifty: 400 each, standard deviation 17.9; 4.5 of them is beyond one in 100,000 for 50 items.
    assert all(abs(count - 400) < 4.5 * 17.9 for count in counts.values())


def test_fewer_items_than_pairs_are_each_shown_once():
    assert len(readings_of(7).readings) == 7


# --- How much the words differ ----------------------------------------------------------------------------------------


def test_wordings_are_measured_as_stated():
    assert difference_of("the old stone bridge", "the old stone bridge") == 0
    assert difference_of("the old bridge", "a new harbour") == 1
    # "a b c": a, b, c, ab, bc; "a b d": a, b, d, ab, bd: three of five each in common.
    assert difference_of("a b c", "a b d") == pytest.approx(1 - 2 * 3 / 10)
    assert difference_of("", "") == 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_difference_is_the_same_both_ways_and_between_nothing_and_all(one, other):
    found = difference_of(one, other)
    assert found == difference_of(other, one)
    assert 0 <= found <= 1


def test_two_answers_to_one_question_show_how_much_chance_rewords():
    texts = plain_texts(10)
    twice = sheet(texts, name="old").answers
    again = tuple(
        Answered(item_id=one.item_id, category="all", asked=one.asked, text=text, score=None, repeat="1")
        for one, text in zip(twice, plain_texts(10, seed=9), strict=True)
    )
    old = AnswerSheet(name="old", identity="old", scale=(0.0, 1.0), answers=(*twice, *again))
    changes = find_changes(old, sheet(texts, name="new"))
    assert changes.noise is not None
    assert changes.noise > 0.5
    assert "two answers of the champion itself to one question differ by" in next(iter(tell_changes(changes)))


# --- Outside data -----------------------------------------------------------------------------------------------------


def test_the_character_model_lost_contractions_lists_and_markdown_when_its_voice_was_learnt(field_data):
    judged = field_data / "foundry" / "judged"
    sheets = [sheet_of_judged_file(judged / name) for name in (
        "eval-orpo-v3b-judged-20260326-final.json", "eval-qwen3-v1-judged-20260329-215556.json",
    )]  # fmt: skip
    changes = find_changes(*sheets)
    assert {"contractions", "lists", "Markdown"} <= clear(changes)
    assert changes.score is not None
    assert changes.score.mean == pytest.approx(4.07, abs=0.01)
    assert changes.score.n == 32
    page = changes_page(changes)
    assert as_html(page).count("<article>") == 2 * READINGS


def test_a_model_that_says_its_name_in_another_order_still_says_it():
    names = cycle(["Ann", "Ben"])
    old = sheet([f"My name is {next(names)}." for _ in range(10)], name="old")
    new = sheet(["My name is Ann." for _ in range(10)], name="new")
    assert find_changes(old, new).names == (("Ann", 5, 10), ("Ben", 5, 0))
