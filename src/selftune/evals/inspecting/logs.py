"""An evaluation of ours as a log of Inspect AI, to be looked at in its viewer: `inspect view`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.records import Evaluation, ItemOutcome, Suite, SuiteItem

BY_SUITE: Final = "by_suite"
"""What scores are called in a log, whoever ran the suite: the scorer that each item or the suite names."""


def require_inspect(find: Callable[[str], object | None] = find_spec) -> None:
    """Return where Inspect AI is installed.

    Raises:
        UsageError: it is not.
    """
    if find("inspect_ai") is None:
        raise UsageError("Inspect AI is not installed.", next_step="Run `pip install 'selftune[inspect]'`.")


def write_inspect_log(evaluation: Evaluation, suite: Suite | None, path: Path, *, created: str) -> None:
    """Write one arm's outcomes as a finished log, `.eval` or `.json` by the path's ending.

    Args:
        evaluation: Whose outcomes.
        suite: What was asked, where it is still at hand; without it the log holds answers alone.
        path: Where the log goes.
        created: UTC time as ISO 8601.

    Raises:
        UsageError: Inspect AI is not installed.
    """
    require_inspect()
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalPlan, EvalSpec, write_eval_log
    from inspect_ai.model import GenerateConfig

    items = {item.id: item for item in suite.items} if suite is not None else {}
    generation = evaluation.generation
    drawn = GenerateConfig(
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=generation.top_k or None,
        max_tokens=generation.max_tokens,
        stop_seqs=list(generation.stop) or None,
    )
    spec = EvalSpec(
        created=created,
        task=evaluation.suite,
        eval_id=evaluation.id,
        model=evaluation.build_digest,
        model_generate_config=drawn,
        dataset=EvalDataset(name=evaluation.suite, samples=len({one.item_id for one in evaluation.outcomes})),
        config=EvalConfig(epochs=max(1, len(evaluation.seeds))),
        metadata={
            "suite_digest": evaluation.suite_digest,
            "scorer": evaluation.scorer,
            "scorer_lineage": list(evaluation.scorer_lineage),
            "weights_shown": evaluation.proof.model_digest,
            "fingerprint": evaluation.proof.fingerprint,
            "server": evaluation.proof.server,
        },
    )
    log = EvalLog(
        status="success",
        eval=spec,
        plan=EvalPlan(config=drawn),
        results=_results(evaluation),
        samples=[_sample(one, items.get(one.item_id)) for one in evaluation.outcomes],
    )
    write_eval_log(log, str(path))


def _results(evaluation: Evaluation) -> Any:
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    scored = [one.score for one in evaluation.outcomes if one.score is not None]
    metrics = {"mean": EvalMetric(name="mean", value=sum(scored) / len(scored))} if scored else {}
    score = EvalScore(
        name=BY_SUITE,
        scorer=BY_SUITE,
        scored_samples=len(scored),
        unscored_samples=len(evaluation.unscored),
        metrics=metrics,
    )
    total = len(evaluation.outcomes)
    return EvalResults(total_samples=total, completed_samples=total, scores=[score])


def _sample(outcome: ItemOutcome, item: SuiteItem | None) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, ModelOutput

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    asked = [] if item is None else [kinds[said.role](content=said.content) for said in item.messages]
    answers = outcome.turns or (outcome.answer,)
    follow_ups = () if item is None else item.follow_ups
    played: list[Any] = [*asked]
    for turn, answer in enumerate(answers):
        played.append(ChatMessageAssistant(content=answer))
        if turn < len(follow_ups) and turn + 1 < len(answers):
            played.append(ChatMessageUser(content=follow_ups[turn]))
    return EvalSample(
        id=outcome.item_id,
        epoch=outcome.repeat + 1,
        input=asked or outcome.item_id,
        target="" if item is None else item.reference or "",
        messages=played,
        output=ModelOutput.from_content(model="selftune", content=outcome.answer),
        scores={BY_SUITE: _score(outcome)},
        metadata={
            "category": outcome.category,
            "difficulty": outcome.difficulty,
            "agent": outcome.agent,
            "pair": outcome.pair,
            "tier": outcome.tier,
            "critical_failures": list(outcome.critical_failures),
            "turn_of_break": outcome.turn_of_break,
        },
    )


def _score(outcome: ItemOutcome) -> Any:
    from inspect_ai.scorer import Score

    explanation = "\n".join(outcome.reasons)
    if outcome.score is None:
        return Score.unscored(reason=outcome.unscored_reason, answer=outcome.answer, explanation=explanation)
    return Score(value=outcome.score, answer=outcome.answer, explanation=explanation)
