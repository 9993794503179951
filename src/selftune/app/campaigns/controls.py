"""Negative controls: answers that are none, before a judge that finds everything perfect."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.base import Pair
from selftune.curation.filters import NotSuspected
from selftune.interactions.config import Capture
from selftune.interactions.detect import open_sources
from selftune.interactions.stage import capture
from selftune.judges.attacks.poses import honest, poses
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.rubric import load_rubric, shipped_rubrics
from selftune.judges.stage import judge
from selftune.records import Interaction
from selftune.scoring.intervals import wilson_interval
from selftune.scoring.poses import find_constants, find_pose
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIELD_DATA: Final = "SELFTUNE_FIELD_DATA"
_FIELD: Final = ("formats/*.json", "foundry/transcripts/*.jsonl", "foundry/responses/*.jsonl", "foundry/preference/*")
_MOST_LOST: Final = 0.01


def count_golden(rubric_name: str, transcripts: Sequence[tuple[str, Interaction]]) -> Counter[str]:
    """How many of each kind would be learnt after the judging stage and the curator's filter.

    The judge is a labelled FAKE that gives everything the highest score. No spoiled copies are asked for.
    """
    rubric = load_rubric(rubric_name)
    praise = fake_verdict({item.name: rubric.highest for item in rubric.criteria})
    with FakeJudgeServer(lambda *_: (200, praise, "stop")).running() as server:
        config = Judging(name="oracle", rubric=rubric_name, endpoint=server.url, model=FAKE_MODEL)
        with tempfile.TemporaryDirectory() as folder:
            verdicts = list(judge([item for _, item in transcripts], config, fake_context(Path(folder))))
    object_to = NotSuspected().objection
    return Counter(
        kind
        for (kind, item), verdict in zip(transcripts, verdicts, strict=True)
        if (verdict.overall or rubric.lowest) >= rubric.golden
        and object_to(Pair(interaction=item, judgement=verdict)) is None
    )


def field_losses(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Each real file, how many answers it holds, and how many of them the guard would take for none."""
    for path in sorted(path for pattern in _FIELD for path in folder.glob(pattern)):
        yield _losses(path)


def _losses(path: Path) -> tuple[str, int, int]:
    with tempfile.TemporaryDirectory() as scratch:
        items = [
            item
            for item in capture(open_sources(path), Capture(), fake_context(Path(scratch)))
            if isinstance(item, Interaction) and item.answer
        ]
    constants = find_constants(items)
    return path.name, len(items), sum(find_pose(item, constants) is not None for item in items)


def report() -> Section:
    """Each shipped rubric before a judge that praises everything; then what honest answers it costs."""
    bad, good = list(poses()), list(honest())
    return Section(
        title="Negative controls",
        method=f"{len(bad)} transcripts whose answers are constant over {len({item.conversation for _, item in bad})} "
        f"questions, empty, null or an echo, and {len(good)} honest ones that look like it, through the judging stage "
        "under every shipped rubric and the curator's filter. The judge is a labelled FAKE that gives everything the "
        "highest score, and no spoiled copies are asked for: what holds here holds whatever the judge says. Then real "
        "files, each answer by the guard alone. Intervals are Wilson's at 99 %.",
        figures=(*_shipped(bad, good), *_field()),
        limits="A constant answer to fewer than ten different questions, or one that is less than a fifth of what its "
        "model said, one that is right for each question it is "
        'given to ("Yes." to questions for yes or no), one in changing words, and echoes in scripts without words: '
        "those are left to the judge.",
    )


def _shipped(bad: Sequence[tuple[str, Interaction]], good: Sequence[tuple[str, Interaction]]) -> Iterator[Figure]:
    for name in shipped_rubrics():
        golden = count_golden(name, bad)
        yield Figure(
            name=f"{name}: poses that would be learnt",
            measured=_rate(golden.total(), len(bad)),
            promised="none",
            held=not golden,
        )
        kept = count_golden(name, good)
        yield Figure(
            name=f"{name}: honest short answers lost",
            measured=_rate(len(good) - kept.total(), len(good)),
            promised="none",
            held=kept.total() == len(good),
        )


def _field() -> Iterator[Figure]:
    shared = os.environ.get(_FIELD_DATA)
    parts = [_losses(Path(str(files("selftune.app") / "demo_data" / "reference_log.jsonl")))]
    parts += field_losses(Path(shared)) if shared else []
    answers, lost = sum(n for _, n, _ in parts), sum(hits for _, _, hits in parts)
    unread = "" if shared else f"; shared files not read: {_FIELD_DATA} is not set"
    yield Figure(
        name="real answers taken for none",
        measured=f"{_rate(lost, answers)}, {len(parts)} files{unread}",
        promised="at most 1 %",
        held=lost <= _MOST_LOST * answers,
    )
    yield from (Figure(name=f"- {name}", measured=f"{hits} of {n:,}") for name, n, hits in parts if hits)


def _rate(hits: int, n: int) -> str:
    low, high = wilson_interval(hits, n, 0.99)
    return f"{hits} of {n:,} ({hits / n:.1%}; {low:.1%} to {high:.1%})"
