"""What was held out becomes a suite: each arm answers its prompts as served, and the judge at the gate grades them.

The whole of it counts, answers of the log that were good and those that were bad: a test made only of favourites
flatters every model. Items whose answer in the log was golden stand in a category of their own, so that they can be
looked at alone.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.evals.base import JUDGE
from selftune.evals.config import EvaluationConfig
from selftune.gate.rules.further import GOLDEN, HOLDOUT
from selftune.judges.rubric import load_rubric
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.measuring.grading import GateJudge, appoint, consent_to, gate_judging
from selftune.records import Judgement, JudgementStatus, Suite, SuiteItem, digest_of, not_erased

if TYPE_CHECKING:
    from selftune.context import Reader
    from selftune.gate.config import Policy
    from selftune.judges.config import Judging
    from selftune.loop.project import Project
    from selftune.records import Dataset, Example, GenerationParameters

OTHER: Final = "other"
HELD_OUT: Final = "held_out"


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """How what is held out is asked and graded.

    Attributes:
        fewest: With fewer prompts to ask the gate could measure nothing, and none is asked.
        most: So many prompts are asked at most; which ones is drawn, and stays so when the log grows.
        threshold: Overall from which on an answer of the log was golden.
        generation: How answers are drawn: as what serves draws them.
    """

    grader: GateJudge
    fewest: int
    most: int
    threshold: float
    seed: int
    repeats: int
    slots: int
    generation: GenerationParameters

    def asked_of(self, dataset: Dataset, read: Reader) -> EvaluationConfig | None:
        """The suite of this dataset's hold-out, and how it is asked; None where nothing of it can be graded."""
        suite = holdout_suite(dataset, read, self)
        if suite is None:
            return None
        return EvaluationConfig(suite=suite, repeats=self.repeats, slots=self.slots, grader=self.grader)


def holdout_suite(dataset: Dataset, read: Reader, how: Holdout) -> Suite | None:
    """One item for each prompt that was held out and can be graded; None where there are too few."""
    by_code, nearby = not how.grader.lineage, how.grader.nearby
    items: dict[str, SuiteItem] = {}
    met = Counter[str]()
    for example in not_erased(dataset.holdout):
        judgement = None if example.judgement_id is None else read.record(example.judgement_id, Judgement)
        # Code that could not read the prompt once can't read it now; a model may.
        if by_code and (judgement is None or judgement.status is not JudgementStatus.SCORED):
            continue
        item = _item(example, judgement, how.threshold)
        if not (nearby or consent_to(item, read).send):
            continue
        # A dialogue of personas is several calls, each an item of its own.
        met[item.id] += 1
        named = item if met[item.id] == 1 else replace(item, id=f"{item.id}/{met[item.id]}")
        items.setdefault(digest_of(example.messages[:-1]), named)
    drawn = sorted(items.values(), key=lambda item: digest_of([how.seed, item.id]))[: how.most]
    if not drawn or len(drawn) < how.fewest:
        return None
    return Suite(
        name=HOLDOUT,
        version=digest_of([item.id for item in drawn]),
        description="What was held out of the log before anything was chosen to learn from.",
        scorer=JUDGE,
        unit="item",
        categories=tuple(sorted({item.category for item in drawn})),
        generation=how.generation,
        seed=how.seed,
        items=tuple(drawn),
    )


def _item(example: Example, judgement: Judgement | None, threshold: float) -> SuiteItem:
    overall = None if judgement is None else judgement.overall
    golden = overall is not None and overall >= threshold
    return SuiteItem(
        id=example.interaction_id,
        category=GOLDEN if golden else OTHER,
        behaviour=HOLDOUT,
        difficulty="as met",
        messages=example.messages[:-1],
        expect="{}",
        reference=example.messages[-1].content if golden else None,
        tier=HELD_OUT,
        origin=example.interaction_id,
    )


def make_holdout(
    project: Project, curation: Judging, generation: GenerationParameters, policy: Policy
) -> Holdout | None:
    """How this project grades what it holds out; None where nobody may.

    The judge under [gate_judge] grades. Without one, the judge of the lessons does if it is code: it sees a text alone,
    and what it can't see it can't see on either side. A model that chose the lessons grades no exam on them.

    Raises:
        ConfigError: the judge needs an endpoint, a model or a key that is not there, or may not be reached.
        UnknownNameError: there is no such rubric.
    """
    config = project.config
    section = config.evaluation
    judging = gate_judging(project) or (curation if not appoint(curation).identity.lineage else None)
    if judging is None or section.holdout_items == 0:
        return None
    rubric = load_rubric(find_text(project.folder, "rubric", judging.rubric), codex_of(project.folder, config))
    return Holdout(
        grader=GateJudge(judging, ((JUDGE, rubric),)),
        fewest=math.ceil(policy.min_units / (1 - policy.max_unscored)) if policy.max_unscored < 1 else policy.min_units,
        most=section.holdout_items,
        threshold=config.curation.threshold,
        seed=config.project.seed,
        repeats=section.repeats,
        slots=section.slots,
        generation=generation,
    )
