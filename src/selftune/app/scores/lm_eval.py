"""Sample files of lm-evaluation-harness (`--log_samples`): a JSON line for each document.

The form: https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/interface.md
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, numeric, refuse
from selftune.errors import UnknownNameError, UsageError
from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAMED: Final = re.compile(r"samples_(?P<task>.+)_\d{4}-\d\d-\d\d.*")
_KEYS: Final = frozenset({"doc_id", "filtered_resps"})
_NO_METRICS: Final = _KEYS | {"doc", "target", "arguments", "resps", "filter", "metrics"}


class HarnessSamples:
    """Reads one metric under one filter."""

    name = "lm-eval"

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether it is a sample: a document's id, and filtered responses."""
        return first.keys() >= _KEYS

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The scores; `--metric` names one of several, as METRIC or METRIC,FILTER.

        Raises:
            UsageError: the file is damaged, or holds several metrics or filters.
            UnknownNameError: no such metric.
        """
        known: dict[str, None] = {}
        for sample in _samples(path):
            known.update((f"{metric},{_filter(sample)}", None) for metric in _metrics(sample))
        if not known:
            raise refuse(path, "no sample holds a metric that is one number")
        metric = _choose(path, list(known), asked.metric)
        facts = SheetFacts(name=path.stem, format=self.name, metric=metric, rubric=metric, suite=_task(path))
        return ScoreSheet(_rows(path, metric), facts)


def _choose(path: Path, known: list[str], asked: str | None) -> str:
    fitting = known if asked is None else [one for one in known if asked in (one, one.partition(",")[0])]
    if not fitting:
        raise UnknownNameError("metric", asked or "", known)
    if len(fitting) > 1:
        raise UsageError(
            f"{path.name} holds {len(fitting)} scores: {', '.join(fitting)}.",
            next_step="Name one: --metric NAME,FILTER.",
        )
    return fitting[0]


def _rows(path: Path, metric: str) -> Iterator[ScoredRow]:
    name, _, kind = metric.rpartition(",")
    for sample in _samples(path):
        if _filter(sample) == kind:
            score = numeric(sample.get(name))
            yield ScoredRow(
                item_id=str(sample.get("doc_id")),
                score=score,
                reason=None if score is not None else f"no number under {name!r}",
                asked=_text(sample.get("doc_hash")),
            )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _metrics(sample: Mapping[str, Any]) -> list[str]:
    """The metrics that are one number; older versions do not list them, so that every other number is one."""
    named = sample.get("metrics")
    names = named if isinstance(named, list) else [name for name in sample if name not in _NO_METRICS]
    return [name for name in names if isinstance(name, str) and numeric(sample.get(name)) is not None]


def _filter(sample: Mapping[str, Any]) -> str:
    return str(sample.get("filter", "none"))


def _task(path: Path) -> str | None:
    """The task in a name as the harness gives it, `samples_TASK_2026-01-31T…`; of other names nothing is believed."""
    named = _NAMED.fullmatch(path.stem)
    return None if named is None else named["task"]


def _samples(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refuse(path, f"it is no JSON by lines: {type(error).__name__}") from error
