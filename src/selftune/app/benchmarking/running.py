"""A benchmark from its names to its figures: one model after the other, each asked every suite."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from selftune.app.benchmarking.answering import BuildAnswers, Time, reach
from selftune.app.benchmarking.asking import ask_suite, questions_in_order, take_items
from selftune.app.benchmarking.models import Hosted, OwnBuild, find_contenders
from selftune.app.benchmarking.results import Benchmarked, LeftOut, Measured, OnSuite, rows_of
from selftune.app.suites.linting import suite_named
from selftune.bases.thinking import marks_of_folder
from selftune.context import Progress, spread_seeds
from selftune.errors import MissingFileError, ServingError, UsageError
from selftune.evals.base import Answered
from selftune.evals.bundle import made_with
from selftune.evals.config import EvaluationConfig
from selftune.evals.lengths import tokens_needed
from selftune.evals.recall import asked_of
from selftune.evals.scoring import Scoring, load_scorer, outcome_of
from selftune.evals.stage import lineage_of
from selftune.judges.endpoint import objection_to_sending
from selftune.loop.incoming.privacy import TodaysRules, rules_of
from selftune.loop.measuring.grading import as_interaction, consent_to, make_gate_judge
from selftune.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from selftune.app.benchmarking.answering import Answering
    from selftune.app.benchmarking.asking import Heard, Objection
    from selftune.app.benchmarking.models import Asked, Contender
    from selftune.evals.answers import Question
    from selftune.loop.project import Project
    from selftune.records import ItemOutcome, ServingProof

FOLDER: Final = "benchmarks"
EVENT: Final = "benchmarked"
REAL: Final = Time()


def run_benchmark(
    project: Project,
    asked: Asked,
    *,
    out: Path | None = None,
    tell: Callable[[str], None],
    told: Callable[[Progress], None] = lambda _: None,
    passing: Time = REAL,
) -> Benchmarked:
    """Ask every model every suite, and keep each answer as soon as its model is done.

    Of a build of ours an Evaluation is kept as well. Nothing of it decides anything: the gate asks anew.

    Args:
        project: Its config says which hosts may be called, and its builds are models too.
        asked: Who is asked what.
        out: The page that will be written; the rows lie beside it. None: in the project's folder `benchmarks`.
        tell: Is told who is asked.
        told: Is told how many questions were put, of all to all models.
        passing: How time passes.

    Raises:
        UsageError, UnknownNameError, ConfigError: a model, a suite, an endpoint or a key is wrong; nobody was asked.
        JudgeMissingError, BudgetError: a suite needs a judge, and it is not there or its money is used up.
    """
    contenders = find_contenders(project, asked)
    configs = tuple(_config(project, name, asked) for name in asked.suites or (project.config.evaluation.suite,))
    files = _files(project, out, configs)
    left_out: list[LeftOut] = []
    measured: dict[str, list[Measured]] = {config.asked: [] for config in configs}
    count, total = itertools.count(1), len(contenders) * sum(len(questions_in_order(config)) for config in configs)
    for contender in contenders:
        tell(f"Asking {contender.name} …")
        heard = partial(_tell_next, count, total, told)
        found = asyncio.run(_ask(project, contender, configs, asked.at_once, passing, heard))
        if isinstance(found, LeftOut):
            left_out.append(found)
            continue
        for config, path, one in zip(configs, files, found, strict=True):
            kept = _keep(project, contender, config, one)
            measured[config.asked].append(kept)
            _append(path, kept)
    return Benchmarked(
        suites=tuple(
            OnSuite(
                suite=config.asked,
                digest=config.asked_digest,
                scorer=_scoring(config).name,
                measured=tuple(measured[config.asked]),
            )
            for config in configs
        ),
        left_out=tuple(left_out),
        at_once=asked.at_once,
        files=tuple(path for path in files if path.exists()),
    )


def _tell_next(count: Iterator[int], total: int, told: Callable[[Progress], None]) -> None:
    told(Progress(done=next(count), total=total))


def _config(project: Project, name: str, asked: Asked) -> EvaluationConfig:
    """A suite as all are asked it, with the judge at the gate where one of its items needs one."""
    suite = take_items(suite_named(project.folder, name), asked.items)
    if len({item.weight for item in suite.items}) > 1:
        raise UsageError(
            f"the items of suite {suite.name!r} weigh unequally, and models are compared by items that weigh alike.",
            next_step="Name another suite, or give all its items one weight.",
        )
    return EvaluationConfig(suite=suite, slots=asked.at_once, grader=make_gate_judge(project, suite))


def _scoring(config: EvaluationConfig) -> Scoring:
    return Scoring(config.suite, config.grader, load_scorer)


def _files(project: Project, out: Path | None, configs: Sequence[EvaluationConfig]) -> tuple[Path, ...]:
    """A file for each suite; none is written over.

    Raises:
        UsageError: one is there already, or a suite is named twice.
        MissingFileError: there is no such folder.
    """
    if out is None:
        folder, stem = project.folder / FOLDER, project.now().replace(":", "-")
        folder.mkdir(exist_ok=True)
    else:
        folder, stem = out.absolute().parent, out.stem
        if not folder.is_dir():
            raise MissingFileError(f"there is no folder {folder}.", next_step="Make it first.")
    names = [config.suite.name.replace(", ", "-").replace(" ", "-") for config in configs]
    paths = tuple(folder / f"{stem}.{name}.jsonl" for name in names)
    if len(set(paths)) < len(paths):
        raise UsageError("a suite is named twice.", next_step="Name each suite once.")
    for path in (*paths, *((out,) if out else ())):
        if path.exists():
            raise UsageError(f"{path} is there already.", next_step="Name another file with --out.")
    return paths


def _append(path: Path, measured: Measured) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{row}\n" for row in rows_of(measured))


# --- One model --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A model that can be asked; `proof` where its server gave one."""

    answering: Answering
    proof: ServingProof | None


