"""The campaign of searched prompts: its worlds hold what they say, and its honest figure is told from the other."""

from __future__ import annotations

from statistics import fmean

from selftune.app.campaigns.prompt_search import World, try_once
from selftune.loop.prompts.drafts import Draft
from selftune.records import Example

PLANTED, BARE = Draft(made_of="5", instruction="5"), Draft(made_of="0")


def questions(count: int) -> list[Example]:
    return [Example(salt="", interaction_id=f"q{n}", judgement_id=None, messages=()) for n in range(count)]


def test_a_world_is_right_as_often_as_it_says_and_the_same_each_time():
    world = World(0.4, seed=1)
    bare, planted = (fmean(row) for row in world([BARE, PLANTED], questions(4000)))
    assert abs(bare - 0.4) < 0.03
    assert abs(planted - 0.8) < 0.03
    assert world([BARE], questions(50)) == World(0.4, seed=1)([BARE], questions(50))


def test_a_prompt_that_helps_much_is_taken_and_the_score_that_chose_flatters_where_none_helps():
    planted = [try_once(0.4, seed) for seed in range(12)]
    assert sum(one.found for one in planted) >= 10
    nothing = [try_once(0.0, seed) for seed in range(12)]
    assert fmean(one.chosen_by for one in nothing) > 0.05
    assert fmean(one.chosen_by for one in nothing) > fmean(one.fresh for one in nothing)
