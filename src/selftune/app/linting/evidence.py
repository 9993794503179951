"""The files behind a report: judged answers, counted again, and training data, held against what measures."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from selftune.app.linting.base import Contradiction, Held
from selftune.app.linting.series import OVERALL, Series, method_in, read_series
from selftune.errors import MissingFileError, SelftuneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.app.linting.document import Document
    from selftune.judges.judged_files import JudgedRow

_RUBRIC: Final = "character"
_APART: Final = 0.5
_ENOUGH: Final = 4
_MOST_BYTES: Final = 64 << 20
_NAMED: Final = 12


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A file of judged answers, counted again: as the file states its rows, and by our weights over scored rows."""

    name: str
    stated: Mapping[str, float]
    ours: Mapping[str, float]
    n: int
    scored: int
    critical: int
    prompts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a folder of records holds.

    Attributes:
        prompts: Id and text of every prompt that was judged.
        training: Each file of training data with its prompts.
    """

    files: tuple[Counted, ...]
    prompts: tuple[tuple[str, str], ...]
    training: tuple[tuple[str, tuple[str, ...]], ...]


def read_evidence(folder: Path) -> Evidence:
    """Every file of judged answers and of training data below a folder; other files are passed over.

    Raises:
        MissingFileError: there is no such folder.
    """
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}.", next_step="Name the folder of the judged files.")
    files = tuple(counted for path in sorted(folder.rglob("*.json")) if (counted := _count(path)))
    prompts = tuple(dict.fromkeys(prompt for file in files for prompt in file.prompts))
    asked = {text for _, text in prompts}
    training = []
    for path in sorted(folder.rglob("*.jsonl")):
        found = tuple(dict.fromkeys(_training_prompts(path)))
        # What mostly asks the evaluation's own prompts holds its answers, and trains nobody.
        if found and sum(text in asked for text in found) * 2 < len(found):
            training.append((path.name, found))
    return Evidence(files=files, prompts=prompts, training=tuple(training))


def _count(path: Path) -> Counted | None:
    from selftune.judges.adopt import adopt_row
    from selftune.judges.judged_files import read_judged_file
    from selftune.judges.rubric import load_rubric
    from selftune.records import JudgementStatus

    try:
        file = read_judged_file(path)
    except SelftuneError:
        return None
    rubric = load_rubric(_RUBRIC)
    judged = [(row, adopt_row(row, file.judge_model, rubric, interaction_id=row.name, salt="")) for row in file.rows]
    scored = [
        (row, one.overall) for row, one in judged if one.status is JudgementStatus.SCORED and one.overall is not None
    ]
    stated = [(row, row.stated) for row in file.rows if row.stated is not None]
    if not scored or not stated:
        return None
    return Counted(
        name=path.name,
        stated=_means(stated),
        ours=_means(scored),
        n=len(file.rows),
        scored=len(scored),
        critical=sum(bool(one.critical_failures) for _, one in judged),
        prompts=tuple((row.name, row.prompt) for row in file.rows if row.prompt),
    )


def _means(rows: Sequence[tuple[JudgedRow, float]]) -> dict[str, float]:
    """The overall mean, and that of each category and difficulty by its name in words."""
    from selftune.app.linting.document import words_of

    parts: dict[str, list[float]] = {OVERALL: [score for _, score in rows]}
    for row, score in rows:
        for part in (row.category, row.difficulty):
            if part:
                parts.setdefault(words_of(part), []).append(score)
    return {name: fmean(scores) for name, scores in parts.items()}


def _training_prompts(path: Path) -> Iterator[str]:
    if path.stat().st_size > _MOST_BYTES:
        return
    with path.open("rb") as stream:
        for line in stream:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and (text := _prompt_of(row)):
                yield text


def _prompt_of(row: Mapping[str, Any]) -> str | None:
    """What is asked in a row of training data: its prompt, or what the user says in its messages."""
    if isinstance(row.get("prompt"), str):
        # A prompt alone is a list of questions; only with an answer is it a lesson.
        return row["prompt"] if any(key in row for key in ("response", "completion", "chosen", "rejected")) else None
    for key in ("chosen", "messages", "conversations"):
        turns = row.get(key)
        if isinstance(turns, list):
            said = [turn.get("content") for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
            return "\n".join(text for text in said if isinstance(text, str)) or None
    return None


def hold_against_files(document: Document, evidence: Evidence) -> Held:
    """Recompute what the report prints of each file that it can be recognised by, and look for leaks."""
    series = read_series(document)
    found: list[Contradiction] = []
    recomputed = []
    for file in evidence.files:
        own = next((one for one in series if _is_of(one, file)), None)
        if own is None:
            continue
        recomputed.append(file.name)
        keys = {own.key} | {one.key for one in series if _same_overall(one, own)}
        for one in series:
            if one is own or (one.key in keys and method_in(one.table.title) in {None, "raw"} and one.method == "raw"):
                found += _wrong_figures(one, file.stated, file, "as the file states its rows")
            elif one.key in keys and one.method == "corrected":
                found += _wrong_figures(one, file.ours, file, "by the weights over its scored rows")
        found += _zeros(own, file)
    return Held(contradictions=(*found, *_leaks(evidence)), recomputed=tuple(recomputed))


def _is_of(one: Series, file: Counted) -> bool:
    """Whether these are the file's figures: most of its categories and its overall, as the file states them."""
    if method_in(one.table.title) != "raw" or OVERALL not in one.values:
        return False
    shared = [name for name in one.scores if name in file.stated]
    same = [name for name in shared if one.scores[name].agrees(file.stated[name])]
    return len(same) >= _ENOUGH and 2 * len(same) > len(shared)


