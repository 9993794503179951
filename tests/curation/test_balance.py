"""No author, kind or template takes a set over, and a mixture is what was asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from curation_pairs import judged, pair
from hypothesis import given
from hypothesis import strategies as st

from selftune.curation.balance import author_share, largest_cap
from selftune.curation.config import Curation
from selftune.curation.mixture import counts_of
from selftune.curation.skeletons import template_of
from selftune.curation.stage import curate
from selftune.curation.traits import Origins, kinds_of
from selftune.errors import ConfigError, UnbalancedError, UnknownNameError
from selftune.records import CriterionScore, Trigger
from selftune.testing import fake_context


def config(**changes) -> Curation:
    return Curation(**({"trigger": 1, "holdout_share": 0.0} | changes))


def learnt(pairs, tmp_path, **changes):
    return curate(judged(*pairs), config(**changes), fake_context(tmp_path))


def of_kind(kind: str, count: int, **facts):
    return [pair(f"{kind}{n}", criterion=kind, **facts) for n in range(count)]


def by_author(name: str | None, count: int, **facts):
    return [pair(f"{name}{n}", author=name, **facts) for n in range(count)]


def authors_of(dataset, pairs) -> Counter:
    author = {item.interaction.id: item.interaction.author for item in pairs}
    return Counter(author[example.interaction_id] for example in dataset.train)


def reasons(dataset) -> set[str]:
    return {reject.reason for reject in dataset.rejects}


# The 76 % case: 380 of 500 examples on identity took a model from 0.704 to 0.252 (mission C23).
COUNCIL = {"identity": 380, "tool-calling": 40, "domain": 30, "isolation": 30, "jailbreak": 20}


def council(**sizes: int):
    return [item for kind, count in (COUNCIL | sizes).items() for item in of_kind(kind, count)]


def test_a_set_with_76_percent_identity_is_refused_with_the_figure(tmp_path):
    with pytest.raises(UnbalancedError, match="76% of 500 lessons show identity") as refused:
        learnt(council(), tmp_path)
    assert "max_share_per_kind = 0.75" in refused.value.next_step
    assert refused.value.exit_code == 5


def test_what_the_refusal_advises_mends_the_set(tmp_path):
    dataset = learnt(council(), tmp_path, max_share_per_kind=0.5)
    assert next((kind.name, kind.before, kind.after) for kind in dataset.kinds) == ("identity", 380, 120)
    assert len(dataset.train) == 240
    assert reasons(dataset) == {"over the cap: no more than 50% of the examples may show identity"}
    assert "| identity | 380 | 120 |" in dataset.card


def test_a_floor_that_is_not_met_is_refused_with_its_share_and_that_of_the_largest_kind(tmp_path):
    floors = tuple((kind, 0.1) for kind in COUNCIL)
    with pytest.raises(UnbalancedError, match=r"8% of 500 lessons show tool-calling, .* 10% must; 76% show identity"):
        learnt(council(), tmp_path, floors=floors)
    even = {"identity": 100, "tool-calling": 60, "domain": 60, "isolation": 60, "jailbreak": 60}
    assert len(learnt(council(**even), tmp_path, floors=floors).train) == 340


def test_a_floor_under_a_kind_that_nothing_shows_is_not_met(tmp_path):
    with pytest.raises(UnbalancedError, match="0% of 10 lessons show honesty"):
        learnt(of_kind("identity", 10), tmp_path, floors=(("honesty", 0.05),))


def test_a_log_of_one_kind_alone_is_no_one_sided_choice(tmp_path):
    assert len(learnt(of_kind("identity", 30), tmp_path).train) == 30


def test_an_experiment_on_the_worst_answers_is_not_refused_for_its_kinds(tmp_path):
    pairs = [*of_kind("identity", 30, overall=1.0), *of_kind("domain", 2, overall=1.0)]
    assert len(learnt(pairs, tmp_path, selection="worst").train) == 32


def test_one_author_who_wrote_thirty_percent_of_the_log_has_two_percent_of_the_lessons_at_most(tmp_path):
    flood = by_author("flood", 300, overall=5.0)
    others = [item for n in range(70) for item in by_author(f"person{n}", 10, overall=4.6)]
    dataset = learnt([*flood, *others], tmp_path)
    shares = authors_of(dataset, [*flood, *others])
    assert shares["flood"] > 0
    assert max(shares.values()) <= 0.02 * len(dataset.train)
    assert len(dataset.train) >= 700
    assert "70 author(s)" not in dataset.card
    assert "71 author(s) besides the owners, each may have 2%; the largest wrote" in dataset.card


def test_the_rule_of_two_percent_holds_with_exactly_fifty_authors(tmp_path):
    pairs = [item for n in range(50) for item in by_author(f"p{n}", 1 + n)]
    shares = authors_of(learnt(pairs, tmp_path), pairs)
    assert set(shares.values()) == {1}


def test_with_fewer_than_fifty_authors_the_policys_own_share_holds_and_the_card_says_so(tmp_path):
    pairs = [*by_author("flood", 60), *by_author("other", 20), *by_author("third", 20)]
    free = learnt(pairs, tmp_path)
    assert len(free.train) == 100
    assert "3 author(s) besides the owners, none of them is capped: fewer than 50; the largest wrote 60%." in free.card
    capped = learnt(pairs, tmp_path, max_share_of_few_authors=0.4)
    assert authors_of(capped, pairs) == {"flood": 26, "other": 20, "third": 20}


def test_a_declared_owner_is_never_capped(tmp_path):
    own = [pair(f"mine{n}", author="me", author_is_owner=True) for n in range(200)]
    others = [item for n in range(60) for item in by_author(f"p{n}", 6)]
    shares = authors_of(learnt([*own, *others], tmp_path), [*own, *others])
    assert shares["me"] == 200
    assert max(count for name, count in shares.items() if name != "me") == 6


def test_a_file_without_pseudonyms_is_one_author(tmp_path):
    unknown = [pair(f"u{n}", source="chatml:leak.jsonl") for n in range(300)]
    others = [item for n in range(60) for item in by_author(f"p{n}", 5)]
    dataset = learnt([*unknown, *others], tmp_path)
    assert authors_of(dataset, [*unknown, *others])[None] <= 0.02 * len(dataset.train)


def test_an_answer_drawn_again_belongs_to_whoever_asked_first(tmp_path):
    asked = pair("a", source="chatml:log.jsonl", conversation="talk")
    again = pair("b", source="resampled", conversation="talk", flags=("resampled",), trigger=Trigger.SIMULATED)
    origins = Origins((asked, again))
    assert origins.author_of(again) == origins.author_of(asked) == "all of chatml:log.jsonl"
    assert origins.origin_of(again) == "real"
    assert origins.origin_of(pair("c", trigger=Trigger.SIMULATED)) == "synthetic"


def test_a_cap_that_too_few_authors_can_hold_is_refused_and_says_what_would(tmp_path):
    with pytest.raises(UnbalancedError, match="30% of the examples may come from one author") as refused:
        learnt([*by_author("a", 10), *by_author("b", 10)], tmp_path, max_share_of_few_authors=0.3)
    assert "to 0.50 or more" in refused.value.next_step


def test_one_template_can_be_capped_whatever_its_slots_hold(tmp_path):
    asked = [pair(f"t{n}", f"Please call Number{n} at {n}00 now.") for n in range(40)]
    assert len({template_of(item.interaction.messages) for item in asked}) == 1
    varied = [pair(f"v{n}", f"{chr(97 + n % 26) * (n + 1)}?") for n in range(30)]
    dataset = learnt([*asked, *varied], tmp_path, max_share_per_template=0.25)
    assert len(dataset.train) == 40
    assert "31 templates, the commonest in 25%" in dataset.card


def test_caps_hold_all_at_once(tmp_path):
    pairs = [*of_kind("identity", 60, author="one"), *of_kind("domain", 40, author="two")]
    pairs += [*of_kind("field", 40, author="three"), *of_kind("tone", 20, author="one")]
    dataset = learnt(pairs, tmp_path, max_share_per_kind=0.3, max_share_of_few_authors=0.4)
    total = len(dataset.train)
    assert max(kind.after for kind in dataset.kinds) <= 0.3 * total
    assert max(authors_of(dataset, pairs).values()) <= 0.4 * total


def test_a_mixture_leaves_out_what_is_too_much_the_lowest_ranked_first(tmp_path):
    pairs = [pair(f"i{n}", overall=4.5 + n / 100, criterion="identity") for n in range(40)]
    pairs += of_kind("field", 10)
    dataset = learnt(pairs, tmp_path, mixture=(("identity", 0.5), ("field", 0.5)))
    kept = {example.interaction_id for example in dataset.train}
    assert kept == {item.interaction.id for item in pairs[30:]}
    assert reasons(dataset) == {"mixture: identity makes 50%, and others rank higher"}


def test_a_mixture_repeats_what_is_too_little_as_often_as_it_may(tmp_path):
    pairs = [*of_kind("identity", 60), *of_kind("field", 10)]
    dataset = learnt(pairs, tmp_path, mixture=(("field", 0.25),), most_repeats=2)
    times = Counter(example.interaction_id for example in dataset.train)
    assert Counter(times.values()) == {1: 60, 2: 10}
    assert [(kind.name, kind.before, kind.after) for kind in dataset.kinds] == [("identity", 60, 60), ("field", 10, 20)]
    assert "10 lessons stand in it again" in dataset.card
    assert dataset.rejects == ()


def test_real_and_synthetic_are_mixed_as_asked(tmp_path):
    pairs = [*(pair(f"r{n}") for n in range(30)), *(pair(f"s{n}", trigger=Trigger.SIMULATED) for n in range(90))]
    dataset = learnt(pairs, tmp_path, mix_by="origin", mixture=(("real", 0.5), ("synthetic", 0.5)))
    assert Counter(example.synthetic for example in dataset.train) == {True: 30, False: 30}


def test_a_mixture_of_something_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(UnbalancedError, match="asks for 30% synthetic, and there is no lesson of it"):
        learnt(of_kind("field", 9), tmp_path, mix_by="origin", mixture=(("real", 0.7), ("synthetic", 0.3)))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mixture": (("a", 0.7), ("b", 0.5))}, ConfigError, r"\[curation.mixture\] holds shares that come to 1.2"),
        ({"floors": (("a", -0.1),)}, ConfigError, r"\[curation.floors\]"),
        ({"mix_by": "kid"}, UnknownNameError, "Did you mean 'kind'"),
        ({"max_share_per_author": 0.0}, ConfigError, "max_share_per_author = 0 lies outside"),
    ],
)
def test_shares_without_meaning_are_refused(changes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        learnt([pair("a")], tmp_path, **changes)


def test_a_criterion_that_always_applies_tells_no_kinds_apart():
    def scored(name, *applicable):
        criteria = tuple(CriterionScore(name=each, reasoning="", score=5.0) for each in applicable)
        item = pair(name)
        return replace(item, judgement=replace(item.judgement, criteria=criteria))

    items = [scored("a", "form", "tone"), scored("b", "form", "identity"), scored("c", "form")]
    assert kinds_of(items) == ("tone", "identity", "form")
    assert kinds_of(items[:1]) == ("form + tone",)


def test_the_share_of_two_percent_counts_from_fifty_authors_on():
    assert [author_share(count, Curation()) for count in (0, 49, 50)] == [1.0, 1.0, 0.02]


@given(st.lists(st.integers(1, 60), max_size=6), st.floats(0.05, 1), st.integers(0, 40))
def test_no_part_is_larger_than_its_share_and_one_more_would_be_too_many(sizes, share, exempt):
    def holds(cap: int) -> bool:
        return cap <= share * (exempt + sum(min(size, cap) for size in sizes)) + 1e-9

    cap = largest_cap(sizes, share, exempt=exempt)
    assert cap == max((cap for cap in range(max(sizes, default=0) + 1) if holds(cap)), default=0)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 200), min_size=2, max_size=4),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
    st.integers(1, 5),
)
def test_a_mixture_meets_its_shares_to_one_item_and_repeats_no_more_than_it_may(sizes, weights, most):
    shares = {name: weight / sum(weights[: len(sizes)]) for name, weight in zip(sizes, weights, strict=False)}
    counts = counts_of(sizes, shares, most)
    total = sum(counts.values())
    assert all(1 <= counts[name] <= most * sizes[name] for name in sizes)
    assert all(abs(counts[name] - shares[name] * total) <= len(sizes) for name in sizes)
    assert any(counts[name] <= sizes[name] for name in sizes)


def test_an_even_mixture_of_uneven_parts_by_hand():
    # 100 and 20 to halves: without repeats 20 and 20; each at most thrice, 60 and 60; without limit, 100 and 100.
    halves = {"a": 0.5, "b": 0.5}
    assert [tuple(counts_of({"a": 100, "b": 20}, halves, most).values()) for most in (1, 3, 9)] == [
        (20, 20),
        (60, 60),
        (100, 100),
    ]
