"""A preference dataset as the stage makes it, its card, and the pairs of other people's files."""

from __future__ import annotations

import pytest
from curation_pairs import judged, pair

from selftune.app.campaigns import lengths
from selftune.curation.base import Judged, Pair
from selftune.curation.config import Curation, check_curation
from selftune.curation.stage import curate
from selftune.errors import BelowTriggerError, ConfigError, UnknownNameError
from selftune.interactions.detect import open_sources
from selftune.judges.config import Judging
from selftune.judges.stage import judge
from selftune.records import Consent, DatasetKind, Interaction, Message, Rejected, decode_record, encode_record
from selftune.testing import fake_context

PAIRS = Curation(kind="preference", trigger=1, holdout_share=0.0)


def swiped(name: str, chosen: str, lost: str, **facts):
    rejected = (Rejected(at=1, messages=(Message(role="assistant", content=lost),)),)
    return pair(name, f"What about {name}?", chosen, None, rejected=rejected, **facts)


def test_a_preference_dataset_holds_both_answers_and_says_who_preferred_the_one(tmp_path):
    dataset = curate(judged(swiped("a", "It is so.", "It's so.")), PAIRS, fake_context(tmp_path))
    assert dataset.kind is DatasetKind.PREFERENCE
    (example,) = dataset.train
    assert (example.messages[-1].content, example.rejected) == ("It is so.", "It's so.")
    assert example.pairing.verdict == "choice"
    assert {one.trait: (one.chosen, one.rejected) for one in dataset.contrasts}["contractions"] == (0, 1)
    assert "Preferred by choice (1)." in dataset.card
    assert "| contractions | 0.00 | 1.00 | -1.00 (not measured) | 1 |" in dataset.card
    assert decode_record(encode_record(dataset)) == dataset


def test_neither_side_of_a_pair_is_taken_without_consent(tmp_path):
    mine = pair("a", "Who?", "One.", 5.0)
    private = pair("b", "Who?", "Two.", 1.0, consent=Consent(train=False))
    with_others = (mine, private, swiped("c", "Yes, it is.", "No, it is not."))
    dataset = curate(judged(*with_others), PAIRS, fake_context(tmp_path))
    assert [example.messages[-1].content for example in dataset.train] == ["Yes, it is."]
    assert "Two." not in encode_record(dataset)


def test_a_prompt_s_answers_are_held_out_together_as_pairs(tmp_path):
    pairs = [
        pair(f"{number}-{score}", f"Question {number}?", f"Answer {number} of {score}.", score)
        for number in range(40)
        for score in (5.0, 1.0)
    ]
    config = Curation(kind="preference", trigger=1, holdout_share=0.3, clean_room_share=0.0)
    dataset = curate(judged(*pairs), config, fake_context(tmp_path))
    assert dataset.holdout
    assert len(dataset.train) + len(dataset.holdout) == 40
    assert all(example.rejected for example in dataset.holdout)
    prompts = [{example.messages[0].content for example in part} for part in (dataset.train, dataset.holdout)]
    assert not prompts[0] & prompts[1]


def test_near_duplicate_pairs_count_once_and_nothing_goes_without_a_word(tmp_path):
    text = "The long answer that says nearly the same thing in nearly the same words, time after time after time"
    pairs = [
        pair(f"{place}-{score}", f"And what do you say about all of it now{place}?", f"{text} {end}", score)
        for place, end in (("", "indeed."), (" then", "so."))
        for score, end in ((5.0, end), (1.0, f"{end} No"))
    ]
    dataset = curate(
        judged(*pairs),
        Curation(kind="preference", trigger=1, holdout_share=0.0, near_duplicate=0.6),
        fake_context(tmp_path),
    )
    assert len(dataset.train) == 1
    named = {reject.interaction_id for reject in dataset.rejects} | {dataset.train[0].interaction_id}
    named.add(dataset.train[0].pairing.rejected_interaction_id)
    assert named == {one.interaction.id for one in pairs}
    assert sorted(reject.reason.split(":")[0] for reject in dataset.rejects) == ["near-duplicate", "pair left out"]


