"""What a cycle, a plan and a project come to, as plain data: for `--json` and for the screen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from selftune.app.evidence import evaluations_of
from selftune.app.next_step import next_step, under_way
from selftune.records import (
    Build,
    Dataset,
    Decision,
    Evaluation,
    Interaction,
    Judgement,
    Release,
    Run,
)
from selftune.records.codec import to_builtins

if TYPE_CHECKING:
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.loop.runner import CycleReport
    from selftune.release.live import LiveServer, LiveStatus
    from selftune.scoring.units import Mean


def generation_summary(project: Project, report: CycleReport) -> dict[str, Any]:
    """One turn of the loop: decision, release, scores of both arms, timings."""
    return {
        "number": report.generation,
        "decision": None if report.decision is None else decision_summary(report.decision),
        "halted": None if report.halted is None else to_builtins(report.halted),
        "release": None if report.release is None else release_summary(project, report.release),
        "scores": {} if report.decision is None else scores_of(project, report.decision),
        "further": {} if report.decision is None else further_scores(project, report.decision),
        "timings": [to_builtins(timing) for timing in report.timings],
    }


def decision_summary(decision: Decision) -> dict[str, Any]:
    """The outcome, its reason and every check."""
    return {
        "id": decision.id,
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "difference": decision.difference,
        "interval": decision.interval,
        "n": decision.n,
        "build_id": decision.build_id,
        "checks": [to_builtins(check) for check in decision.checks],
    }


def release_summary(project: Project, release: Release) -> dict[str, Any]:
    """What serves since then."""
    build = project.store.record(release.build_id, Build)
    return {
        "version": release.version,
        "build_id": release.build_id,
        "build_digest": release.build_digest,
        "gguf": release.model_file,
        "form": build.form.value,
        "quantisation": build.quantisation,
        "size_bytes": build.size_bytes,
    }


def scores_of(project: Project, decision: Decision) -> dict[str, Any]:
    """Each arm's mean with its interval, overall and by category, over the suite's unit."""
    return {arm.value: arm_summary(evaluation) for arm, evaluation in evaluations_of(project, decision).items()}


def further_scores(project: Project, decision: Decision) -> dict[str, Any]:
    """The same on each suite beside the one that decided."""
    return {
        one.suite: {
            arm.value: arm_summary(evaluation)
            for arm, name in one.arms
            for evaluation in project.store.kept_records([name], Evaluation)
        }
        for one in decision.further
    }


def arm_summary(evaluation: Evaluation) -> dict[str, Any]:
    """One arm: pairs count as one where the suite pairs its items, both right or nothing."""
    from selftune.evals.summaries import summarise

    unit = "pair" if any(outcome.pair for outcome in evaluation.outcomes) else "item"
    summary = summarise(evaluation, unit)
    return {
        **mean_summary(summary.overall),
        "build_digest": evaluation.build_digest,
        "unit": unit,
        "by_category": {name: mean_summary(mean) for name, mean in summary.by_category},
        "unscored": [{"item_id": item_id, "reason": reason} for item_id, reason in summary.unscored],
    }


def mean_summary(mean: Mean) -> dict[str, Any]:
    """A mean, its interval and what it is taken over."""
    return {"mean": mean.value, "interval": mean.interval, "n": mean.n}


def _judging_costs(plan: Plan) -> str:
    from selftune.app.judging import expected_cost
    from selftune.loop.plan import Logged

    ids = [name for source in plan.sources if isinstance(source, Logged) for name in source.interactions.ids]
    more = getattr(plan.sources[-1], "answers_per_prompt", 0)
    return expected_cost(plan.store, plan.judge_identity, ids, more_answers=more)


def _evaluating_takes(plan: Plan) -> str:
    """How many answers, and at the pace of the last evaluation how many minutes."""
    asks, last = plan.asks(), plan.store.last(Evaluation)
    told = f"{asks} answers at most, what is held out of the log not counted"
    if last is None or not last.outcomes:
        return f"{told}; how fast they come is not known yet"
    minutes = math.ceil(asks * last.wall_seconds / len(last.outcomes) / 60)
    return f"{told}; about {max(1, minutes)} min at the pace of the last evaluation"


def training_takes(plan: Plan) -> str:
    """How often the recipe is trained, and at the pace of the last training how many minutes."""
    if plan.recipe is None:
        return "none: the best prompt before the base is the candidate"
    last = plan.store.last(Run)
    minutes = 0 if last is None else max(1, math.ceil(last.wall_seconds / 60))
    pace = f"; about {minutes} min each at the pace of the last training" if minutes else ""
    if not plan.again:
        return f"once{pace}"
    return f"once, and {len(plan.again)} times more under other seeds if nothing else stops the candidate{pace}"


def _searching_takes(plan: Plan) -> str:
    """How many answers a search for a prompt asks for, and who judges them."""
    wanted = plan.prompts
    if wanted is None:
        return "none is searched for"
    shown = f"up to {wanted.shown} lessons shown"
    return f"up to {wanted.answers} answers by the base, graded by {wanted.grader.name}; {shown}"


def _grading_costs(plan: Plan) -> str:
    """What the judge at the gate will cost for each arm that it has not graded before, suite by suite."""
    from selftune.loop.measuring.grading import foresee_grading

    bills = [(asked.suite.name, foresee_grading(asked)) for asked in (plan.evaluation, *plan.further)]
    told = [f"{name}: {bill.describe()}" for name, bill in bills if bill is not None]
    if plan.holdout is not None and plan.holdout.grader.lineage:
        told.append(f"what is held out: up to {plan.holdout.most} to judge")
    return f"for each arm, {'; '.join(told)}" if told else "nothing: all of it is scored by code"


def plan_summary(plan: Plan) -> dict[str, Any]:
    """What a cycle would do, line by line."""
    from selftune.app.teachers import describe_corrector

    suite = plan.evaluation.suite
    return {
        "generation": plan.generation,
        "new interactions": plan.new_interactions,
        "more answers each": getattr(plan.sources[-1], "answers_per_prompt", 0),
        "judge": plan.judge_identity.name,
        "judging costs": _judging_costs(plan),
        "corrections": describe_corrector(plan.corrector),
        "trigger": f"{plan.curation.trigger} new golden items, overall at least {plan.curation.threshold}",
        "dialogues": f"learnt as {plan.curation.rendering}, as what serves is prompted",
        "recipe": "none: nothing is trained" if plan.recipe is None else plan.recipe.name,
        "training": training_takes(plan),
        "prompts": _searching_takes(plan),
        "form": "the base, behind the prompt" if plan.recipe is None else f"{plan.form.form} {plan.form.quantisation}",
        "suite": f"{suite.name}, {len(suite.items)} items",
        "arms": ", ".join(arm.value for arm, _ in plan.arms_against(plan.champion)),
        "further suites": ", ".join(f"{one.name}, {len(one.items)} items" for one in plan.suites_beside) or "none",
        "evaluating": _evaluating_takes(plan),
        "grading costs": _grading_costs(plan),
        "policy": plan.policy.name,
        "champion": plan.serving.version,
    }


def status_summary(project: Project) -> dict[str, Any]:
    """Where the project stands, and what to do next."""
    from selftune.app.appointed import judge_line
    from selftune.app.doubts_page import standing_in_words, stays_in_words
    from selftune.app.forgetting import forgotten_line
    from selftune.app.trial_page import canary_line
    from selftune.app.unseen import breaker_line
    from selftune.loop.lessons.coldstart import look_ahead
    from selftune.loop.releasing.service import make_target
    from selftune.release.live import LiveServer

    store = project.store
    release, decision = store.last(Release), store.last(Decision)
    outlook = look_ahead(project)
    server = LiveServer(make_target(project))
    live = server.status()
    return {
        "project": project.config.project.name,
        "base": project.base.name,
        "serves": serving_words(release, live),
        "address": None if live is None else live.address,
        "problem": _problem(server, live),
        "interactions": store.count(Interaction),
        "judgements": store.count(Judgement),
        "judge": judge_line(project),
        "set_aside": sum(1 for _ in store.waiting()),
        "datasets": store.count(Dataset),
        "runs": store.count(Run),
        "new": outlook.new,
        "lessons": outlook.in_words,
        "sooner": outlook.helps_sooner,
        "last_decision": None if decision is None else f"{decision.outcome.value}: {decision.reason}",
        "concerns": standing_in_words(project),
        "forgotten": forgotten_line(project),
        "brake": "; ".join(stays_in_words(project)) or None,
        "breaker": breaker_line(project),
        "alarm": alarm_line(project),
        "canary": canary_line(project),
        "under_way": under_way(project),
        "next": next_step(project, new=outlook.new),
    }


def alarm_line(project: Project) -> str | None:
    """Every alarm about the nights in one line; None where all is well."""
    from selftune.loop.night.alarms import alarms
    from selftune.loop.night.clock import SystemClock

    return " ".join(f"{alarm.text} {alarm.next_step}" for alarm in alarms(project, SystemClock().now())) or None


def _problem(server: LiveServer, live: LiveStatus | None) -> str | None:
    """What to know of what serves, or of what serves elsewhere; None where all is well."""
    if live is not None:
        return live.problem
    address = server.original()
    return None if address is None else f"this folder is a copy of the project that serves at {address}"


def serving_words(release: Release | None, live: LiveStatus | None) -> str | None:
    """What serves: the newest release, or the one before it while that one can't be served; or why none does now."""
    if release is None:
        return None
    newest = f"{release.version} (generation {release.generation})"
    if live is not None and live.resting is not None:
        return f"nothing now, {newest} again after this: {live.resting}"
    return newest if live is None or live.problem is None else f"{live.version}, in place of {newest}"
