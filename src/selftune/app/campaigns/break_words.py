"""Words that show a break of the role: what they find of answers which a judge calls out of character, or in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.scoring.breaks import Break, find_breaks
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIELD_DATA: Final = "SELFTUNE_FIELD_DATA"
_LEVEL: Final = 0.95
_LOST, _KEPT = 3, 8
_ROLE: Final = "Madison"
_LEAST_FOUND, _MOST_ACCUSED = 0.6, 0.05
# The judge's parser failed: such a row has no score, whatever number stands in it.
_NO_VERDICT: Final = "Parse error"
WRITTEN_FROM: Final = ("eval-orpo-v3b-judged-20260326-final.json", "eval-orpo-v4-judged-20260327-215302.json")
HELD_BACK: Final = (
    "eval-qwen3-sft-v2-judged-20260330-080742.json",
    "eval-qwen3-v1-judged-20260329-215556.json",
    "eval-qwen3-v3-lr8e6-judged-20260330-125201.json",
)
_TEACHER: Final = "chosen-sonnet.jsonl"
# The teacher's first answers were read when the patterns were written.
_TEACHER_READ: Final = 200


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An answer and how far a judge saw it stay in character, from 0 to 10."""

    answer: str
    stayed: float


def report() -> Section:
    """What is found and what is falsely accused, on the half that the patterns were written from and on the other."""
    return Section(
        title="Words that show a break of the role",
        method=(
            f"Answers of five models whose staying in character a judge gave at most {_LOST} of 10 (out of it) or at "
            f"least {_KEPT} (in it); rows that the judge failed on are left out. The patterns were written from two "
            "models of one family; the three of the other were held back and measured once. Intervals: Wilson, 95 %."
        ),
        figures=tuple(_figures()),
        limits=(
            "breaks that no word shows: another man's memories, a voice too warm. The patterns that stood before were "
            "written with all five models in view (they found 4 of these 27); only what was added since has not seen "
            "the half that was held back. After its one measurement a verb that accused one answer more was dropped."
        ),
    )


def _figures() -> Iterator[Figure]:
    data = os.environ.get(_FIELD_DATA)
    if data is None:
        yield Figure(name="people's judged answers", measured=f"not measured: {_FIELD_DATA} is not set")
        return
    foundry = Path(data) / "foundry"
    written_from, held_back = (read_judged(foundry, files) for files in (WRITTEN_FROM, HELD_BACK))
    yield from _on("held back", held_back, promises=True)
    yield from _on("written from", written_from, promises=False)
    yield Figure(
        name="held back: found without knowing the role's name",
        measured=_told([bool(find_breaks(one.answer)) for one in held_back if one.stayed <= _LOST]),
    )
    yield from _kinds(held_back)
    yield _teacher(foundry / "preference" / _TEACHER)


def read_judged(foundry: Path, files: Sequence[str]) -> tuple[Judged, ...]:
    """The answers in these judged files that the judge has a verdict on."""
    rows = [row for file in files for row in json.loads((foundry / "judged" / file).read_bytes())["results"]]
    verdicts = [(row["response"], (row["scores"] or {}).get("character_integrity")) for row in rows]
    return tuple(
        Judged(answer=answer, stayed=verdict["score"])
        for answer, verdict in verdicts
        if verdict is not None and not verdict["justification"].startswith(_NO_VERDICT)
    )


def _on(half: str, judged: Sequence[Judged], *, promises: bool) -> Iterator[Figure]:
    lost = [_broke(one) for one in judged if one.stayed <= _LOST]
    kept = [_broke(one) for one in judged if one.stayed >= _KEPT]
    yield Figure(
        name=f"{half}: breaks found of answers out of character",
        measured=_told(lost),
        promised=f"≥ {_LEAST_FOUND:.0%}" if promises else None,
        held=sum(lost) >= _LEAST_FOUND * len(lost) if promises else None,
    )
    yield Figure(
        name=f"{half}: breaks found of answers in character",
        measured=_told(kept),
        promised=f"≤ {_MOST_ACCUSED:.0%}" if promises else None,
        held=sum(kept) <= _MOST_ACCUSED * len(kept) if promises else None,
    )


def _kinds(judged: Sequence[Judged]) -> Iterator[Figure]:
    found = [{one.kind for one in find_breaks(each.answer, _ROLE)} for each in judged if each.stayed <= _LOST]
    for kind in Break:
        yield Figure(name=f"held back: {kind.value}", measured=_told([kind in kinds for kinds in found]))


def _teacher(path: Path) -> Figure:
    lines = path.read_text(encoding="utf-8").splitlines()[_TEACHER_READ:]
    accused = [bool(find_breaks(json.loads(line)["response"], _ROLE)) for line in lines]
    return Figure(
        name="breaks found in a teacher's answers in its role",
        measured=_told(accused),
        promised=f"≤ {_MOST_ACCUSED:.0%}",
        held=sum(accused) <= _MOST_ACCUSED * len(accused),
    )


def _broke(judged: Judged) -> bool:
    return bool(find_breaks(judged.answer, _ROLE))


def _told(found: Sequence[bool]) -> str:
    low, high = wilson_interval(sum(found), len(found), _LEVEL)
    return f"{sum(found)} of {len(found)}, {sum(found) / len(found):.1%} (95 % {low:.1%} to {high:.1%})"
