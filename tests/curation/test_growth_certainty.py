"""Confidence from several scores: calibrated where the truth is known, silent where nothing was scored twice."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from curation_pairs import judged, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.app.campaigns.confidence import field_scores, simulate
from selftune.curation.certainty import (
    Crowd,
    golden_probability,
    learn_crowd,
    pooled_noise,
    set_aside_unsure,
    sort_by_certainty,
)
from selftune.curation.config import Curation
from selftune.curation.rejects import Rejects
from selftune.curation.stage import curate
from selftune.records import Feedback, JudgeIdentity
from selftune.testing import fake_context


def test_noise_is_pooled_over_what_was_scored_more_than_once():
    # By hand: (4-5)^2 + (6-5)^2 = 2 and (1-2)^2 + 0 + (3-2)^2 = 2, over 1 + 2 degrees of freedom.
    assert pooled_noise({"a": [4, 6], "b": [1, 2, 3], "c": [9]}) == pytest.approx(4 / 3)
    assert pooled_noise({"a": [4], "b": [5]}) is None
    assert learn_crowd({"a": [4], "b": [5]}) is None
    assert learn_crowd({"a": [4], "b": [5]}, noise_sd=0.5).noise == 0.25


def test_a_probability_shrinks_towards_the_crowd_as_its_formula_says():
    # By hand: variance 1 and noise 1 weigh one score by 1/2, so 6 becomes 5 with a spread of sqrt(1/2).
    crowd = Crowd(mean=4.0, variance=1.0, noise=1.0)
    expected = 0.5 * (1 + math.erf((5.0 - 4.5) / math.sqrt(0.5) / math.sqrt(2)))
    assert golden_probability([6.0], crowd, 4.5) == pytest.approx(expected)
    assert golden_probability([6.0, 6.0], crowd, 4.5) > golden_probability([6.0], crowd, 4.5)


@pytest.mark.parametrize("judges", [2, 5])
def test_what_is_called_likely_is_as_often_true(judges):
    truth, scores = simulate(judges)
    crowd = learn_crowd(scores)
    likely = {name: golden_probability(values, crowd, 4.5) for name, values in scores.items()}
    for low, high in ((0.1, 0.3), (0.3, 0.7), (0.7, 0.9)):
        chosen = [name for name, found in likely.items() if low <= found < high]
        expected = sum(likely[name] for name in chosen)
        spread = math.sqrt(sum(likely[name] * (1 - likely[name]) for name in chosen))
        assert len(chosen) > 30
        # 99.7 % of all draws lie within three standard deviations of a sum of independent chances.
        assert abs(sum(truth[name] >= 4.5 for name in chosen) - expected) < 3 * spread


def test_filtering_by_confidence_keeps_fewer_wrong_ones_than_the_mean_alone():
    truth, scores = simulate(3)
    found = sort_by_certainty(scores, learn_crowd(scores), 4.5)
    plain = [name for name, values in scores.items() if sum(values) / 3 >= 4.5]
    wrong = [sum(truth[name] < 4.5 for name in names) / len(names) for names in (found.golden, plain)]
    assert wrong[0] < 0.2 < wrong[1]


@given(st.dictionaries(st.text(max_size=3), st.lists(st.floats(1, 5), min_size=1, max_size=4), max_size=8),
       st.floats(0.51, 0.99))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_every_answer_is_sorted_once_and_a_stricter_demand_keeps_no_more(scores, sure):
    crowd = learn_crowd(scores, noise_sd=0.4)
    if crowd is None:
        assert not scores
        return
    found = sort_by_certainty(scores, crowd, 4.5, sure=sure)
    assert sorted((*found.golden, *found.not_golden, *found.doubtful)) == sorted(scores)
    assert set(sort_by_certainty(scores, crowd, 4.5, sure=0.995).golden) <= set(found.golden)


def test_on_a_judged_file_confidence_hands_the_borderline_answers_to_a_person(field_data):
    (path,) = (field_data / "foundry" / "judged").glob("eval-qwen3-v1-*.json")
    scores, golden = field_scores(path)
    found = sort_by_certainty(scores, learn_crowd(scores), golden)
    assert (len(scores), len(found.golden), len(found.doubtful), len(found.not_golden)) == (36, 22, 3, 11)
    (outage,) = (field_data / "foundry" / "judged").glob("*-083716.json")
    assert field_scores(outage)[0] == {}


def crowd_of_pairs():
    """Twenty answers that two judges scored nearly alike, and one of which they make a narrow golden."""
    scores = {f"p{place}": (4.0 + 0.05 * place, 4.2 + 0.05 * place) for place in range(20)}
    return [twice(name, *both) for name, both in scores.items()] + [
        twice("narrow", 4.45, 4.6),
        twice("plain", 5.0, 5.0),
    ]


def twice(name, first, second, **facts):
    mine = pair(name, overall=first, **facts)
    other = replace(mine.judgement, judge=JudgeIdentity(name="second", version="1"), overall=second, salt="z")
    return replace(mine, opinions=(other,))


def test_a_narrow_golden_score_waits_for_a_person_and_a_sure_one_is_learnt():
    rejects = Rejects()
    kept = set_aside_unsure(crowd_of_pairs(), 4.5, 0.9, rejects)
    reasons = {one.interaction_id: one.reason for one in rejects.listed()}
    narrow, plain = crowd_of_pairs()[-2:]
    assert reasons[narrow.interaction.id].startswith("pending: needs a person, golden with a chance of ")
    assert plain.interaction.id in {one.interaction.id for one in kept}
    assert len(kept) + len(reasons) == 22


def test_without_a_second_score_or_a_demand_nothing_is_set_aside():
    rejects = Rejects()
    assert len(set_aside_unsure(crowd_of_pairs(), 4.5, 0.0, rejects)) == 22
    once = [pair(str(place), overall=4.5) for place in range(5)]
    assert len(set_aside_unsure(once, 4.5, 0.99, rejects)) == 5
    corrected = twice("c", 4.45, 4.6, feedback=Feedback(correction="So."))
    assert corrected in set_aside_unsure([*crowd_of_pairs(), corrected], 4.5, 0.9, Rejects())
    assert not rejects.listed()


def test_the_stage_asks_for_certainty_where_the_config_does(tmp_path):
    config = Curation(trigger=1, holdout_share=0.0, sure=0.9)
    dataset = curate(judged(*crowd_of_pairs()), config, fake_context(tmp_path))
    assert any(reject.reason.startswith("pending: needs a person, golden with") for reject in dataset.rejects)
    free = curate(judged(*crowd_of_pairs()), replace(config, sure=0.0), fake_context(tmp_path))
    assert len(free.train) > len(dataset.train) > 0
