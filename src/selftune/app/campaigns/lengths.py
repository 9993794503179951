"""What matching the mean lengths of pairs keeps and drops, on people's preference files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.base import Pair
from selftune.curation.config import Curation
from selftune.curation.preference.pairs import pair_up, pairing_rules
from selftune.curation.preference.style import length_gap
from selftune.curation.rejects import Rejects
from selftune.interactions.detect import open_sources
from selftune.judges.config import Judging
from selftune.judges.stage import judge
from selftune.plugins import load_plugin
from selftune.records import DatasetKind, Interaction
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.curation.preference.pairs import Paired

_TEACHER: Final = "claude-4-sonnet-20250514"
_GAPS: Final = (1.0, 0.1, 0.05, 0.02)
_PLAIN: Final = Curation(kind=DatasetKind.PREFERENCE, teachers=(_TEACHER,))


def report() -> Section:
    """Pairs kept and the gap that is left, for the default and its neighbours."""
    return Section(
        title="Lengths of pairs",
        method="All preference files of the shared data, read as a log, one model in them named as teacher; pairs with "
        f"at most {_PLAIN.length_ratio:g} times as many words on one side, then matched to a gap of means.",
        figures=tuple(_figures()),
        limits="Whether a model that learns from matched pairs is better; nothing was trained on them.",
    )


def _figures() -> Iterator[Figure]:
    data = os.environ.get("SELFTUNE_FIELD_DATA")
    if data is None:
        yield Figure(name="people's preference files", measured="not measured: SELFTUNE_FIELD_DATA is not set")
        return
    logged = _read(Path(data) / "foundry" / "preference")
    for gap in _GAPS:
        name = "no rule" if gap == 1 else f"a gap of {gap:.0%} at most"
        default = " (the default)" if gap == _PLAIN.length_gap else ""
        yield Figure(name=f"{name}{default}", measured=_told(_paired(logged, gap)))


def _read(folder: Path) -> Sequence[Pair]:
    with TemporaryDirectory() as scratch:
        context = fake_context(Path(scratch))
        sources = [source for path in sorted(folder.glob("*.jsonl")) for source in open_sources(path, "auto")]
        said = [one for source in sources for one in source.read(context) if isinstance(one, Interaction)]
        verdicts = judge(said, Judging(required=False), context)
        return [Pair(interaction=one, judgement=verdict) for one, verdict in zip(said, verdicts, strict=True)]


def _paired(logged: Sequence[Pair], gap: float) -> Paired:
    config = replace(_PLAIN, length_gap=gap)
    filters = tuple(load_plugin("selftune.filters", name)() for name in config.filters)
    return pair_up(logged, pairing_rules(config, None), filters, Rejects())


def _told(paired: Paired) -> str:
    left = length_gap(paired.preferences)
    if left is None or left.low is None or left.high is None:
        return f"{len(paired.preferences)} pairs, too few for a gap"
    share = abs(left.chosen - left.rejected) / max(left.chosen, left.rejected)
    interval = f"95 % {left.low:+.0f} to {left.high:+.0f}"
    return f"{left.n} pairs; chosen less rejected {left.chosen - left.rejected:+.0f} words ({interval}), {share:.1%}"
