"""A dataset says how much it is in tokens, and when its mixture repeats what is known to have harmed a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from curation_pairs import judged, pair

from selftune.curation.card.known_harm import warn_of_known_harm
from selftune.curation.card.tokens import conversations_of
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.records import DatasetKind, Example, KindCount, Message
from selftune.testing import fake_context

SET = Curation(trigger=1, holdout_share=0.0)
SAID = (Message(role="user", content="Who are you?"), Message(role="assistant", content="Lark."))


def count_words(conversations) -> list[int]:
    """A counter whose tokens are words."""
    return [sum(len(message.content.split()) for message in messages) for messages in conversations]


def test_record_and_card_hold_the_tokens_of_the_lessons_alone(tmp_path):
    log = judged(
        pair("a", "Who are you?", "I am Lark."), pair("b", "Where?", "Nowhere at all."), pair("c", overall=1.0)
    )
    dataset = curate(log, SET, replace(fake_context(tmp_path), count_tokens=count_words))
    assert dataset.tokens == 3 + 3 + 1 + 3
    assert "10 tokens by the base's own template, 5 a lesson." in dataset.card


def test_nobody_who_counts_is_told_and_is_no_zero(tmp_path):
    dataset = curate(judged(pair("a")), SET, fake_context(tmp_path))
    assert dataset.tokens is None
    assert "Tokens: not counted" in dataset.card


def test_of_a_pair_both_conversations_are_read():
    lesson = Example(salt="s", interaction_id="i", judgement_id=None, messages=SAID, rejected="I am nobody at all.")
    one, other = conversations_of([lesson])
    assert one == SAID
    assert other == (SAID[0], Message(role="assistant", content="I am nobody at all."))


def test_a_mixture_that_repeats_one_kind_twice_is_warned_of_with_the_figure(tmp_path):
    few = [pair(f"f{n}", f"Where is {n}?", f"In place {n}.", criterion="field") for n in range(10)]
    many = [pair(f"t{n}", f"How is {n}?", f"Well, as {n} is.", criterion="tone") for n in range(20)]
    mixture = (("field", 0.5), ("tone", 0.5))
    doubled = curate(judged(*few, *many), replace(SET, mixture=mixture, most_repeats=2), fake_context(tmp_path))
    assert {kind.name: (kind.before, kind.after) for kind in doubled.kinds} == {"tone": (20, 20), "field": (10, 20)}
    assert "**Warning**: field stands in it 2.0 times as often as the log gives it." in doubled.card
    assert "from 7.79 to 7.00 of 10" in doubled.card
    assert "Warning" not in curate(judged(*few, *many), SET, fake_context(tmp_path)).card


@pytest.mark.parametrize(("after", "warned"), [(19, False), (20, True), (5, False)])
def test_the_warning_begins_where_the_published_run_stood(after, warned):
    assert bool(warn_of_known_harm([KindCount(name="k", before=10, after=after)])) == warned
    assert not warn_of_known_harm([KindCount(name="k", before=0, after=after)])


def test_pairs_count_their_rejected_answers_too(tmp_path):
    good = pair("a", "Who are you?", "I am Lark, a gardener by trade.", overall=5.0)
    bad = pair("b", "Who are you?", "I am a thing that talks.", overall=1.0)
    config = replace(SET, kind=DatasetKind.PREFERENCE)
    dataset = curate(judged(good, bad), config, replace(fake_context(tmp_path), count_tokens=count_words))
    assert dataset.tokens == 3 + 7 + 3 + 6


def test_a_second_night_counts_what_is_new_alone_and_forgets_what_is_no_lesson_any_more(tmp_path):
    asked: list[int] = []

    def count(conversations):
        asked.append(len(conversations))
        return count_words(conversations)

    context = replace(fake_context(tmp_path), count_tokens=count, notes=tmp_path / "notes")
    first, second, third = (pair(name, f"Where is {name}?", f"In place {name}.") for name in ("a", "b", "c"))
    assert curate(judged(first, second), SET, context).tokens == 2 * (3 + 3)
    assert curate(judged(first, second, third), SET, context).tokens == 3 * (3 + 3)
    assert asked == [2, 1]
    assert curate(judged(third), SET, context).tokens == 3 + 3
    assert curate(judged(first), SET, context).tokens == 3 + 3
    assert asked == [2, 1, 0, 1]
    assert b"place" not in (tmp_path / "notes" / "tokens.db").read_bytes()


def test_another_tokenizer_counts_anew(tmp_path):
    context = replace(fake_context(tmp_path), count_tokens=count_words, notes=tmp_path / "notes")
    log = judged(pair("a", "Where?", "Here."))
    assert curate(log, SET, context).tokens == 2
    base = replace(context.base, tokenizer_digest="other")
    other = replace(context, base=base, count_tokens=lambda said: [7 for _ in said])
    assert curate(log, SET, other).tokens == 7
