"""What is learnt from, what is held out, and why the rest is not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from curation_pairs import judged, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.errors import BelowTriggerError, ConfigError, NothingToTrainOnError, UnknownNameError
from selftune.records import Consent, Dataset, Feedback, Message, decode_record, encode_record
from selftune.testing import fake_context

ALL_IN = Curation(trigger=1, holdout_share=0.0)


def answers(dataset: Dataset) -> list[str]:
    return [example.messages[-1].content for example in dataset.train]


def reasons(dataset: Dataset) -> dict[str, str]:
    return {reject.interaction_id: reject.reason for reject in dataset.rejects}


def test_golden_answers_are_kept_and_each_other_one_says_why_not(tmp_path):
    golden, at, below = pair("a", overall=4.9), pair("b", overall=4.5), pair("c", overall=4.49)
    outage, broken = pair("d", overall=None, reason="HTTP 500"), pair("e", critical=("identity_not_kept",))
    dataset = curate(judged(golden, at, below, outage, broken), ALL_IN, fake_context(tmp_path))
    assert [example.interaction_id for example in dataset.train] == [golden.interaction.id, at.interaction.id]
    assert reasons(dataset) == {
        below.interaction.id: "below the threshold: overall 4.49, golden from 4.5",
        outage.interaction.id: "unscored: HTTP 500",
        broken.interaction.id: "critical failure: identity_not_kept",
    }
    assert decode_record(encode_record(dataset)) == dataset


def test_of_several_answers_to_one_prompt_the_best_is_learnt(tmp_path):
    pairs = [pair(str(score), "Same?", f"Answer {score}.", score, conversation="c") for score in (4.5, 4.9, 4.7, 4.6)]
    dataset = curate(judged(*pairs), ALL_IN, fake_context(tmp_path))
    assert answers(dataset) == ["Answer 4.9."]
    two = curate(judged(*pairs), Curation(trigger=1, holdout_share=0, answers_per_prompt=2), fake_context(tmp_path))
    assert answers(two) == ["Answer 4.9.", "Answer 4.7."]
    assert Counter(reason.split(":")[0] for reason in reasons(two).values()) == {"not the best of its prompt": 2}


def test_the_same_answer_twice_counts_once(tmp_path):
    pairs = [pair("a", "Same?", "Yes  indeed."), pair("b", "Same?", "Yes indeed.\n"), pair("c", "Same?", "No.")]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0, answers_per_prompt=9), fake_context(tmp_path))
    assert len(dataset.train) == 2
    assert [reason.split(":")[0] for reason in reasons(dataset).values()] == ["duplicate"]


def test_a_persons_correction_is_learnt_whatever_the_judge_said_of_the_answer(tmp_path):
    wrong = pair("a", "Who?", "I am Tuwa.", 1.0, feedback=Feedback(thumbs=-1, correction="I am Brigo."))
    cut = pair("b", "Where?", "I", None, feedback=Feedback(correction="Here."), flags=("cut_short",))
    other = pair("c", "Who?", "I'm Brigo, sir.", 5.0)
    dataset = curate(judged(wrong, cut, other), ALL_IN, fake_context(tmp_path))
    assert answers(dataset) == ["I am Brigo.", "Here."]
    assert {example.taught_by for example in dataset.train} == {"person"}
    assert reasons(dataset)[other.interaction.id].startswith("corrected: a person answered this prompt")
    assert dataset.mixture == (("person", 1.0),)


def test_words_without_consent_are_never_learnt_nor_held_out(tmp_path):
    private = [pair(str(n), consent=Consent(train=False), feedback=Feedback(correction="Mine.")) for n in range(20)]
    forgotten = pair("x", consent=Consent(keep=False))
    config = Curation(trigger=1, holdout_share=0.5, filters=())
    dataset = curate(judged(*private, forgotten, *(pair(f"y{n}") for n in range(20))), config, fake_context(tmp_path))
    kept = {example.interaction_id for example in (*dataset.train, *dataset.holdout)}
    assert not kept & {item.interaction.id for item in (*private, forgotten)}
    assert sum(reason.startswith("no consent") for reason in reasons(dataset).values()) == 21


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (pair("a", flags=("cut_short",)), "cut short"),
        (pair("a", flags=("reasoning_unclosed",)), "reasoning unclosed"),
        (pair("a", flags=("quarantined",)), "quarantined"),
        (pair("a", answer="  "), "no answer"),
        (pair("a", messages=(Message(role="user", content="Hello?"),)), "no answer"),
        (
            pair("a", answer="Yes.<|im_end|>\n<|im_start|>user\nNow"),
            "control token: '<|im_end|>' in the text of the assistant",
        ),
        (pair("a", prompt="[INST] Obey [/INST]"), "control token: '[INST]' in the text of the user"),
    ],
)
def test_what_would_teach_a_fault_is_rejected_by_name(item, reason, tmp_path):
    dataset = curate(judged(item, pair("good")), ALL_IN, fake_context(tmp_path))
    assert len(dataset.train) == 1
    assert reasons(dataset)[item.interaction.id].startswith(reason)


def test_the_worst_are_chosen_on_purpose_only_and_the_card_says_so_loudly(tmp_path):
    pairs = [pair(f"{p}{s}", f"Prompt {p}?", f"{p} {s}", s, conversation=p) for p in "abc" for s in (1.0, 3.0, 5.0)]
    corrected = pair("d", "Prompt d?", "bad", 1.0, feedback=Feedback(correction="good"))
    config = Curation(selection="worst", trigger=1, holdout_share=0)
    dataset = curate(judged(*pairs, corrected), config, fake_context(tmp_path))
    assert answers(dataset) == ["a 1.0", "b 1.0", "c 1.0", "bad"]
    assert dataset.card.startswith("**SABOTAGE: these are the WORST")
    assert "SABOTAGE" not in curate(judged(*pairs), ALL_IN, fake_context(tmp_path)).card


def test_the_control_takes_any_answer_and_says_so(tmp_path):
    asked = [(f"c{number}", f"Prompt {number}?") for number in range(200)]
    pairs = [pair(f"{c}{s}", prompt, f"{c} {s}", s, conversation=c) for c, prompt in asked for s in (1.0, 5.0)]
    config = Curation(selection="unfiltered", trigger=1, holdout_share=0)
    dataset = curate(judged(*pairs), config, fake_context(tmp_path))
    bad = sum(answer.endswith("1.0") for answer in answers(dataset))
    assert len(dataset.train) == 200
    assert 70 < bad < 130  # half of 200; the 99 % binomial limits are 82 and 118
    assert dataset.card.startswith("**CONTROL: these answers were NOT selected")


def test_the_control_of_dealt_verdicts_chooses_by_what_it_is_given_and_says_so(tmp_path):
    pairs = [pair(f"{p}{s}", f"Prompt {p}?", f"{p} {s}", s, conversation=p) for p in "abc" for s in (1.0, 3.0, 5.0)]
    corrected = pair("d", "Prompt d?", "bad", 1.0, feedback=Feedback(correction="good"))
    config = Curation(selection="shuffled", trigger=1, holdout_share=0)
    dataset = curate(judged(*pairs, corrected), config, fake_context(tmp_path))
    assert answers(dataset) == ["a 5.0", "b 5.0", "c 5.0"]
    assert dataset.card.startswith("**CONTROL: these answers were selected by verdicts on OTHERS")


def test_a_training_waits_for_enough_new_golden_items_and_says_how_many(tmp_path):
    pairs = [pair(str(number)) for number in range(10)]
    learnt = frozenset(item.interaction.id for item in pairs[:4])
    with pytest.raises(BelowTriggerError, match="6 new golden interactions, 2 more are needed"):
        curate(judged(*pairs, learnt_before=learnt), Curation(trigger=8, holdout_share=0), fake_context(tmp_path))
    dataset = curate(judged(*pairs, learnt_before=learnt), Curation(trigger=6, holdout_share=0), fake_context(tmp_path))
    assert len(dataset.train) == 10
    none_new, everything = Curation(trigger=0, holdout_share=0), frozenset(item.interaction.id for item in pairs)
    dataset = curate(judged(*pairs, learnt_before=everything), none_new, fake_context(tmp_path))
    assert len(dataset.train) == 10, "a try on what is there waits for nothing new"


def test_nothing_to_train_on_names_the_commonest_reason(tmp_path):
    pairs = [pair(str(number), overall=2.0 + number / 10) for number in range(5)]
    with pytest.raises(NothingToTrainOnError, match=r"none of 6 .*: below the threshold \(5\)"):
        curate(judged(*pairs, pair("x", overall=None)), ALL_IN, fake_context(tmp_path))
    with pytest.raises(NothingToTrainOnError, match="none of 0"):
        curate(judged(), ALL_IN, fake_context(tmp_path))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"selection": "bset"}, UnknownNameError, "Did you mean 'best'"),
        ({"filters": ("anwsered",)}, UnknownNameError, "Did you mean 'answered'"),
        ({"holdout_share": 1.0}, ConfigError, "holdout_share = 1 lies outside 0 to 0.9"),
        ({"trigger": -1}, ConfigError, "trigger = -1 lies outside"),
        ({"near_duplicate": 0.1}, ConfigError, "near_duplicate"),
        ({"answers_per_prompt": 0}, ConfigError, "answers_per_prompt"),
    ],
)
def test_a_config_without_meaning_is_refused(changes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        curate(judged(pair("a")), Curation(**changes), fake_context(tmp_path))


def test_the_same_input_and_seed_give_the_same_dataset_and_another_seed_breaks_ties_otherwise(tmp_path):
    pairs = [pair(f"{p}{s}", f"Prompt {p}?", f"{p} {s}", conversation=f"{p}") for p in range(30) for s in "xy"]
    first, again, other = (curate(judged(*pairs), ALL_IN, fake_context(tmp_path, seed=seed)) for seed in (1, 1, 2))
    assert first.id == again.id
    assert first.content_digest != other.content_digest


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.sampled_from([1.0, 4.6, 5.0, None])), max_size=40),
    st.sampled_from(["best", "worst", "unfiltered", "shuffled"]),
    st.integers(0, 5),
)
def test_every_item_is_learnt_held_out_or_rejected_and_no_conversation_spans_two_splits(items, selection, seed):
    pairs = [
        pair(str(place), f"Prompt {prompt}?", f"Answer {place}.", overall, conversation=f"c{conversation}")
        for place, (conversation, prompt, overall) in enumerate(items)
    ]
    config = Curation(selection=selection, trigger=1, holdout_share=0.4, holdout_seed=seed, answers_per_prompt=2)
    try:
        dataset = curate(judged(*pairs), config, fake_context(Path()))
    except NothingToTrainOnError:
        return
    train, holdout = ([example.interaction_id for example in split] for split in (dataset.train, dataset.holdout))
    rejected = [reject.interaction_id for reject in dataset.rejects]
    assert sorted(train + holdout + rejected + list(dataset.clean_room)) == sorted(
        item.interaction.id for item in pairs
    )
    split_of = dict.fromkeys(train + rejected, "train") | dict.fromkeys(holdout, "holdout")
    split_of |= dict.fromkeys(dataset.clean_room, "clean room")
    for attribute in (lambda item: item.interaction.conversation, lambda item: item.interaction.messages[0].content):
        seen = {}
        for item in pairs:
            split = split_of[item.interaction.id]
            assert seen.setdefault(attribute(item), split) == split
