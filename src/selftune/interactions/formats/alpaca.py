"""Alpaca: `instruction`, `input` and `output`, with the rounds before in `history`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.assemble import Origin, assemble, is_compared, read_file
from selftune.interactions.reading.expect import as_text
from selftune.interactions.reading.turns import answer_of, prompt_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class Alpaca:
    """Instructions with their answers, as Alpaca and LLaMA-Factory keep them; `system` and `history` come along."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        if is_compared(entry) or not {"instruction", "output"} <= entry.keys():
            return None
        return "its entries hold `instruction` and `output`"

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each instruction as one interaction."""
        return read_file(self.path, "alpaca", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    turns = prompt_of(entry).then(answer_of(as_text(entry.get("output"), "'output'"), "'output'"))
    return assemble(turns.messages, entry, origin, turns.flags)
