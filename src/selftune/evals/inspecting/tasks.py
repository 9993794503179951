"""`inspect eval selftune/suite -T name=general --model ...`: one of our suites as a task of Inspect AI.

This module is found by Inspect AI through its entry point and is imported by it alone. Every item is asked live, turn
by turn, and scored by the scorer that it or its suite names. What needs a judge at the gate is refused: judges, their
independence and what they may be sent are matters of a project.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence  # noqa: TC003 - Inspect AI reads the annotations while it runs
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import Score, mean, metric, scorer, stderr
from inspect_ai.solver import solver

from selftune.evals.inspecting.logs import BY_SUITE
from selftune.evals.scoring import Scoring, load_scorer
from selftune.evals.suites import load_suite
from selftune.scoring.units import RIGHT

if TYPE_CHECKING:
    from selftune.evals.base import Score as OurScore
    from selftune.records import SuiteItem

_MESSAGES: Final = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


def make_task(name: str = "state_obedience") -> Any:
    """A suite as a task: `name` is a shipped suite, or a YAML file by its path.

    Raises:
        UnknownNameError: there is no such suite.
        ConfigError: an item is to be graded by a judge.
    """
    suite = load_suite(name)
    generation = suite.generation
    return Task(
        name=suite.name,
        version=suite.version,
        dataset=MemoryDataset([_sample(item) for item in suite.items], name=suite.name),
        solver=play_live(),
        scorer=by_suite(name),
        epochs=suite.repeats,
        config=GenerateConfig(
            temperature=generation.temperature,
            top_p=generation.top_p,
            # Zero means no limit to us, and is refused by some servers.
            top_k=generation.top_k or None,
            max_tokens=generation.max_tokens,
            stop_seqs=list(generation.stop) or None,
            seed=suite.seed % 2**31,
        ),
    )


def _sample(item: SuiteItem) -> Any:
    return Sample(
        id=item.id,
        input=[_MESSAGES[said.role](content=said.content) for said in item.messages],
        target=item.reference or "",
        metadata={
            "category": item.category,
            "difficulty": item.difficulty,
            "agent": item.agent,
            "pair": item.pair,
            "tier": item.tier,
            "follow_ups": list(item.follow_ups),
        },
    )


def make_solver() -> Callable[..., Any]:
    """Ask what stands there, then each follow-up after the model's own words."""

    async def solve(state: Any, generate: Callable[..., Any]) -> Any:
        state = await generate(state)
        for follow_up in state.metadata["follow_ups"]:
            state.messages.append(ChatMessageUser(content=follow_up))
            state = await generate(state)
        return state

    return solve


def make_scorer(name: str) -> Callable[..., Any]:
    """The suite's own scorers on what was answered live."""
    suite = load_suite(name)
    scoring = Scoring(suite, None, load_scorer)
    items = {item.id: item for item in suite.items}

    async def score(state: Any, target: Any) -> Any:
        del target  # Our scorers read what is expected from the item.
        item = items[str(state.sample_id)]
        asked = sum(said.role == "assistant" for said in item.messages)
        answers = tuple(said.text for said in state.messages if said.role == "assistant")[asked:]
        answers = answers or ("",)
        return as_inspect(scoring.score_answers(item, answers), answers[-1])

    return score


def as_inspect(score: OurScore, answer: str) -> Any:
    """Our score in its terms; what has none is left out of its means too."""
    facts = {key: value for key, value in asdict(score).items() if key in _KEPT and value}
    metadata = json.loads(json.dumps(facts))
    explanation = "\n".join(score.reasons)
    if score.value is None:
        return Score.unscored(reason=score.unscored_reason, answer=answer, explanation=explanation, metadata=metadata)
    return Score(value=score.value, answer=answer, explanation=explanation, metadata=metadata)


_KEPT: Final = ("critical_failures", "turn_of_break", "failure", "measures")


def make_unit_metric() -> Callable[..., Any]:
    """The mean as we count it: of a pair, both must be right."""

    def over_units(scores: Sequence[Any]) -> float:
        units: dict[str, list[float]] = {}
        for one in scores:
            facts = one.sample_metadata or {}
            units.setdefault(facts.get("pair") or str(one.sample_id), []).append(one.score.as_float())
        worth = [unit[0] if len(unit) == 1 else float(min(unit) >= RIGHT) for unit in units.values()]
        return sum(worth) / len(worth) if worth else float("nan")

    return over_units


unit_mean = metric(name="unit_mean")(make_unit_metric)
play_live = solver(name="play_live")(make_solver)
by_suite = scorer(metrics=[unit_mean(), mean(), stderr()], name=BY_SUITE)(make_scorer)
suite = task(name="suite")(make_task)
