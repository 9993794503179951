"""People ask and so does the system itself; the card counts both, and the second has a cap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from curation_pairs import judged, pair

from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.errors import ConfigError, UnbalancedError
from selftune.records import Trigger
from selftune.testing import fake_context

WORDS = ("lamp", "boat", "loaf", "gate", "rope", "well", "mill", "barn", "road", "coin", "fish", "tree")
CONFIG = Curation(trigger=1, holdout_share=0, max_share_of_few_authors=1)


def asked_by(trigger: Trigger, count: int, start: int = 0, **facts):
    return [
        pair(word, f"What of the {word}?", f"The {word} is fine.", trigger=trigger, task_id=f"auto-{place}", **facts)
        for place, word in enumerate(WORDS[start : start + count])
    ]


def lessons(*pairs, config: Curation = CONFIG, tmp_path):
    return curate(judged(*pairs), config, fake_context(tmp_path))


def test_both_sources_are_counted_on_the_card(tmp_path):
    log = [*asked_by(Trigger.USER, 6), *asked_by(Trigger.MOTIVATOR, 2, start=6)]
    dataset = lessons(*log, tmp_path=tmp_path)
    assert "Caused by user 6, motivator_service 2; 25% by the system itself, at most 50% may be." in dataset.card
    assert "Dissonance" not in dataset.card


def test_what_the_system_asked_itself_is_capped_and_the_rest_rejected_with_the_reason(tmp_path):
    own = asked_by(Trigger.MOTIVATOR, 8, start=4)
    dataset = lessons(*asked_by(Trigger.USER, 4), *own, tmp_path=tmp_path)
    ids = {item.interaction.id for item in own}
    assert sum(example.interaction_id in ids for example in dataset.train) == 4
    reasons = {reject.reason for reject in dataset.rejects}
    assert reasons == {"over the cap: no more than 50% of the examples may answer what the system asked itself"}


def test_an_answer_drawn_again_counts_as_its_question_does(tmp_path):
    first = asked_by(Trigger.MOTIVATOR, 1)[0]
    again = pair(
        "again", "What of the lamp?", "It burns.", overall=5.0, trigger=Trigger.SIMULATED, flags=("resampled",),
        conversation=first.interaction.conversation,
    )  # fmt: skip
    config = replace(CONFIG, answers_per_prompt=2, max_share_motivator=1)
    assert "Caused by motivator_service 2" in lessons(first, again, config=config, tmp_path=tmp_path).card


def test_a_share_of_none_leaves_all_of_it_out(tmp_path):
    log = [*asked_by(Trigger.USER, 2), *asked_by(Trigger.MOTIVATOR, 2, start=2)]
    dataset = lessons(*log, config=replace(CONFIG, max_share_motivator=0), tmp_path=tmp_path)
    assert len(dataset.train) == 2
    assert "Caused by user 2; 0% by the system itself" in dataset.card


def test_a_log_that_nobody_asked_anything_in_is_refused_with_the_key(tmp_path):
    with pytest.raises(UnbalancedError, match="the system asked itself") as refused:
        lessons(*asked_by(Trigger.MOTIVATOR, 3), tmp_path=tmp_path)
    assert "max_share_motivator" in refused.value.next_step


def test_a_share_outside_the_whole_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="max_share_motivator"):
        lessons(*asked_by(Trigger.USER, 1), config=replace(CONFIG, max_share_motivator=1.5), tmp_path=tmp_path)


def test_dissonance_that_was_measured_stands_on_the_card(tmp_path):
    torn = asked_by(Trigger.USER, 1, dissonance=(0.8, 0.2))
    told = "Dissonance: measured in 1 of 2 lessons; in the median 0.80 at the highest and 0.20 at the end; 1 of 1 end"
    assert told in lessons(*torn, *asked_by(Trigger.USER, 1, start=1), tmp_path=tmp_path).card
