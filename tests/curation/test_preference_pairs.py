"""Which answers become pairs, on whose word, and what is ruled out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from curation_pairs import pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.config import Curation
from selftune.curation.filters import NoControlTokens
from selftune.curation.preference.pairs import (
    NO_RIVAL,
    PASSED_OVER,
    Paired,
    PairingRules,
    pair_up,
    pairing_rules,
    reject_partners,
)
from selftune.curation.preference.style import contrast_sides, count_contractions, length_gap
from selftune.curation.rejects import Rejects
from selftune.records import Feedback, JudgeIdentity, Message, Rejected, ToolCall

ANY_LENGTH = PairingRules(length_ratio=1000)


def paired(*pairs, rules=ANY_LENGTH, filters=()) -> tuple[Paired, dict[str, str]]:
    rejects = Rejects()
    return pair_up(pairs, rules, filters, rejects), {one.interaction_id: one.reason for one in rejects.listed()}


def sides(outcome: Paired) -> list[tuple[str, str | None]]:
    return [(item.messages[-1].content, item.rejected) for item in outcome.candidates]


def said(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


def test_a_correction_is_chosen_before_the_answer_it_corrects():
    outcome, rejects = paired(pair("a", "Who?", "I am Tuwa.", None, feedback=Feedback(correction="I am Brigo.")))
    assert sides(outcome) == [("I am Brigo.", "I am Tuwa.")]
    (item,) = outcome.candidates
    assert item.taught_by == "person"
    assert item.pairing.verdict == "correction"
    assert item.pairing.rejected_by == "some-model"
    assert not rejects


def test_what_was_swiped_away_in_mid_conversation_is_a_pair_on_what_stood_before_it():
    turns = (
        Message(role="user", content="One?"),
        *said("Kept one."),
        Message(role="user", content="Two?"),
        *said("Second answer."),
    )
    item = pair(
        "a", turns[:3], "Second answer.", rejected=(Rejected(at=1, messages=said("Swiped."), generated_by="m"),)
    )
    outcome, _ = paired(item)
    assert sides(outcome) == [("Kept one.", "Swiped.")]
    assert [message.content for message in outcome.candidates[0].messages] == ["One?", "Kept one."]
    assert outcome.candidates[0].pairing.rejected_by == "m"


def test_a_pair_of_a_file_needs_no_judge():
    item = pair("a", "Who?", "Good.", None, reason="not a state log", rejected=(Rejected(at=1, messages=said("Bad.")),))
    outcome, _ = paired(item)
    assert sides(outcome) == [("Good.", "Bad.")]
    assert outcome.candidates[0].pairing.verdict == "choice"
    assert outcome.candidates[0].pairing.margin is None


def test_thumbs_up_beats_thumbs_down_on_the_same_prompt_only():
    up = pair("a", "Who?", "Nice.", None, feedback=Feedback(thumbs=1))
    down = pair("b", "Who?", "Rude.", None, feedback=Feedback(thumbs=-1))
    elsewhere = pair("c", "Where?", "There.", None, feedback=Feedback(thumbs=-1))
    outcome, rejects = paired(up, down, elsewhere)
    assert sides(outcome) == [("Nice.", "Rude.")]
    assert outcome.candidates[0].pairing.verdict == "thumbs"
    assert rejects == {elsewhere.interaction.id: NO_RIVAL}


def test_the_best_judged_answer_is_set_against_the_worst():
    pairs = [pair(str(score), "Who?", f"Answer {score}.", score) for score in (3.0, 5.0, 1.0, 4.0)]
    outcome, rejects = paired(*pairs)
    assert sides(outcome) == [("Answer 5.0.", "Answer 1.0.")]
    assert outcome.candidates[0].pairing.margin == 4.0
    assert outcome.candidates[0].pairing.clear
    assert list(rejects.values()) == [PASSED_OVER, PASSED_OVER]


@pytest.mark.parametrize(("rival", "stands"), [(4.5, False), (4.4, True), (4.9, False)])
def test_a_margin_within_the_judge_s_noise_is_no_pair(rival, stands):
    outcome, rejects = paired(pair("a", "Who?", "One.", 5.0), pair("b", "Who?", "Two.", rival))
    assert bool(outcome.candidates) is stands
    assert dict(outcome.dropped) == ({} if stands else {"within the judge's noise": 1})
    assert len(rejects) == (0 if stands else 2)


def test_an_unscored_answer_is_never_taken_for_the_worst():
    outcome, rejects = paired(pair("a", "Who?", "One.", 5.0), pair("b", "Who?", "Two.", None))
    assert not outcome.candidates
    assert set(rejects.values()) == {NO_RIVAL}


def test_what_is_chosen_by_margin_must_itself_be_golden_and_unsuspected():
    outcome, _ = paired(pair("a", "Who?", "One.", 3.0), pair("b", "Who?", "Two.", 1.0))
    assert dict(outcome.dropped) == {"below the threshold": 1}
    outcome, _ = paired(pair("a", "Who?", "One.", 5.0, critical=("identity_lost",)), pair("b", "Who?", "Two.", 1.0))
    assert dict(outcome.dropped) == {"critical failure": 1}


def test_a_margin_about_which_the_judges_disagree_waits_for_a_person():
    mine, other = pair("a", "Who?", "One.", 5.0), pair("b", "Who?", "Two.", 1.0)
    second = replace(mine.judgement, judge=JudgeIdentity(name="second", version="1"), overall=4.2, salt="z")
    agreeing, _ = paired(replace(mine, opinions=(second,)), other)
    assert agreeing.candidates[0].pairing.margin == pytest.approx(3.6)
    far = replace(
        mine, opinions=(replace(second, overall=4.0, salt="y"),), judgement=replace(mine.judgement, overall=5.2)
    )
    outcome, _ = paired(far, other)
    assert dict(outcome.dropped) == {"pending": 1}


def test_the_champion_s_own_answer_is_preferred_as_the_rejected_one_when_margins_do_not_tell():
    rules = PairingRules(champion="sha256:us", teachers=("teacher",), length_ratio=1000)
    teacher = pair("a", "Who?", "A very good answer.", None, generated_by="teacher")
    other = pair("b", "Who?", "Quite a bad answer.", None, generated_by="stranger")
    ours = pair("c", "Who?", "Bad.", None, generated_by="sha256:us")
    outcome, _ = paired(teacher, other, ours, rules=rules)
    assert sides(outcome) == [("A very good answer.", "Bad.")]
    assert outcome.candidates[0].pairing.on_policy
    assert outcome.candidates[0].pairing.verdict == "teacher"


def test_a_teacher_that_the_judge_finds_no_better_teaches_nothing():
    rules = PairingRules(teachers=("teacher",), length_ratio=1000)
    teacher = pair("a", "Who?", "One.", 4.6, generated_by="teacher")
    outcome, _ = paired(teacher, pair("b", "Who?", "Two.", 4.9), rules=rules)
    assert not outcome.candidates


@pytest.mark.parametrize("text", ["Same  words.", " Same words.\n", "", "  "])
def test_equal_and_empty_answers_are_no_pairs(text):
    item = pair("a", "Who?", "Same words.", rejected=(Rejected(at=1, messages=said(text)),))
    outcome, rejects = paired(item)
    assert not outcome.candidates
    assert list(rejects) == [item.interaction.id]


def test_a_call_of_a_tool_is_no_text_to_prefer():
    call = (Message(role="assistant", content="", tool_calls=(ToolCall(name="f", arguments="{}"),)),)
    outcome, _ = paired(pair("a", "Who?", "Good.", rejected=(Rejected(at=1, messages=call),)))
    assert not outcome.candidates
    assert dict(outcome.dropped) == {"no text": 1}


def test_the_filters_look_at_what_lost_too():
    item = pair("a", "Who?", "Good.", rejected=(Rejected(at=1, messages=said("Bad<|im_end|>")),))
    outcome, _ = paired(item, filters=(NoControlTokens(),))
    assert dict(outcome.dropped) == {"control token": 1}


def test_a_lower_authority_does_not_gainsay_a_higher_one():
    rules = PairingRules(per_prompt=5, length_ratio=1000)
    liked = pair("a", "Who?", "Liked.", 1.0, feedback=Feedback(thumbs=1))
    disliked = pair("b", "Who?", "Disliked.", 5.0, feedback=Feedback(thumbs=-1))
    outcome, _ = paired(liked, disliked, rules=rules)
    assert sides(outcome) == [("Liked.", "Disliked.")]
    assert dict(outcome.dropped) == {"gainsaid": 1}


def test_lengths_are_matched_and_the_gap_is_known_before_and_after():
    long, short = "word " * 90, "Well said, and to the point."
    items = [
        pair("a", "A?", long, rejected=(Rejected(at=1, messages=said("Not so good, this one.")),)),
        pair("b", "B?", short, rejected=(Rejected(at=1, messages=said("Bad and wordy, it is not.")),)),
    ]
    outcome, rejects = paired(*items, rules=PairingRules(length_ratio=2.0))
    assert sides(outcome) == [(short, "Bad and wordy, it is not.")]
    before, after = length_gap(outcome.unmatched), length_gap(outcome.preferences)
    assert (before.n, before.chosen - before.rejected) == (2, 42.5)
    assert (after.n, after.chosen - after.rejected) == (1, 0.0)
    assert rejects[items[0].interaction.id].startswith("lengths apart: 90 words chosen, 5 rejected")


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60), st.booleans()), min_size=1, max_size=15),
    st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=60, deadline=None)
def test_a_mean_gap_in_length_is_held_unless_only_corrections_are_left_that_lean(sizes, gap):
    pairs = []
    for place, (chosen, lost, corrected) in enumerate(sizes):
        texts = f"c{place} " * chosen, f"r{place} " * lost
        if corrected:
            pairs.append(pair(f"{place}", f"{place}?", texts[1], feedback=Feedback(correction=texts[0])))
        else:
            pairs.append(pair(f"{place}", f"{place}?", texts[0], rejected=(Rejected(at=1, messages=said(texts[1])),)))
    outcome, _ = paired(*pairs, rules=PairingRules(length_ratio=1000, length_gap=gap))
    leads = [one.chosen.words - one.rejected.words for one in outcome.preferences]
    sums = [sum(getattr(one, side).words for one in outcome.preferences) for side in ("chosen", "rejected")]
    held = abs(sum(leads)) <= gap * max(sums) + 1e-9
    heavier = [
        one
        for one, lead in zip(outcome.preferences, leads, strict=True)
        if lead * sum(leads) > 0 and one.verdict != "correction"
    ]
    assert held or not heavier
    assert sum(one.verdict == "correction" for one in outcome.preferences) == sum(corrected for *_, corrected in sizes)


@pytest.mark.parametrize(("count", "kept"), [(40, 40), (50, 50), (60, 50), (200, 112)])
def test_by_default_means_are_matched_to_a_tenth_and_never_down_to_fewer_than_fifty_pairs(count, kept):
    """Each second pair leans by half its longer answer; only such pairs leave, and each is told."""
    pairs = [
        pair(
            f"{place}",
            f"{place}?",
            f"c{place} " * (10 if place % 2 else 20),
            rejected=(Rejected(at=1, messages=said(f"r{place} " * 10)),),
        )
        for place in range(count)
    ]
    outcome, _ = paired(*pairs, rules=pairing_rules(Curation(kind="preference"), None))
    assert len(outcome.preferences) == kept
    assert dict(outcome.dropped).get("lengths lean", 0) == count - kept


def test_a_pair_that_is_left_out_later_takes_its_loser_along_with_a_reason():
    rejects = Rejects()
    outcome = pair_up([pair("a", "Who?", "One.", 5.0), pair("b", "Who?", "Two.", 1.0)], ANY_LENGTH, (), rejects)
    rejects.add(outcome.candidates[0].pair, "near-duplicate: of another")
    reject_partners(outcome, (), rejects)
    assert [one.reason.split(":")[0] for one in rejects.listed()] == ["near-duplicate", "pair left out"]


def labelled_margins() -> list[tuple[float, float]]:
    """SIMULATED: what base and v3b lost by on 399 prompts, drawn so that the figures of B16 are what they hold.

    The source gives the outcome (267 base, 91 v3b, 41 fallback) and not its margins; so this shows that the rule,
    given such margins, selects so, not that those were the margins.
    """
    rng = random.Random(16)
    wide = [(rng.uniform(3, 4), rng.uniform(1, 2)) for _ in range(267)]
    other = [(rng.uniform(1, 2), rng.uniform(3, 4)) for _ in range(91)]
    near = [(margin := rng.uniform(1, 4), margin + rng.uniform(-0.4, 0.4)) for _ in range(41)]
    margins = wide + other + near
    rng.shuffle(margins)
    return margins


def test_from_labelled_margins_the_policy_selects_267_base_91_v3b_and_41_by_fallback():
    pairs = []
    for number, (base, v3b) in enumerate(labelled_margins()):
        prompt = f"Prompt {number}?"
        pairs += [
            pair(f"t{number}", prompt, f"The teacher's answer {number}.", 5.0, generated_by="teacher"),
            pair(f"b{number}", prompt, f"The base's answer {number}.", 5.0 - base, generated_by="base"),
            pair(f"v{number}", prompt, f"The v3b's answer {number}.", 5.0 - v3b, generated_by="v3b"),
        ]
    # The 400th prompt has no chosen answer, as in the source.
    untaught = [pair(f"{by}-last", "Prompt 400?", f"By {by}.", None, generated_by=by) for by in ("base", "v3b")]
    outcome, rejects = paired(*pairs, *untaught, rules=PairingRules(teachers=("teacher",), judge_noise=0.5))
    clear = [item.pairing.rejected_by for item in outcome.candidates if item.pairing.clear]
    assert (clear.count("base"), clear.count("v3b")) == (267, 91)
    assert len(outcome.candidates) - len(clear) == 41
    assert len(outcome.candidates) == 399
    assert all(rejects[one.interaction.id] == NO_RIVAL for one in untaught)


def test_contractions_are_told_from_possessives():
    assert count_contractions("It's James's house, and they don\u2019t know he's Smith's son; I'd say we're late.") == 5
    assert count_contractions("The nation's laws and the people's voice.") == 0


def test_a_contrast_holds_both_means_and_the_interval_of_their_difference():
    contrasts = {one.trait: one for one in contrast_sides([("I do not know.", "I don't know."), ("It is.", "It's.")])}
    found = contrasts["contractions"]
    assert (found.chosen, found.rejected, found.n, found.low, found.high) == (0, 1, 2, -1, -1)
    assert contrasts["words"].chosen - contrasts["words"].rejected == 1.0
    assert contrast_sides([]) == ()
    assert contrast_sides([("One.", "Two.")])[0].low is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from("xyz"), st.sampled_from(["One.", "Two.", "Three.", " "]), st.none() | st.floats(1, 5)
        ),
        max_size=12,
    ),
    st.floats(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_log_each_interaction_is_in_a_pair_or_rejected_once_and_no_pair_is_noise(entries, noise):
    pairs = [pair(str(place), f"{prompt}?", text, score) for place, (prompt, text, score) in enumerate(entries)]
    rejects = Rejects()
    outcome = pair_up(pairs, PairingRules(judge_noise=noise, length_ratio=1000), (), rejects)
    used = {item.pair.interaction.id for item in outcome.candidates}
    used |= {item.pairing.rejected_interaction_id for item in outcome.candidates}
    rejected = [one.interaction_id for one in rejects.listed()]
    assert len(rejected) == len(set(rejected))
    assert used | set(rejected) == {one.interaction.id for one in pairs}
    assert not used & set(rejected)
    assert all(item.pairing.margin > noise for item in outcome.candidates)
