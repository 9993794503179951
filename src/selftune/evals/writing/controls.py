"""Answers that read no question, and what each of them wins on a suite: it must be next to nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from selftune.errors import ConfigError
from selftune.evals.base import ConversationScorer
from selftune.evals.writing.right_answers import right_answers
from selftune.plugins import load_plugin
from selftune.records import ItemOutcome
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.evals.base import Score, Scorer
    from selftune.records import Suite, SuiteItem
    from selftune.scoring.units import Mean

    Strategy = Callable[[SuiteItem], str]


def score_turns(suite: Suite, item: SuiteItem, answers: Sequence[str]) -> Score:
    """What these answers to an item are worth, one for each turn.

    Raises:
        ConfigError: the item has follow-ups, and its scorer looks at one answer only.
    """
    scorer: Scorer = load_plugin("selftune.scorers", item.scorer or suite.scorer)()
    if not item.follow_ups:
        return scorer.score(item, answers[0])
    if not isinstance(scorer, ConversationScorer):
        raise ConfigError(f"{scorer.name} scores no conversation.", next_step=f"Give item {item.id!r} another scorer.")
    return scorer.score_conversation(item, tuple(answers))


def share_of(suite: Suite, strategy: Strategy) -> Mean:
    """The suite's mean when each turn of each item is answered so."""
    outcomes = []
    for item in suite.items:
        answers = (strategy(item),) * (1 + len(item.follow_ups))
        found = score_turns(suite, item, answers)
        outcomes.append(
            ItemOutcome(
                item_id=item.id,
                category=item.category,
                difficulty=item.difficulty,
                score=found.value,
                answer=answers[-1],
                reasons=found.reasons,
                pair=item.pair,
                unscored_reason=found.unscored_reason,
            )
        )
    return mean_of(unit_scores(outcomes, suite.unit))


def blind_strategies(suite: Suite) -> Mapping[str, Strategy]:
    """Constant answers and parrots by name, among them the answers that are right most often."""
    commonest = {category: _commonest(suite, category) for category in (None, *suite.categories)}
    return {
        "nothing": lambda _: "",
        "yes": lambda _: "Yes.",
        "no": lambda _: "No.",
        "I don't know": lambda _: "I don't know.",
        "not stated": lambda _: "not stated",
        "refusal": lambda _: "I'm sorry, but I can't help with that.",
        "agreement": lambda _: "Sure, I'd be happy to help! Here is what you asked for.",
        "the user's words": lambda item: item.messages[-1].content,
        "all that was shown": lambda item: "\n".join(message.content for message in item.messages),
        "the agent's own name": lambda item: f"My name is {item.agent}.",
        "the last line of the system message": lambda item: item.messages[0].content.splitlines()[-1],
        "the commonest right answer": lambda _: commonest[None],
        "its category's commonest right answer": lambda item: commonest[item.category],
    }


def _commonest(suite: Suite, category: str | None) -> str:
    """The answer that is right most often, in a category or everywhere; in a conversation that of any turn."""
    items = [item for item in suite.items if category in {None, item.category}]
    given = Counter(answer for item in items for answer in set(right_answers(suite, item)))
    return given.most_common(1)[0][0]
