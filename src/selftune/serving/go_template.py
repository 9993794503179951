"""A chat template in Go's language, as Ollama takes it, found by looking at what the build's own template renders.

Only templates that put fixed words around each turn can be told so. Nothing rests on the guess: the server must render
the challenge of `proof` byte for byte, or it serves nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from selftune.errors import ServingError
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SYSTEM, _USER, _ASSISTANT, _LAST = "SYSTEMWORDS", "USERWORDS", "ASSISTANTWORDS", "LASTWORDS"


def write_go_template(render: Callable[[Sequence[Message]], str]) -> str:
    """The Go template that renders as `render` does.

    Raises:
        ServingError: the words of a turn do not come out as they went in, so that no such template exists.
    """
    alone = _around(render, (("user", _LAST),))
    whole = _around(render, (("system", _SYSTEM), ("user", _USER), ("assistant", _ASSISTANT), ("user", _LAST)))
    begin_system, system_to_user, user_to_assistant, assistant_to_user, user_to_end = whole
    after_user = _common_start([user_to_assistant, user_to_end])
    before_user = _common_end([system_to_user, assistant_to_user, alone[0]])
    head = alone[0].removesuffix(before_user)
    turns = {
        "system": (begin_system.removeprefix(head), system_to_user.removesuffix(before_user)),
        "user": (before_user, after_user),
        "assistant": (user_to_assistant.removeprefix(after_user), assistant_to_user.removesuffix(before_user)),
    }
    opening = _text(head) if begin_system.startswith(head) else f"{{{{ if not .System }}}}{_text(head)}{{{{ end }}}}"
    branches = "{{ else ".join(
        f'{"" if turn else "{{ "}if eq .Role "{role}" }}}}{_text(before)}{{{{ .Content }}}}{_text(after)}'
        for turn, (role, (before, after)) in enumerate(turns.items())
    )
    end = _text(user_to_end.removeprefix(after_user))
    return f"{opening}{{{{ range .Messages }}}}{branches}{{{{ end }}}}{{{{ end }}}}{end}"


def _around(render: Callable[[Sequence[Message]], str], turns: Sequence[tuple[str, str]]) -> list[str]:
    """What stands before, between and after the words of these turns."""
    rest = render([Message(role=role, content=words) for role, words in turns])
    pieces = []
    for _, words in turns:
        before, found, rest = rest.partition(words)
        if not found:
            raise ServingError(
                "the chat template changes or drops the words of a turn; Ollama has no template that does.",
                next_step='Serve with driver = "llama.cpp".',
            )
        pieces.append(before)
    return [*pieces, rest]


def _common_start(texts: Sequence[str]) -> str:
    shortest = min(texts, key=len)
    differing = (place for place, letter in enumerate(shortest) if any(text[place] != letter for text in texts))
    return shortest[: next(differing, len(shortest))]


def _common_end(texts: Sequence[str]) -> str:
    return _common_start([text[::-1] for text in texts])[::-1]


def _text(words: str) -> str:
    """Fixed words as an action, so that nothing in them is read as template; JSON's escapes are Go's too."""
    return f"{{{{ {json.dumps(words, ensure_ascii=False)} }}}}" if words else ""
