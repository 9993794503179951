"""A probe's question, and the state that it may begin with: what it is asked under, and what is asked."""

from __future__ import annotations

import re
from typing import Final

_STATE: Final = re.compile(r"\s*==\s*STATE\s*==.*?==\s*END STATE\s*==", re.DOTALL | re.IGNORECASE)


def parted(question: str) -> tuple[str, str]:
    """What stands before the question as a system message, and the question itself.

    Of one that begins with a state block all but its last paragraph stands before it; of any other nothing does.
    """
    state = _STATE.match(question)
    if state is None:
        return "", question.strip()
    further, _, asked = question[state.end() :].rpartition("\n\n")
    return f"{state[0].strip()}\n{further.strip()}".strip(), asked.strip()
