"""judge: a verdict on each interaction, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from selftune.context import Progress
from selftune.errors import BudgetError, JudgeMissingError
from selftune.failpoints import reach
from selftune.judges.base import JudgesMany
from selftune.judges.batch import Batch
from selftune.judges.bill import plan_bill
from selftune.judges.endpoint import tells_of_outage
from selftune.judges.injection.guard import guard
from selftune.judges.purse import Purse
from selftune.judges.recall import InOrder, Recall
from selftune.judges.rubric import load_rubric
from selftune.plugins import load_plugin
from selftune.records import JudgementStatus
from selftune.scoring.poses import find_constants

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from selftune.context import Context
    from selftune.judges.base import Judge
    from selftune.judges.config import Judging
    from selftune.judges.purse import Prices
    from selftune.records import Interaction, Judgement, Rubric

STAGE_VERSION: Final = 5

_CHUNK: Final = 64
# So many answers are awaited behind one that hangs, and no more are held in memory.
_FURTHEST_AHEAD: Final = 4096
# A judge that fails so often without a verdict in between is not there.
_LONGEST_SILENCE: Final = 25
# One that fails to the last, nobody there, is gone: a transcript that a server can't bear may stand last by chance.
_GONE: Final = 2
_SPENT: Final = "spent"


def judge(interactions: Iterable[Interaction], config: Judging, context: Context) -> Iterator[Judgement]:
    """A verdict for each interaction, in order. Unscored ones say why; none is ever a zero.

    Raises:
        JudgeMissingError: the judge could score none of the interactions, fell silent, or made up too many quotes.
        BudgetError: the budget does not pay for one more verdict; those before are given.
        UnknownNameError: no such judge or rubric.
        ConfigError: the judge needs an endpoint, a model or a key that is not there, or may not be reached.
    """
    appointed: Judge = load_plugin("selftune.judges", config.name).from_config(config)
    log = tuple(interactions) if isinstance(interactions, Iterator) else interactions
    # Code checks what an answer holds, and the same one may be right for many; a model can be pleased by a phrase.
    constants = find_constants(log) if appointed.identity.lineage else frozenset[bytes]()
    rubric = load_rubric(config.rubric, config.codex)
    appointed = guard(appointed, spoiled_copies_from=config.spoiled_copies_from, constants=constants)
    return judge_by(
        appointed,
        log,
        rubric,
        context,
        budget_usd=config.budget_usd,
        required=config.required,
        prices=config.prices_of_a_verdict,
    )


def judge_by(
    appointed: Judge,
    interactions: Iterable[Interaction],
    rubric: Rubric,
    context: Context,
    *,
    budget_usd: float | None = None,
    required: bool = True,
    prices: Sequence[Prices] = (),
) -> Iterator[Judgement]:
    """The same with a judge at hand; no bill is planned without the prices of each call that makes a verdict."""
    batch = Batch(rubric)
    if isinstance(appointed, JudgesMany):
        recall = Recall(appointed, rubric, context)
        if prices:
            batch.planned = plan_bill(appointed, rubric, recall.over(interactions), context, prices)
        if batch.planned is not None:
            context.report(Progress(done=0, total=batch.planned.verdicts, note=batch.planned.describe()))
        asked = _asked(appointed, interactions, rubric, context, budget_usd, batch, recall)
    else:
        asked = (appointed.judge(interaction, rubric, context.draw_salt()) for interaction in interactions)
    # Closed at once when something stops it: calls under way and their connections end with it.
    with closing(asked):
        for judgement in _unless_silent(appointed, asked):
            yield judgement
            batch.add(judgement)
            if batch.judged % _CHUNK == 0:
                _check(batch, appointed, context)
    _check(batch, appointed, context)
    if required and batch.judged and not batch.scored:
        raise _missing(appointed, batch.judged, batch.reasons.most_common(1)[0][0])


def _check(batch: Batch, appointed: Judge, context: Context) -> None:
    context.report(Progress(done=batch.judged, total=None, note=batch.describe()))
    batch.refuse_invented_quotes(appointed.identity.name)


def _asked(
    appointed: JudgesMany,
    interactions: Iterable[Interaction],
    rubric: Rubric,
    context: Context,
    budget_usd: float | None,
    batch: Batch,
    recall: Recall,
) -> Generator[Judgement, None, None]:
    """Verdicts in order, those that were paid for before among them; each new one is kept before anything else."""
    # What an earlier try of this step has spent, or may have spent when it was cut off, counts.
    purse = Purse(budget_usd, float(context.work.get(_SPENT) or 0))
    line = InOrder()

    def take(judgements: list[Judgement]) -> None:
        for judgement in judgements:
            reach("judge-answered")
            recall.keep(judgement)
            reach("judge-kept")
            line.put(judgement.salt, judgement)
            batch.pay(judgement)
        if purse.limited:
            context.work.put(_SPENT, repr(purse.committed_usd).encode())

    try:
        with appointed.sit(rubric, purse, context.work) as sitting:
            for interaction, found in recall.over(interactions):
                salt = context.draw_salt()
                line.expect(salt)
                if found is not None:
                    line.put(salt, found)
                    batch.recalled += 1
                else:
                    while len(line) > _FURTHEST_AHEAD or not sitting.ask(interaction, salt):
                        take(sitting.collect())
                        yield from line.release()
                yield from line.release()
            while sitting.under_way:
                take(sitting.collect())
                yield from line.release()
    except BudgetError:
        # Told to a person, who may now decide to spend as much again.
        context.work.put(_SPENT, b"0")
        raise


def _unless_silent(appointed: Judge, verdicts: Iterator[Judgement]) -> Iterator[Judgement]:
    """The verdicts; failures are held back until a verdict follows, so that an outage leaves none behind.

    Raises:
        JudgeMissingError: there is no verdict, or too many failures in a row.
    """
    failed: list[Judgement] = []
    spoke = False
    for judgement in verdicts:
        if _judge_failed(judgement):
            failed.append(judgement)
            if len(failed) == _LONGEST_SILENCE:
                raise _missing(appointed, len(failed), str(judgement.reason))
            continue
        spoke = True
        yield from failed
        failed.clear()
        yield judgement
    if failed and (not spoke or _is_gone(failed)):
        raise _missing(appointed, len(failed), str(failed[-1].reason))
    yield from failed


def _is_gone(failed: Sequence[Judgement]) -> bool:
    """Whether the last words of a judge that spoke before were that nobody answers: the rest is for another try."""
    return len(failed) >= _GONE and all(tells_of_outage(judgement.reason) for judgement in failed[-_GONE:])


def _judge_failed(judgement: Judgement) -> bool:
    """Whether a model was asked and gave nothing; finding no criterion that applies is an answer."""
    asked = judgement.attempts > 0 and bool(judgement.judge.lineage)
    return asked and judgement.status is JudgementStatus.UNSCORED and not judgement.criteria


def _missing(appointed: Judge, count: int, reason: str) -> JudgeMissingError:
    name = appointed.identity.name
    if tells_of_outage(reason):
        return JudgeMissingError(
            f"judge {name!r} could score none of {count} interactions: {reason}.",
            next_step="See that its endpoint answers, then run the same command again: every verdict so far is kept.",
        )
    return JudgeMissingError(
        f"judge {name!r} could score none of {count} interactions: {reason}. A judge is missing that can read them.",
        next_step=(
            'Name a model as judge in selftune.toml: [judge] name = "oracle", rubric = "golden", '
            'endpoint = "http://127.0.0.1:11434/v1", model = "NAME"; '
            "or import interactions whose system message holds a == STATE == block."
        ),
    )
