"""A small change that Q4_K_M rounds away, and the same behaviour at a higher rank that it does not."""

from __future__ import annotations

import pytest

from selftune.app.campaigns.forms import BROKEN, HIGH, LEARNT, LOW, planted_in

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return planted_in(tmp_path_factory.mktemp("planted"))


def coarse(compared):
    """The coarsest form: as it was built, and as it was judged."""
    (tried,) = (one for one in compared.tried if one.name == BROKEN)
    (judged,) = (one for one in compared.choice.forms if one.name == BROKEN)
    return tried.build.distance, judged


def test_at_rank_one_quantising_destroys_what_was_learnt_and_the_form_is_refused_for_it(planted):
    compared = planted.compare(LOW, (BROKEN,))
    distance, judged = coarse(compared)
    assert compared.choice.climb.chosen == "adapter"
    assert f"category_cap:{LEARNT}" in judged.refused
    assert distance.divergence > 0.5 * distance.effect


def test_at_a_higher_rank_the_same_behaviour_survives(planted):
    compared = planted.compare(HIGH, (BROKEN,))
    distance, judged = coarse(compared)
    assert judged.refused is None
    assert distance.divergence < 0.1 * distance.effect
