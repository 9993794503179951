"""A summary never shows a mean alone: n, interval, lowest category and what went unscored stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.evals.summaries import summarise
from selftune.records import Evaluation, ItemOutcome, digest_of
from selftune.testing import fake_build, fake_proof

if TYPE_CHECKING:
    from selftune.records import Suite


def evaluation(suite: Suite, scores: list[float | None], agents: tuple[str | None, ...] = (None,)) -> Evaluation:
    build = fake_build()
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=fake_proof(build),
        suite=suite.name,
        suite_digest=digest_of(suite),
        scorer="echo",
        scorer_lineage=(),
        generation=suite.generation,
        seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=item.id,
                category=item.category,
                difficulty=item.difficulty,
                score=score,
                answer="",
                reasons=(),
                pair=item.pair,
                agent=agents[place % len(agents)],
                critical_failures=("lost",) if score == 0 else (),
                unscored_reason="outage" if score is None else None,
            )
            for place, (item, score) in enumerate(zip(suite.items, scores, strict=True))
        ),
    )


def test_means_are_taken_by_category_with_n_and_interval(suite: Suite) -> None:
    found = summarise(evaluation(suite, [1.0, 1.0, 1.0, 0.0]), "pair")
    assert found.overall.value == 0.5
    assert found.overall.n == 2
    assert {name: mean.value for name, mean in found.by_category} == {"field": 1.0, "tone": 0.0}
    assert found.lowest[0] == "tone"
    assert found.critical_failures == 1
    low, high = found.by_category[0][1].interval
    assert low < 1.0 == high


def test_what_went_unscored_is_named_with_its_reason(suite: Suite) -> None:
    found = summarise(evaluation(suite, [1.0, None, 1.0, 1.0]), "pair")
    assert found.overall.value == 1.0
    assert (found.overall.n, found.overall.unscored) == (1, 1)
    assert found.unscored == (("a2", "outage"),)
    assert found.lowest == ("tone", found.by_category[1][1])


def test_an_outage_has_no_mean_and_no_lowest_category(suite: Suite) -> None:
    found = summarise(evaluation(suite, [None] * 4), "pair")
    assert found.overall.value is None
    assert found.lowest is None


def test_agents_and_difficulties_are_told_apart(suite: Suite) -> None:
    found = summarise(evaluation(suite, [1.0, 0.0, 1.0, 0.0], agents=("x", "y")), "item")
    assert {name: mean.value for name, mean in found.by_agent} == {"x": 1.0, "y": 0.0}
    assert [name for name, _ in found.by_difficulty] == ["easy"]


def test_a_suite_without_agents_has_no_means_by_agent(suite: Suite) -> None:
    assert summarise(evaluation(suite, [1.0] * 4), "pair").by_agent == ()
