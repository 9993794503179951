"""Blind answers: what whoever reads no question wins on each shipped suite that code scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.evals.base import is_graded
from selftune.evals.suites import SUITES, load_suite
from selftune.evals.writing.controls import blind_strategies, score_turns, share_of
from selftune.evals.writing.right_answers import right_answers

if TYPE_CHECKING:
    from selftune.records import Suite

_MOST: Final = 0.10


def report() -> Section:
    """The best blind answer on each suite, and how many items can be answered right."""
    suites = [suite for suite in map(load_suite, SUITES.names()) if not is_graded(suite.scorer)]
    return Section(
        title="Answers that read no question",
        method=(
            "Thirteen ways to answer without reading (nothing, yes, no, a decline, a refusal, agreement, the prompt's "
            "own words, the agent's name, the commonest right answers) on every shipped suite that code scores; then "
            "an answer made from what each item expects. Nothing is drawn: the shares are exact, without an interval."
        ),
        figures=tuple(figure for suite in suites for figure in (_best(suite), _answerable(suite))),
        limits=(
            "A suite that a judge scores is not here. An answer that reads a little (the name in the state for every "
            "question) may win more than one that reads nothing."
        ),
    )


def _best(suite: Suite) -> Figure:
    shares = {name: share_of(suite, answer) for name, answer in blind_strategies(suite).items()}
    scored = {name: mean.value for name, mean in shares.items() if mean.value is not None}
    name = max(scored, key=lambda one: scored[one])
    told = f"{scored[name]:.1%} of {shares[name].n} {suite.unit}s ({name})"
    unscored = len(shares) - len(scored)
    return Figure(
        name=f"{suite.name}: the best of {len(shares)} blind answers",
        measured=f"{told}; {unscored} without a score" if unscored else told,
        promised=f"at most {_MOST:.0%}",
        held=not unscored and scored[name] <= _MOST,
    )


def _answerable(suite: Suite) -> Figure:
    right = sum(score_turns(suite, item, right_answers(suite, item)).value == 1.0 for item in suite.items)
    return Figure(
        name=f"{suite.name}: items that a right answer wins",
        measured=f"{right} of {len(suite.items)}",
        promised="all",
        held=right == len(suite.items),
    )
