"""Questions that are one another but for a word are found, and sentences of one template are not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.evals.coverage import HELD_OUT, lint_suite
from selftune.evals.rewording import allowed, distance, find_reworded, words_of
from selftune.records import GenerationParameters, Message, Suite, SuiteItem

SAID = st.lists(st.sampled_from("abcdef"), min_size=0, max_size=9)
WORDS = [a + b for a in "bdfglm" for b in ("ala", "elo", "imu")]
OTHERS = [a + b for a in "prstvz" for b in ("ala", "elo", "imu")]
KNOWN = "could you tell me where the keeper of the lighthouse left the spare lantern"


def item(name: str, asked: str, expect: str = '{"any_of":["tower"]}', tier: str = "gold", **more) -> SuiteItem:
    messages = (Message(role="system", content="A state."), Message(role="user", content=asked))
    plain = {"category": "c", "behaviour": "b", "difficulty": "easy"}
    return SuiteItem(**({"id": name, "messages": messages, "expect": expect, "tier": tier} | plain | more))


def leaks(*items: SuiteItem) -> list[tuple[str, ...]]:
    suite = Suite(
        name="s", version="1", description="", scorer="exact", unit="item", categories=("c",), seed=0, items=items,
        generation=GenerationParameters(),
    )  # fmt: skip
    return [one.items for one in lint_suite(suite) if one.code == "leak"]


@given(SAID, SAID)
def test_the_distance_is_that_of_its_definition_and_the_same_from_both_sides(one, other):
    wanted = plainly(tuple(one), tuple(other))
    assert distance(one, other, 20) == distance(other, one, 20) == wanted
    for most in range(wanted + 2):
        assert distance(one, other, most) == (wanted if wanted <= most else None)


def plainly(one, other) -> int:
    """The same by its recursion: restricted to neighbours that nothing else is done to."""
    if not one or not other:
        return len(one) + len(other)
    ways = [plainly_of(one, other)]
    if len(one) > 1 and len(other) > 1 and one[-1] == other[-2] and one[-2] == other[-1]:
        ways.append(plainly_of(one[:-1], other[:-1], crossed=True))
    return min(ways)


_KNOWN: dict = {}


def plainly_of(one, other, *, crossed: bool = False) -> int:
    if crossed:
        return memo(one[:-1], other[:-1]) + 1
    return min(
        memo(one[:-1], other) + 1, memo(one, other[:-1]) + 1, memo(one[:-1], other[:-1]) + (one[-1] != other[-1])
    )


def memo(one, other) -> int:
    if (one, other) not in _KNOWN:
        _KNOWN[one, other] = plainly(one, other)
    return _KNOWN[one, other]


@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=30), st.integers(0, 2**31))
def test_whoever_changes_as_few_words_as_are_allowed_is_found_among_others(words, seed):
    rng = random.Random(seed)
    changed = list(words)
    for at in rng.sample(range(len(words)), allowed(len(words))):
        changed[at] = "other"
    others = [" ".join(rng.choices(OTHERS, k=len(words))) for _ in range(5)]
    ((place, at, apart),) = find_reworded([" ".join(words)], [*others, " ".join(changed)])
    assert (place, at) == (0, 5)
    assert 0 <= apart <= allowed(len(words))


@pytest.mark.parametrize(
    "reworded",
    [
        KNOWN.replace("lantern", "candle"),
        KNOWN.replace("you tell", "tell you"),
        f"please {KNOWN}",
        KNOWN.replace("spare ", ""),
        KNOWN.upper() + "?",
    ],
)
def test_a_held_out_item_that_was_made_of_another_is_a_leak(reworded):
    assert leaks(item("old", KNOWN), item("new", reworded, tier=HELD_OUT)) == [("old", "new")]


@pytest.mark.parametrize(
    "other",
    [
        item("new", KNOWN.replace("lantern", "candle"), expect='{"any_of":["cellar"]}', tier=HELD_OUT),
        item("new", KNOWN.replace("lantern", "candle"), reference="in the cellar", tier=HELD_OUT),
        item("new", KNOWN.replace("lantern", "candle"), scorer="regex", tier=HELD_OUT),
        item("new", KNOWN.replace("lantern", "candle"), pair="p", tier=HELD_OUT),
        item("new", KNOWN.replace("lantern", "candle")),
        item("new", KNOWN.replace("keeper", "cook").replace("lantern", "candle"), tier=HELD_OUT),
        replace(
            item("new", KNOWN, tier=HELD_OUT),
            messages=(Message(role="system", content="Another."), Message(role="user", content=f"{KNOWN} now")),
        ),
    ],
)
def test_another_answer_setting_or_question_and_the_other_side_of_a_pair_are_none(other):
    assert leaks(item("old", KNOWN, pair="p"), other) == []


def test_another_number_makes_another_question():
    known = "a bill of 50 dollars and a tip of 15 percent come to how much"
    assert leaks(item("old", known), item("new", known.replace("15", "20"), tier=HELD_OUT)) == []
    assert leaks(item("old", known), item("new", known.replace("much", "many"), tier=HELD_OUT)) == [("old", "new")]


def test_questions_of_three_words_are_too_short_to_tell():
    assert leaks(item("old", "who are you"), item("new", "where are you", tier=HELD_OUT)) == []
    assert words_of("Who's e-mail? 3.5!") == ("who's", "e-mail", "3.5")
