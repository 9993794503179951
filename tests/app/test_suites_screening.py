"""A screen is a cheap look that misses no part of its suite, and that can never gate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.app.suites.screening import screen_suite
from selftune.errors import ConfigError, UsageError
from selftune.evals.coverage import Demands, Grade, lint_suite, refuse_unsound
from selftune.evals.suites import load_suite
from selftune.loop.experiments.screen import draw_screen
from selftune.records import GenerationParameters, Message, Suite, SuiteItem

WHOLE = load_suite("state_obedience")


def suite_of(parts: dict[tuple[str, str], int]) -> Suite:
    items = tuple(
        SuiteItem(
            id=f"{category}-{agent}-{place}",
            category=category,
            behaviour="b",
            difficulty="easy",
            messages=(Message(role="user", content=f"{category} {agent} {place}?"),),
            expect="{}",
            agent=agent,
        )
        for (category, agent), count in parts.items()
        for place in range(count)
    )
    return Suite(
        name="council", version="1", description="", scorer="exact", unit="item",
        categories=tuple(dict.fromkeys(item.category for item in items)), generation=GenerationParameters(), seed=0,
        items=items,
    )  # fmt: skip


def test_42_items_hold_every_category_and_whole_pairs():
    screen = draw_screen(WHOLE)
    assert len(screen.items) == 42
    assert screen.categories == WHOLE.categories
    assert set(Counter(item.pair for item in screen.items).values()) == {2}
    assert set(screen.items) <= set(WHOLE.items)


def test_the_same_seed_draws_the_same_and_another_one_others():
    assert draw_screen(WHOLE, seed=3) == draw_screen(WHOLE, seed=3)
    assert draw_screen(WHOLE, seed=3).items != draw_screen(WHOLE, seed=4).items


@given(
    st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 30), min_size=1),
    st.integers(1, 60),
    st.integers(0, 5),
)
def test_each_category_and_agent_is_in_it_as_far_as_its_share_or_it_is_refused(parts, items, seed):
    suite = suite_of(parts)
    if items < len(parts):
        with pytest.raises(UsageError, match="parts by category and agent"):
            draw_screen(suite, items=items, seed=seed)
        return
    drawn = Counter((item.category, item.agent) for item in draw_screen(suite, items=items, seed=seed).items)
    total = sum(parts.values())
    assert sum(drawn.values()) == min(items, total)
    assert set(drawn) == set(parts)
    assert all(drawn[part] <= count for part, count in parts.items())
    least = min(items, total)
    assert all(drawn[part] <= max(1, parts[part] * least / total + len(parts)) for part in parts)


def test_held_out_items_are_never_screened():
    suite = suite_of({("a", "x"): 20})
    clean = replace(suite, items=tuple(replace(one, tier="held_out") for one in suite.items[:10]) + suite.items[10:])
    assert {item.tier for item in draw_screen(clean, items=10).items} == {"gold"}


def test_a_screen_can_never_gate_and_says_so(tmp_path):
    path = screen_suite(tmp_path, "state_obedience")
    screen = load_suite(path)
    assert (screen.name, screen.purpose) == ("state_obedience-screen", "screen")
    demands = Demands(policy="p", guarded=screen.categories, least_gain=0.5, cap=0.5)
    assert [one.code for one in lint_suite(screen, demands) if one.grade is Grade.ERROR] == ["never_gates"]
    with pytest.raises(ConfigError, match="screen"):
        refuse_unsound(screen, demands)
    with pytest.raises(UsageError, match="screen itself"):
        draw_screen(screen)


def test_a_screen_is_only_replaced_by_force(tmp_path):
    screen_suite(tmp_path, "state_obedience")
    with pytest.raises(UsageError, match="there already"):
        screen_suite(tmp_path, "state_obedience")
    assert screen_suite(tmp_path, "state_obedience", seed=1, force=True).is_file()
