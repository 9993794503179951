"""judge: a verdict on each interaction, or the reason why there is none."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from selftune.context import Progress
from selftune.errors import JudgeMissingError
from selftune.judges.base import JudgesMany
from selftune.judges.batch import Batch
from selftune.judges.rubric import load_rubric
from selftune.plugins import load_plugin
from selftune.records import Judgement, JudgementStatus, decode_record, digest_of, encode_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Context
    from selftune.judges.base import Judge
    from selftune.judges.config import Judging
    from selftune.records import Interaction, Rubric

T = TypeVar("T")

STAGE_VERSION: Final = 2

_CHUNK: Final = 64


def judge(interactions: Iterable[Interaction], config: Judging, context: Context) -> Iterator[Judgement]:
    """A verdict for each interaction, in order. Unscored ones say why; none is ever a zero.

    Raises:
        JudgeMissingError: the judge could score none of the interactions, or made up too many quotes.
        UnknownNameError: no such judge or rubric.
        ConfigError: the judge needs an endpoint, a model or a key that is not there, or may not be reached.
    """
    appointed: Judge = load_plugin("selftune.judges", config.name).from_config(config)
    return judge_by(appointed, interactions, load_rubric(config.rubric), context)


def judge_by(
    appointed: Judge, interactions: Iterable[Interaction], rubric: Rubric, context: Context
) -> Iterator[Judgement]:
    """The same with a judge at hand."""
    batch = Batch(rubric)
    for chunk in _chunks(iter(interactions), _CHUNK):
        for judgement in _verdicts(appointed, chunk, rubric, context):
            yield judgement
            batch.add(judgement)
        context.report(Progress(done=batch.judged, total=None, note=batch.describe()))
        batch.refuse_invented_quotes(appointed.identity.name)
    if batch.judged and not batch.scored:
        raise _missing(appointed, batch.judged, batch.reasons.most_common(1)[0][0])


def _verdicts(appointed: Judge, chunk: list[Interaction], rubric: Rubric, context: Context) -> Iterator[Judgement]:
    """Verdicts of one chunk; those that a model was paid for are kept first, and found again after a crash."""
    if not isinstance(appointed, JudgesMany):
        yield from (appointed.judge(interaction, rubric, context.draw_salt()) for interaction in chunk)
        return
    keys = [digest_of(["verdict", appointed.identity, rubric.id, interaction.id]) for interaction in chunk]
    found = [context.work.get(key) for key in keys]
    asked = [(item, context.draw_salt()) for item, kept in zip(chunk, found, strict=True) if kept is None]
    fresh = appointed.judge_many(asked, rubric)
    for key, kept in zip(keys, found, strict=True):
        if kept is not None:
            yield decode_record(kept.decode(), Judgement)
            continue
        judgement = next(fresh)
        # An unscored one is not kept: the next try may reach a judge that has come back.
        if judgement.status is JudgementStatus.SCORED:
            context.work.put(key, encode_record(judgement).encode())
        yield judgement


def _missing(appointed: Judge, count: int, reason: str) -> JudgeMissingError:
    name = appointed.identity.name
    return JudgeMissingError(
        f"judge {name!r} could score none of {count} interactions: {reason}. A judge is missing that can read them.",
        next_step=(
            'Name a model as judge in selftune.toml: [judge] name = "openai", rubric = "golden", '
            'endpoint = "http://127.0.0.1:11434/v1", model = "NAME"; '
            "or import interactions whose system message holds a == STATE == block."
        ),
    )


def _chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(items, size)):
        yield chunk