def _same_overall(one: Series, own: Series) -> bool:
    """Another line of the same thing: same words in front, same overall."""
    words = own.key.split()
    return (
        OVERALL in one.values
        and one.method == "raw"
        and one.values[OVERALL][0].shown == own.values[OVERALL][0].shown
        and set(words) & set(one.key.split()) != set()
    )


def _wrong_figures(one: Series, known: Mapping[str, float], file: Counted, how: str) -> Iterator[Contradiction]:
    for name, (amount, line) in one.values.items():
        if name in known and not amount.agrees(known[name], 0.005):
            yield Contradiction(
                rule="records",
                lines=(line,),
                figures=(amount.shown, f"{known[name]:.2f}"),
                told=f"{name} of {one.name!r} is printed as {amount.shown}; {file.name} gives {known[name]:.2f} {how}",
            )


def _zeros(own: Series, file: Counted) -> Iterator[Contradiction]:
    """A mean that counts rows without a verdict, or without an overall, as zeros."""
    away = file.ours[OVERALL] - file.stated[OVERALL]
    if away > _APART:
        amount, line = own.values[OVERALL]
        yield Contradiction(
            rule="zeros",
            lines=(line,),
            figures=(amount.shown, f"{file.ours[OVERALL]:.2f}"),
            told=f"{amount.shown} of {own.name!r} counts what the judge failed to give as zeros; {file.scored} of "
            f"{file.n} rows of {file.name} have a verdict, and average {file.ours[OVERALL]:.2f} by the weights",
        )


def _leaks(evidence: Evidence) -> Iterator[Contradiction]:
    """Prompts that measure and that share eight words in a row with a prompt that trains."""
    from selftune.curation.likeness.contamination import grams_of, plain_text

    measured = [(name, grams_of(plain_text(text))) for name, text in evidence.prompts]
    for file, texts in evidence.training:
        trained = [grams_of(plain_text(text)) for text in texts]
        hits = Counter(name for name, grams in measured for other in trained if grams & other)
        if hits:
            named = ", ".join(sorted(hits)[:_NAMED]) + (", …" if len(hits) > _NAMED else "")
            yield Contradiction(
                rule="leak",
                lines=(),
                figures=tuple(sorted(hits)[:_NAMED]),
                told=f"{sum(hits.values())} prompts of {file} share eight words in a row with prompts of the "
                f"evaluation: {named}; gains on these have to be reported apart",
            )
