"""Preference files of OpenAI's and Together's fine-tuning: `input`, `preferred_output`, `non_preferred_output`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.formats.pairs import parse_pair
from selftune.interactions.reading.assemble import Origin, read_file
from selftune.interactions.reading.expect import as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class PreferredOutputs:
    """Pairs of answers to the messages of `input`; each becomes what `pairs` makes of a pair."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        held = {"preferred_output", "non_preferred_output"} <= entry.keys()
        return "its entries hold `preferred_output` and `non_preferred_output`" if held else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each pair as one interaction."""
        return read_file(self.path, "preferred", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    asked = as_mapping(entry.get("input"), "'input'").get("messages")
    answers = {"chosen": entry.get("preferred_output"), "rejected": entry.get("non_preferred_output")}
    return parse_pair({**entry, "messages": asked, **answers}, origin)
