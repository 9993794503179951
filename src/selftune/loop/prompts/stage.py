"""search_prompt: which system prompt and which shown lessons do best before the base, on the training split alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.builds.prompts import PromptLayout, prompted
from selftune.errors import BelowTriggerError
from selftune.evals.lengths import tokens_needed
from selftune.gate.statistics.paired import difference_interval
from selftune.loop.prompts.asking import AskedAsServed, greedy, suite_of
from selftune.loop.prompts.drafts import NOTHING, Draft, draft_prompts, part
from selftune.loop.prompts.search import FEWEST, Budget, search
from selftune.records import PromptSearch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.loop.measuring.grading import GateJudge
    from selftune.loop.prompts.drafts import Parts
    from selftune.loop.prompts.search import Searched
    from selftune.records import Build, Dataset, Example, Rubric

STAGE_VERSION: Final = 1
AS_SERVED: Final = True  # what serves names the step too

FEWEST_QUESTIONS: Final = 2 * FEWEST
_LEVEL: Final = 0.95
# Of all answers, so many look at the winner on lessons that had no part in choosing it.
_LAST_LOOK: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class PromptSearching:
    """How a prompt is searched for.

    Attributes:
        base: What the prompts are put before.
        grader: The judge of the lessons, which also drafts by its rubric: what is searched for is what it calls golden.
        rubric: By what it judges.
        answers: So many answers are asked for at most.
        shown: So many lessons a prompt shows at most.
        own: A prompt that a person wrote, tried with the others; empty for none.
        slots: Parallel slots of the server.
    """

    base: Build
    grader: GateJudge
    rubric: Rubric
    answers: int
    shown: int
    own: str = ""
    slots: int = 1


def search_prompt(dataset: Dataset, config: PromptSearching, context: Context) -> PromptSearch:
    """What did best on one part of the training split, looked at once on another; the hold-out is never asked.

    Raises:
        BelowTriggerError: there are too few different questions to choose by.
        JudgeMissingError: the judge can't score what a model says now.
        BudgetError: the money for judging is used up; what it paid for is kept.
        ServingError: the base can't be served.
    """
    parts = part(dataset.train, context.seed)
    if len(parts.asked) < FEWEST_QUESTIONS or not parts.fresh:
        raise BelowTriggerError(
            f"{len(parts.asked) + len(parts.fresh)} different questions are too few to choose a prompt by.",
            next_step=f"Collect or import more, until {2 * FEWEST_QUESTIONS} different questions have golden answers.",
        )
    room = context.base.context_length
    drafts = [
        draft
        for draft in draft_prompts(config.rubric, parts.asked, parts.pool, config.own)
        if draft.text is None or _tokens(parts, draft, config) <= room
    ]
    largest = max(_tokens(parts, _with_most(draft, parts.pool, config), config) for draft in drafts)
    with context.serve(config.base, slots=config.slots, context_tokens=min(largest, room)) as served:
        rate = AskedAsServed(served, config.base, config.grader, config.slots, context)
        last_look = min(len(parts.fresh), int(config.answers * _LAST_LOOK) // 2)
        budget = Budget(answers=config.answers - 2 * last_look, shown=config.shown)
        found = search(drafts, parts.pool, parts.asked, rate, budget)
        return _looked_at_again(found, parts.fresh[:last_look], rate, dataset, config)


def _looked_at_again(
    found: Searched, fresh: Sequence[Example], rate: AskedAsServed, dataset: Dataset, config: PromptSearching
) -> PromptSearch:
    """The record, with what the winner did on lessons that had no part in choosing it."""
    best = found.best
    record = PromptSearch(
        dataset_id=dataset.id,
        build_id=config.base.id,
        judge=config.grader.judge_identity,
        rubric_digest=config.rubric.id,
        tried=found.tried,
        name=best.name,
        instruction=best.instruction,
        shown=best.shown,
        ended=found.ended,
    )
    if best.text is not None and fresh:
        bare, with_prompt = rate([Draft(made_of=NOTHING), best], fresh)
        both = [(old, new) for old, new in zip(bare, with_prompt, strict=True) if old is not None and new is not None]
        if both:
            differences = [new - old for old, new in both]
            record = replace(
                record,
                gain=fmean(differences),
                interval=difference_interval(differences, _LEVEL),
                before=fmean(old for old, _ in both),
                n=len(both),
                prompt_tokens=rate.tokens_of(best, fresh[0]),
            )
    return replace(record, answers=rate.answers, cost_usd=rate.cost_usd)


def _tokens(parts: Parts, draft: Draft, config: PromptSearching) -> int:
    """Room for the longest question and its answer under this draft."""
    build = prompted(config.base, PromptLayout(instruction=draft.text))
    return tokens_needed(suite_of([*parts.asked, *parts.fresh], greedy(config.base)), build)


def _with_most(draft: Draft, pool: Sequence[Example], config: PromptSearching) -> Draft:
    """The draft with as many of the longest lessons as it may come to show."""
    longest = sorted(pool, key=lambda lesson: -sum(len(message.content) for message in lesson.messages))
    return replace(draft, lessons=tuple(longest[: config.shown]))
