"""Drafts of items that wait for a person: one file of JSON lines a suite, to which is only ever added.

A draft is no item. It becomes one when a person keeps it; a reader of suites can't even read this file, so what nobody
looked at measures nothing. Each key a person presses is one line on the disk before the next draft is shown.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any, Final

from selftune.errors import DamagedFileError
from selftune.evals.suite_files import item_entry
from selftune.evals.suites import SUITES, item_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.records import Suite, SuiteItem

FOLDER: Final = "drafts"
_DRAFT: Final = "draft"
_PLACED: Final = "placed"


class Pick(StrEnum):
    """What a person says of a draft."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An item that nobody has kept yet; `by` says who drafted it: a template, a teacher, the log."""

    item: SuiteItem
    by: str


class DraftBook:
    """The drafts for one suite of a project, and what was said of each."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.path = folder / SUITES.folder / FOLDER / f"{suite}.jsonl"
        self._drafts: dict[str, Draft] = {}
        self._picks: dict[str, Pick] = {}
        self._placed: set[str] = set()
        for line in self._lines():
            self._read(line)

    @property
    def waiting(self) -> tuple[Draft, ...]:
        """Drafts that nobody has said anything of, the oldest first."""
        return tuple(draft for name, draft in self._drafts.items() if name not in self._picks)

    @property
    def items(self) -> tuple[SuiteItem, ...]:
        """Everything that was ever drafted."""
        return tuple(draft.item for draft in self._drafts.values())

    @property
    def kept(self) -> tuple[SuiteItem, ...]:
        """The items that a person wants and the suite does not hold yet, in the order in which they were drafted."""
        wanted = (name for name in self._drafts if self._picks.get(name) is Pick.KEEP and name not in self._placed)
        return tuple(self._drafts[name].item for name in wanted)

    def add(self, drafts: Iterable[Draft]) -> int:
        """Write down what is new among these; what was drafted before is not offered again. Returns how many are."""
        new = {draft.item.id: draft for draft in drafts if draft.item.id not in self._drafts}
        self._append([{_DRAFT: item_entry(draft.item), "by": draft.by} for draft in new.values()])
        self._drafts |= new
        return len(new)

    def pick(self, draft: Draft, pick: Pick) -> None:
        """Write down what a person says of a draft; it is on the disk before this returns."""
        self._append([{pick.value: draft.item.id}])
        self._picks[draft.item.id] = pick

    def place(self, items: Iterable[SuiteItem]) -> None:
        """Write down that the suite holds these now: what somebody takes out of it afterwards does not come back."""
        names = [item.id for item in items]
        self._append([{_PLACED: name} for name in names])
        self._placed.update(names)

    def _read(self, line: dict[str, Any]) -> None:
        if _DRAFT in line:
            draft = Draft(item=item_from(line[_DRAFT], where=str(self.path)), by=line["by"])
            self._drafts[draft.item.id] = draft
        elif _PLACED in line:
            self._placed.add(line[_PLACED])
        else:
            self._picks |= {line[pick]: pick for pick in Pick if pick in line}

    def _append(self, lines: list[dict[str, Any]]) -> None:
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        with self.path.open("a+b") as stream:
            _cut_torn_line(stream)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        for place, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                if place == len(lines) and not line.endswith("\n"):
                    return  # A machine that died in the middle of a line had shown nothing of it to anybody.
                raise DamagedFileError(
                    f"{self.path}, line {place}: {error}.", next_step="Remove that line; the others are kept."
                ) from error


def _cut_torn_line(stream: IO[bytes]) -> None:
    """Take away a last line that a crash cut short, so that nothing is glued to it."""
    stream.seek(0)
    whole = stream.read().rfind(b"\n") + 1
    stream.truncate(whole)


def waiting_drafts(folder: Path, suite: Suite) -> int:
    """How many drafts for a suite wait for a person."""
    return len(DraftBook(folder, suite.name).waiting)
