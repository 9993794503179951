"""Answers in the durable scratch, a page at a time: one write for many answers that cost little each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from selftune.records import Interaction, decode_record, encode_record

if TYPE_CHECKING:
    from selftune.context import Work

_PAGE: Final = 16


class AnswerPages:
    """Interactions by position, kept under a name; a crash costs at most the answers of one page.

    As a context manager it writes what it holds on leaving, after an error too.
    """

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._name = name
        self._open: list[Interaction] = []
        self._found: dict[str, str] = {}
        self._pages = 0
        while page := work.get(self._key(self._pages)):
            for line in page.decode().split("\n"):
                self._found[decode_record(line, Interaction).position] = line
            self._pages += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()

    def __contains__(self, position: str) -> bool:
        return position in self._found

    def take(self, position: str) -> Interaction:
        """The interaction that an earlier try kept."""
        return decode_record(self._found[position], Interaction)

    def keep(self, interaction: Interaction) -> None:
        """Keep one more."""
        self._open.append(interaction)
        if len(self._open) == _PAGE:
            self._write()

    def _write(self) -> None:
        if self._open:
            self._work.put(self._key(self._pages), "\n".join(map(encode_record, self._open)).encode())
            self._pages += 1
            self._open = []

    def _key(self, number: int) -> str:
        return f"{self._name}:{number}"