def test_the_champion_s_own_words_are_named_as_on_policy(tmp_path):
    teacher = pair("a", "Who?", "A good answer.", None, generated_by="teacher")
    ours = pair("b", "Who?", "A bad answer.", None, generated_by="sha256:us")
    config = Curation(kind="preference", trigger=1, holdout_share=0.0, teachers=("teacher",))
    logged = Judged(pairs=(teacher, ours), champion="sha256:us")
    dataset = curate(logged, config, fake_context(tmp_path))
    assert dataset.train[0].pairing.on_policy
    assert "1 of 1 rejected answers are the champion's own, as served." in dataset.card


def test_too_few_pairs_wait_for_more(tmp_path):
    with pytest.raises(BelowTriggerError, match="1 new"):
        curate(
            judged(swiped("a", "Yes.", "No.")), Curation(kind="preference", holdout_share=0.0), fake_context(tmp_path)
        )


def test_a_config_that_means_nothing_for_pairs_is_refused():
    with pytest.raises(ConfigError, match="no meaning for pairs"):
        check_curation(Curation(kind="preference", selection="worst"))
    with pytest.raises(UnknownNameError, match="kind of dataset"):
        check_curation(Curation(kind="preferences"))


def test_pairs_of_teacher_and_students_come_out_of_other_people_s_files(tmp_path, field_data):
    folder = field_data / "foundry" / "preference"
    context = fake_context(tmp_path)
    sources = tuple(source for path in sorted(folder.glob("*.jsonl")) for source in open_sources(path, "auto"))
    said = [one for source in sources for one in source.read(context) if isinstance(one, Interaction)]
    verdicts = judge(said, Judging(required=False), context)
    pairs = judged(*(Pair(interaction=one, judgement=verdict) for one, verdict in zip(said, verdicts, strict=True)))
    config = Curation(kind="preference", trigger=1, holdout_share=0.0, teachers=("claude-4-sonnet-20250514",))
    dataset = curate(pairs, config, context)
    verdicts = [example.pairing.verdict for example in dataset.train]
    assert (verdicts.count("choice"), verdicts.count("teacher")) == FOUND
    losers = {example.pairing.rejected_by for example in dataset.train if example.pairing.verdict == "teacher"}
    assert losers == {"gemma-3-27b-it", "madison-orpo-v3b"}
    contrast = {one.trait: one for one in dataset.contrasts}["contractions"]
    assert contrast.chosen < 1
    assert contrast.rejected > 4
    assert contrast.high < 0
    looked_at = {reject.interaction_id for reject in dataset.rejects}
    looked_at |= {example.interaction_id for example in dataset.train}
    looked_at |= {example.pairing.rejected_interaction_id for example in dataset.train}
    assert looked_at == {one.id for one in said}


# Of 25 + 50 imported pairs and 399 taught prompts: what is left when lengths are matched.
FOUND = (58, 314)


def test_the_report_on_lengths_says_when_nothing_was_measured(monkeypatch):
    monkeypatch.delenv("SELFTUNE_FIELD_DATA", raising=False)
    (figure,) = lengths.report().figures
    assert figure.measured == "not measured: SELFTUNE_FIELD_DATA is not set"


def test_the_default_gap_costs_a_few_of_other_people_s_pairs(field_data, monkeypatch):
    monkeypatch.setenv("SELFTUNE_FIELD_DATA", str(field_data))
    told = {figure.name: figure.measured for figure in lengths.report().figures}
    assert told["no rule"].startswith("384 pairs")
    assert told["a gap of 10% at most (the default)"].startswith(f"{sum(FOUND)} pairs")
    assert told["a gap of 2% at most"].startswith("303 pairs; chosen less rejected +13 words (95 % -1 to +27)")
