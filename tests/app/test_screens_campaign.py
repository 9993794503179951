"""The worlds of the campaign on screens are what they are called, and the rule tells them apart."""

from __future__ import annotations

from dataclasses import replace

from selftune.app.campaigns.screens import GUARDED, NULLS, TRIES, World, count_kept, drawn_screen

SCREEN = drawn_screen()
BY_NAME = {world.name: world for world in (*NULLS, *TRIES)}
SIZE = 40


def test_a_try_without_a_gain_is_seldom_kept_and_a_large_one_mostly():
    null = count_kept(BY_NAME["no gain"], SCREEN, SIZE)
    large = count_kept(replace(BY_NAME["no gain"], gain=0.4, discordance=0.0), SCREEN, SIZE)
    assert null <= 16, "once in five times, and its 99 % limit in 40"
    assert large >= 36


def test_a_guarded_category_can_t_be_sold():
    assert count_kept(World(name="sold", gain=0.4, guarded=-0.6, discordance=0.0), SCREEN, SIZE) <= 6
    assert GUARDED in SCREEN.categories