@dataclass(frozen=True, kw_only=True)
class _Done:
    """What one model said to one suite, and who answered by the server's own account."""

    heard: Heard
    proof: ServingProof | None
    usd: float | None


async def _ask(
    project: Project,
    contender: Contender,
    configs: Sequence[EvaluationConfig],
    at_once: int,
    passing: Time,
    heard: Callable[[], None],
) -> tuple[_Done, ...] | LeftOut:
    """What one model says to each suite; or that it was away for one of them, and is left out of all.

    `heard` is called after each question.
    """
    done: list[_Done] = []
    try:
        async with _open(project, contender, configs, at_once, passing) as opened:
            for config in configs:
                said = await ask_suite(
                    opened.answering,
                    questions_in_order(config),
                    config.suite.generation,
                    _objection(project, contender),
                    passing.clock,
                    at_once=at_once,
                    heard=heard,
                )
                if said.away is not None:
                    return LeftOut(model=contender.name, reason=said.away)
                done.append(_Done(heard=said, proof=opened.proof, usd=_usd(contender, said)))
    except ServingError as error:
        return LeftOut(model=contender.name, reason=error.message.rstrip("."))
    return tuple(done)


@asynccontextmanager
async def _open(
    project: Project,
    contender: Contender,
    configs: Sequence[EvaluationConfig],
    at_once: int,
    passing: Time,
) -> AsyncIterator[_Opened]:
    """A connection to an endpoint, or a server of our own for as long as it is asked."""
    if isinstance(contender, Hosted):
        seconds = project.config.benchmark.timeout_seconds
        async with reach(contender.endpoint, passing, at_once=at_once, timeout_seconds=seconds) as answering:
            yield _Opened(answering=answering, proof=None)
        return
    context, build = project.context(), contender.build
    room = min(max(tokens_needed(config.suite, build) for config in configs), context.base.context_length)
    with context.serve(build, slots=at_once, context_tokens=room) as served:
        yield _Opened(answering=BuildAnswers(served, marks_of_folder(context.base_folder), passing), proof=served.proof)


