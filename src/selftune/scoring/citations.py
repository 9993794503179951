"""Which paths of its state an answer cites, and which it makes up (mission D10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.scoring.state import State

_DOTTED: Final = re.compile(r"(?<![\w./@-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w/@]|\.\w)")
_QUOTED: Final = re.compile(r"[`\"']([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[`\"']")
_LISTS: Final = frozenset({"allowed_actions", "forbidden_actions"})


@dataclass(frozen=True, kw_only=True)
class Citations:
    """Paths that an answer names: those that the state holds, and those that it does not."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]


def cited_paths(answer: str, state: State) -> Citations:
    """The distinct paths that an answer cites, in order.

    A dotted word is a path when it is quoted or its first part is one of the state's; a quoted single word when it has
    an underscore or stands in the state. Everything else (`example.com`, `e.g.`) might be something else and counts
    neither way.
    """
    known = {path for path, _ in state.fields} | _LISTS
    branches = {path.rsplit(".", cut)[0] for path in known for cut in range(1, path.count(".") + 1)}
    roots = {path.partition(".")[0] for path in known}
    quoted = [word for word in _QUOTED.findall(answer) if "." in word or "_" in word or word in known | branches]
    dotted = [word for word in _DOTTED.findall(answer) if word.partition(".")[0] in roots]
    actions = set(state.allowed_actions or ()) | set(state.forbidden_actions)
    cited = [word for word in dict.fromkeys((*dotted, *quoted)) if word not in actions]
    return Citations(
        right=tuple(word for word in cited if word in known | branches),
        wrong=tuple(word for word in cited if word not in known | branches),
    )
