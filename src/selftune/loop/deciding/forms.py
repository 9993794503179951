"""One run in every serving form: each is built, served and asked the same, and the gate's ladder chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.builds.config import FORMS, BuildConfig
from selftune.builds.stage import ParityError, build
from selftune.context import spread_seeds
from selftune.errors import ServingError
from selftune.evals.answers import drawn_order, questions_of
from selftune.evals.stage import evaluate
from selftune.gate.ladder.forms import FormChoice, ServedForm, choose_form
from selftune.records import ServingForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.evals.config import EvaluationConfig
    from selftune.gate.config import Policy
    from selftune.loop.executor import Executor
    from selftune.records import Build, Evaluation, Run, Suite

AGAINST: Final = "adapter"
"""The form that the others are held against: what was trained, not written down any other way."""

_TIMED: Final = 8


@dataclass(frozen=True, kw_only=True)
class TriedForm:
    """What came of one form.

    Attributes:
        build: None where it could not be built.
        evaluation: None where it was not asked.
        further: What it did on suites beside the one that decides.
        tokens_per_second: Of answers to the suite's own questions, one at a time, on this machine today.
        broken: Why it can't be served at all.
        unfit: Why it was not asked, or can't be chosen whatever it scores.
    """

    name: str
    build: Build | None = None
    evaluation: Evaluation | None = None
    further: tuple[tuple[Suite, Evaluation], ...] = ()
    tokens_per_second: float | None = None
    broken: str | None = None
    unfit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How forms are built and asked, by which policy they are chosen from, and how large one may be.

    Attributes:
        further: What else each is asked; that may stop a form, and never has one chosen.
    """

    layout: BuildConfig
    asked: EvaluationConfig
    further: tuple[EvaluationConfig, ...] = ()
    policy: Policy
    largest_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ComparedForms:
    """Every form that was tried, in the order of the names, and which one to serve."""

    run: Run
    tried: tuple[TriedForm, ...]
    choice: FormChoice


def compare_forms(
    run: Run, names: Sequence[str], wanted: Comparison, step: Executor, context: Context
) -> ComparedForms:
    """Build, serve and ask the run in each of these forms and in the one that they are held against.

    A form that can't be built faithfully or served is told and left out; what is too large is built and not asked.

    Raises:
        ParityError: the adapter apart does not answer as what was trained, so that there is nothing to hold against.
        ServingError: it can't be served.
        UnknownNameError: there is no such form.
    """
    against = _try(AGAINST, run, wanted, step, context)
    others = [name for name in FORMS if name in {*names} - {AGAINST}]
    tried = (against, *(_try_or_tell(name, run, wanted, step, context) for name in others))
    served = {one.name: form for one in tried if (form := _as_served(one)) is not None}
    rest = [form for name, form in served.items() if name != AGAINST]
    choice = choose_form(served[AGAINST], rest, wanted.asked.suite, wanted.policy)
    return ComparedForms(run=run, tried=tried, choice=choice)


def _try_or_tell(name: str, run: Run, wanted: Comparison, step: Executor, context: Context) -> TriedForm:
    try:
        return _try(name, run, wanted, step, context)
    except (ParityError, ServingError) as error:
        return TriedForm(name=name, broken=error.message)


def _try(name: str, run: Run, wanted: Comparison, step: Executor, context: Context) -> TriedForm:
    made = step(build, run, wanted.layout.laid_out_as(name))
    unfit = None
    if wanted.largest_bytes is not None and made.size_bytes > wanted.largest_bytes:
        unfit = f"{made.size_bytes:,} bytes are more than the {wanted.largest_bytes:,} that fit"
        if made.form is not ServingForm.ADAPTER:
            return TriedForm(name=name, build=made, unfit=unfit)
    return TriedForm(
        name=name,
        build=made,
        evaluation=step(evaluate, made, wanted.asked),
        further=tuple((beside.suite, step(evaluate, made, beside)) for beside in wanted.further),
        tokens_per_second=tokens_per_second(made, wanted.asked.suite, context),
        unfit=unfit,
    )


def _as_served(tried: TriedForm) -> ServedForm | None:
    if tried.build is None or tried.evaluation is None:
        return None
    return ServedForm(
        name=tried.name, build=tried.build, evaluation=tried.evaluation, further=tried.further, unfit=tried.unfit
    )


def tokens_per_second(made: Build, suite: Suite, context: Context) -> float | None:
    """How fast it answers some of the suite's questions, one after the other; None where it says nothing."""
    questions = drawn_order(suite, questions_of(suite, tuple(spread_seeds(suite.seed, 1))))
    first, *rest = [question.request(()) for question in islice(questions, _TIMED + 1)]
    greedy = replace(suite.generation, temperature=0.0)
    with context.serve(made) as served:
        served.chat(first, greedy)  # the first answer also pays for a cold start
        began = context.elapsed()
        tokens = sum(served.chat(request, greedy).completion_tokens for request in rest or [first])
        seconds = context.elapsed() - began
    return tokens / seconds if tokens and seconds > 0 else None
