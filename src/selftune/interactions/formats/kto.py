"""KTO: an answer, and whether it is a good one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.assemble import LABELS, Origin, assemble, read_file
from selftune.interactions.reading.expect import as_mapping
from selftune.interactions.reading.lines import UnreadableError
from selftune.interactions.reading.turns import answer_of, prompt_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_ANSWERS = ("completion", "response", "output")


@dataclass(frozen=True)
class Labelled:
    """Conversations with a `label` (or LLaMA-Factory's `kto_tag`) of true or false.

    The label is what somebody thought of the answer, so it is kept as that: thumbs up or down. A bad answer stays an
    interaction of its own, for it has no better one beside it.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        held = next((key for key in LABELS if isinstance(entry.get(key), bool)), None)
        asked = any(key in entry for key in ("messages", "conversations", "prompt", "instruction"))
        return f"its entries hold a conversation with a `{held}` of true or false" if held and asked else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each answer as one interaction with its thumb."""
        return read_file(self.path, "kto", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    label = next((entry[key] for key in LABELS if entry.get(key) is not None), None)
    if not isinstance(label, bool):
        raise UnreadableError("its label is neither true nor false")
    turns = prompt_of(entry)
    answer = next((entry[key] for key in _ANSWERS if entry.get(key) is not None), None)
    if answer is not None:
        turns = turns.then(answer_of(answer, "the answer"))
    if not turns.messages or turns.messages[-1].role != "assistant":
        raise UnreadableError("it holds no answer that the label could be about")
    given = as_mapping(entry.get("feedback") or {}, "'feedback'")
    facts = {**entry, "feedback": {**given, "thumbs": 1 if label else -1}}
    return assemble(turns.messages, facts, origin, turns.flags)
