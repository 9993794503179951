"""The hold-out is drawn first and stays; near-duplicates go, different facts stay."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
from curation_pairs import judged, pair
from hypothesis import given
from hypothesis import strategies as st

from selftune.bases.reference.language import draw_prompts, golden_answer
from selftune.curation.config import Curation
from selftune.curation.holdout import cluster_conversations, draw_holdout
from selftune.curation.likeness.near import Fingerprint, NearDuplicates, fingerprint, jaccard, likenesses, shingles_of
from selftune.curation.likeness.twins import AtHand
from selftune.curation.stage import curate
from selftune.records import Message
from selftune.testing import fake_context

TEXT = (
    "The harbour master writes every arrival into a green book, closes it at noon, and sends a copy to the customs "
    "house before the second bell, so that nobody can say later that a ship came in unseen while the fog was thick."
)


def said(text: str, system: str | None = None) -> tuple[Message, ...]:
    opening = () if system is None else (Message(role="system", content=system),)
    return (*opening, Message(role="user", content=text))


def alike(first: str, second: str, threshold: float = 0.8) -> bool:
    return bool(list(likenesses([fingerprint(said(text), None) for text in (first, second)], threshold)))


@pytest.mark.parametrize(
    "other",
    [
        TEXT,
        TEXT.replace(", ", " ,  "),
        TEXT.replace("every arrival", "each arrival"),
        TEXT + " Always.".lower(),
    ],
)
def test_a_near_duplicate_is_found(other):
    assert alike(TEXT, other)


@pytest.mark.parametrize(
    ("old", "new"),
    [("harbour", "Kelva"), ("noon", "12"), ("green book", '"green book"'), ("second bell", "2nd bell")],
)
def test_one_different_fact_makes_a_different_text(old, new):
    assert not alike(TEXT, TEXT.replace(old, new))


def test_the_same_words_under_another_state_are_another_lesson():
    one, other = (
        fingerprint(said("Run email.", f"== STATE == {state} == END STATE =="), state) for state in ("{}", "[]")
    )
    assert list(likenesses([one, other], 0.5)) == []


def test_above_one_only_equal_texts_count_as_one():
    assert alike(TEXT, TEXT, 2.0)
    assert not alike(TEXT, TEXT.replace("every arrival", "each arrival"), 2.0)


@given(st.lists(st.text("abc ", min_size=1, max_size=12), max_size=14), st.sampled_from([0.5, 0.7, 0.9, 1.0]))
def test_the_join_finds_exactly_the_pairs_that_comparing_all_finds(texts, threshold):
    distinct = list(dict.fromkeys(shingles_of(text.split()) for text in texts))
    found = {(one.first, one.second) for one in likenesses([Fingerprint("f", item) for item in distinct], threshold)}
    expected = {
        (first, second)
        for second in range(len(distinct))
        for first in range(second)
        if jaccard(distinct[first], distinct[second]) >= threshold
    }
    assert found == expected


def test_on_the_demos_language_no_different_fact_is_thrown_away_where_plain_similarity_would():
    """The threshold, measured: 400 prompts of the demo with their right answers, every one a lesson of its own."""
    lessons = [
        (
            Message(role="system", content=prompt.system),
            Message(role="user", content=prompt.user),
            Message(role="assistant", content=golden_answer(prompt)),
        )
        for prompt in draw_prompts(1, 400, "demo")
    ]
    ours = [fingerprint(lesson, None) for lesson in lessons]
    turns = ["\n".join(message.content for message in lesson[1:]).split() for lesson in lessons]
    plain = [Fingerprint("", shingles_of(words)) for words in turns]
    lost = {
        threshold: tuple(len({one.second for one in likenesses(prints, threshold)}) for prints in (ours, plain))
        for threshold in (0.9, 0.8, 0.7)
    }
    print(f"\nthreshold: (lost by ours, lost by similarity of the turns alone), of 400: {lost}")  # noqa: T201 - the figure
    assert all(by_ours == 0 for by_ours, _ in lost.values())
    assert lost[0.9][1] > 0  # the control: without the facts, different lessons do get lost


def test_curation_keeps_the_better_of_two_near_duplicates(tmp_path):
    worse = pair("a", TEXT, "Yes, that is what he does with it.", 4.6)
    better = pair("b", TEXT.replace("every arrival", "each arrival"), "Yes, that is what he does with it.", 4.9)
    dataset = curate(judged(worse, better), Curation(trigger=1, holdout_share=0), fake_context(tmp_path))
    assert [example.interaction_id for example in dataset.train] == [better.interaction.id]
    (reject,) = dataset.rejects
    assert re.match(rf"near-duplicate: 0\.8\d like {better.interaction.id}", reject.reason)


def test_three_that_resemble_in_a_chain_leave_no_two_that_are_alike(tmp_path):
    words = TEXT.lower().split()
    texts = [" ".join(words[start : start + 30]) for start in (0, 1, 2)]
    pairs = [pair(str(place), text, "yes", 5.0) for place, text in enumerate(texts)]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0, near_duplicate=0.8), fake_context(tmp_path))
    prints = [fingerprint(example.messages, None) for example in dataset.train]
    assert list(likenesses(prints, 0.8)) == []
    assert len(dataset.train) >= 1


def ids(pairs) -> set[str]:
    return {item.interaction.id for item in pairs}


def logs(count: int, prefix: str = "c"):
    return [pair(f"{prefix}{number}", f"Question number {number}?") for number in range(count)]


def test_the_holdout_is_about_its_share_and_blind_to_the_judge():
    good = logs(2000)
    split = draw_holdout(good, 0.1, 0, 0.9)
    assert len(split.pool) + len(split.held) == 2000
    assert 165 <= len(split.held) <= 236  # 99 % binomial limits of 2,000 at 0.1
    bad = [pair(item.interaction.position, f"Question number {n}?", overall=1.0) for n, item in enumerate(good)]
    held_again = draw_holdout(bad, 0.1, 0, 0.9).held
    assert [item.interaction.id for item in held_again] == [item.interaction.id for item in split.held]


def test_what_was_held_out_stays_held_out_when_the_log_grows():
    first = logs(300)
    grown = [*first, *logs(300, "later")]
    before, after = (draw_holdout(log, 0.2, 0, 0.9, clean_room_share=0.3) for log in (first, grown))
    assert ids(before.held) <= ids(after.held)
    assert ids(before.clean_room) <= ids(after.clean_room)


def test_another_holdout_seed_draws_another_one():
    first, second = (draw_holdout(logs(300), 0.2, seed, 0.9).held for seed in (0, 1))
    assert ids(first) != ids(second)


def test_a_fixed_share_of_the_holdout_lies_in_the_clean_room_and_moves_nothing_else():
    without, split = (draw_holdout(logs(3000), 0.3, 0, 0.9, clean_room_share=share) for share in (0.0, 0.2))
    assert split.pool == without.pool
    assert ids(split.held) | ids(split.clean_room) == ids(without.held)
    assert not ids(split.held) & ids(split.clean_room)
    held = len(without.held)
    assert abs(len(split.clean_room) - 0.2 * held) <= 2.58 * (held * 0.2 * 0.8) ** 0.5  # 99 % binomial limit


def test_the_clean_room_is_learnt_from_by_nobody_and_shown_in_no_split(tmp_path):
    dataset = curate(judged(*logs(300)), Curation(trigger=1, holdout_share=0.4), fake_context(tmp_path))
    assert len(dataset.clean_room) > 10
    shown = {example.interaction_id for example in (*dataset.train, *dataset.holdout)}
    assert not shown & set(dataset.clean_room)
    assert len(shown) + len(dataset.clean_room) == 300


def test_a_cluster_of_near_duplicate_prompts_is_never_split():
    rng = Random(0)
    pairs = []
    for number in range(60):
        text = " ".join(rng.choices(TEXT.lower().split(), k=40))
        pairs += [
            pair(f"{number}a", text),
            pair(f"{number}b", f"{text} indeed"),
            pair(f"{number}c", conversation=f"{number}b"),
        ]
    clusters = cluster_conversations(pairs, AtHand(NearDuplicates(0.9)))
    assert len(set(clusters.values())) == 60
    split = draw_holdout(pairs, 0.5, 0, 0.9, clean_room_share=0.3)
    parts = [{item.interaction.position[:-1] for item in part} for part in (split.pool, split.held, split.clean_room)]
    assert all(parts)
    assert sum(map(len, parts)) == 60


def test_answers_drawn_again_are_held_out_with_the_prompt_they_answer(tmp_path):
    pairs = [pair(f"{p}-{n}", f"Prompt {p}?", f"{p} {n}", conversation=f"{p}") for p in range(60) for n in range(4)]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0.3), fake_context(tmp_path))
    held = {example.messages[0].content for example in dataset.holdout}
    assert held
    assert not held & {example.messages[0].content for example in dataset.train}
    assert len(dataset.holdout) == 4 * len(held)


def test_the_holdout_holds_what_was_not_golden_too(tmp_path):
    pairs = [pair(str(number), overall=5.0 if number % 2 else 1.0) for number in range(200)]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0.3), fake_context(tmp_path))
    score = {item.interaction.id: item.judgement.overall for item in pairs}
    assert {score[example.interaction_id] for example in dataset.holdout} == {1.0, 5.0}
    assert json.dumps(dataset.card)
