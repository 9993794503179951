"""Where a codex's probes are asked, and what stands before a question: the state that it may begin with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.records import PlayedBy

if TYPE_CHECKING:
    from selftune.records import Codex, Persona

_STATE: Final = re.compile(r"\s*==\s*STATE\s*==.*?==\s*END STATE\s*==", re.DOTALL | re.IGNORECASE)


def places_asked(codex: Codex) -> tuple[Persona | None, ...]:
    """Where each probe is asked: with nothing before it (None), and as each persona that a model plays."""
    return (None, *(persona for persona in codex.personas if persona.played_by is PlayedBy.MODEL))


def parted(question: str) -> tuple[str, str]:
    """What stands before the question as a system message, and the question itself.

    Of one that begins with a state block all but its last paragraph stands before it; of any other nothing does.
    """
    state = _STATE.match(question)
    if state is None:
        return "", question.strip()
    further, _, asked = question[state.end() :].rpartition("\n\n")
    return f"{state[0].strip()}\n{further.strip()}".strip(), asked.strip()