def _objection(project: Project, contender: Contender) -> Objection:
    """Why a question may not be sent where this model is; people's words go only as far as they agreed."""
    if isinstance(contender, OwnBuild):
        return lambda _: None
    endpoint, outlet, read = contender.endpoint, TodaysRules(rules_of(project.config)), project.context().read

    def objection(question: Question) -> str | None:
        said = Answered(item=question.item, scorer="", repeat=question.repeat, answers=())
        return objection_to_sending(as_interaction(said, consent_to(question.item, read)), endpoint, outlet)

    return objection


def _usd(contender: Contender, heard: Heard) -> float | None:
    """What the endpoint's tokens come to, the warm-up's too; None without prices or counts."""
    prices = None if isinstance(contender, OwnBuild) else contender.prices
    said = (*((heard.warm_up,) if heard.warm_up else ()), *heard.said)
    if prices is None or any(one.usage is None for one in said):
        return None
    return sum(prices.cost(one.usage) for one in said if one.usage is not None)


# --- What is kept -----------------------------------------------------------------------------------------------------


def _keep(project: Project, contender: Contender, config: EvaluationConfig, done: _Done) -> Measured:
    """Score what was said, and put a build of ours on record."""
    scoring, heard, context = _scoring(config), done.heard, project.context()
    scores = scoring.score(heard.played, context)
    outcomes = tuple(
        # Nothing asked here is taken for an answer at the gate, which asks in the server's own slots.
        replace(
            outcome_of(
                one, score, asked=asked_of(one.question, config.suite.generation), graded=scoring.graded(one.question)
            ),
            asked=None,
        )
        for one, score in zip(heard.played, scores, strict=True)
    )
    calls, judge_usd = sum(score.calls for score in scores), sum(score.cost_usd for score in scores)
    record_id = None
    if isinstance(contender, OwnBuild) and done.proof is not None:
        evaluation = Evaluation(
            build_id=contender.build.id,
            build_digest=contender.build.digest,
            proof=done.proof,
            suite=config.asked,
            suite_digest=config.asked_digest,
            scorer=scoring.name,
            scorer_lineage=lineage_of(scoring, scores),
            generation=config.suite.generation,
            seeds=tuple(spread_seeds(config.suite.seed, config.rounds)),
            outcomes=outcomes,
            wall_seconds=heard.wall_seconds,
            judge_calls=calls,
            cost_usd=judge_usd,
            made_with=made_with(),
        )
        record_id = project.store.save([evaluation], event=EVENT)[0]
    return _measured(contender, done, outcomes, judge_usd, record_id)


def _measured(
    contender: Contender, done: _Done, outcomes: tuple[ItemOutcome, ...], judge_usd: float, record_id: str | None
) -> Measured:
    said = done.heard.said
    everything = (*((done.heard.warm_up,) if done.heard.warm_up else ()), *said)
    counted = all(one.usage is not None for one in everything)
    return Measured(
        model=contender.name,
        outcomes=outcomes,
        answered_by=_answered_by(done),
        proved=done.proof is not None,
        answers=len(said),
        wall_seconds=done.heard.wall_seconds,
        seconds=tuple(sorted(one.seconds for one in said)),
        tokens_in=sum(one.usage.prompt for one in everything if one.usage) if counted else None,
        tokens_out=sum(one.usage.completion for one in everything if one.usage) if counted else None,
        written=sum(one.usage.completion for one in said if one.usage) if counted else None,
        usd=done.usd,
        judge_usd=judge_usd,
        evaluation_id=record_id,
    )


def _answered_by(done: _Done) -> str:
    if done.proof is not None:
        adapter = f" with adapter {done.proof.adapter_digest}" if done.proof.adapter_digest else ""
        return f"{done.proof.model_digest}{adapter}"
    names = dict.fromkeys(one.model for one in done.heard.said if one.model)
    return ", ".join(names) or "nothing by name"
