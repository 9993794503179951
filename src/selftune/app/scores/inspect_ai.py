"""Scores out of logs of Inspect AI, as JSON or as an `.eval` archive.

The form: https://inspect.aisi.org.uk/eval-logs.html; letters become numbers as its `value_to_float` does it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, numeric, refuse
from selftune.errors import UnknownNameError, UsageError
from selftune.interactions.formats.inspect_logs import read_log
from selftune.records.scores import LABELS, ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS: Final = {"yes": 1.0, "true": 1.0, "correct": 1.0, "no": 0.0, "false": 0.0, "incorrect": 0.0}
_PARAMETERS: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed")


class InspectScores:
    """Reads the scores of a log's samples."""

    name = "inspect"

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether it is a log: what was evaluated, and samples."""
        about = first.get("eval")
        return isinstance(about, dict) and {"task", "model"} <= about.keys()

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The scores by one scorer; `--metric` names it, or one of several values as SCORER.VALUE.

        Raises:
            UsageError: the log can't be read, has no samples, or was scored by several scorers.
            UnknownNameError: no such scorer.
        """
        about, samples = read_log(path)
        held = list(samples)
        if not about and not held:
            raise UsageError(
                f"{path.name} is an archive, and no log of Inspect AI.",
                next_step="Unpack it; of a spreadsheet, save the sheet as CSV.",
            )
        metric = _metric(path, held, asked.metric)
        given = about.get("eval", {})
        config = (about.get("plan") or {}).get("config") or given.get("model_generate_config") or {}
        facts = SheetFacts(
            name=path.stem,
            format=self.name,
            metric=metric,
            model=given.get("model"),
            judge=None,
            rubric=metric,
            suite=given.get("task"),
            parameters=tuple((key, str(config[key])) for key in _PARAMETERS if config.get(key) is not None),
        )
        return ScoreSheet(_rows(held, metric), facts)


def _metric(path: Path, samples: Sequence[Mapping[str, Any]], asked: str | None) -> str:
    if not samples:
        raise refuse(path, "it holds no sample")
    known: dict[str, None] = {}
    for sample in samples:
        for scorer, score in (sample.get("scores") or {}).items():
            value = score.get("value") if isinstance(score, dict) else None
            names = [f"{scorer}.{key}" for key in value] if isinstance(value, dict) else [scorer]
            known.update(dict.fromkeys(names))
    if not known:
        raise refuse(path, f"no sample was scored ({_reason(samples[0])})")
    if asked is not None:
        if asked not in known:
            raise UnknownNameError("metric", asked, list(known))
        return asked
    if len(known) > 1:
        raise UsageError(
            f"{path.name} holds {len(known)} scores: {', '.join(known)}.", next_step="Name one: --metric NAME."
        )
    return next(iter(known))


def _rows(samples: Sequence[Mapping[str, Any]], metric: str) -> Iterator[ScoredRow]:
    for sample in samples:
        about = sample.get("metadata") or {}
        score = _score(sample, metric)
        category, difficulty, agent, cluster = (_label(about, name) for name in LABELS)
        yield ScoredRow(
            item_id=str(sample.get("id")),
            score=score,
            reason=None if score is not None else _reason(sample),
            repeat=str(sample.get("epoch", "")),
            category=category,
            difficulty=difficulty,
            agent=agent,
            cluster=cluster,
            asked=_asked(sample.get("input")),
        )


def _asked(given: Any) -> str | None:
    """What was asked, as text; chat messages carry ids of their own, so only role and content count."""
    if isinstance(given, str) or given is None:
        return given
    turns = [(turn.get("role"), turn.get("content")) for turn in given if isinstance(turn, dict)]
    return json.dumps(turns, sort_keys=True)


def _label(about: Mapping[str, Any], name: str) -> str | None:
    value = about.get(name)
    return value if isinstance(value, str) else None


def _score(sample: Mapping[str, Any], metric: str) -> float | None:
    scores = sample.get("scores") or {}
    scorer, _, part = (metric, "", "") if metric in scores else metric.partition(".")
    value = (scores.get(scorer) or {}).get("value")
    if part:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        return _LETTERS.get(value, _WORDS.get(value.lower(), _number(value)))
    return numeric(value)


def _number(text: str) -> float | None:
    try:
        return numeric(float(text))
    except ValueError:
        return None


def _reason(sample: Mapping[str, Any]) -> str:
    error = sample.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return f"the sample broke off: {str(message).splitlines()[0][:200]}" if message else "no such score in the sample"
