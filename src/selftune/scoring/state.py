"""The state block of a system message: flat or nested JSON between its two fences, read and written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLOCK = re.compile(r"==\s*STATE\s*==(?P<body>.*?)==\s*END STATE\s*==", re.DOTALL | re.IGNORECASE)
_ALLOWED, _FORBIDDEN = "allowed_actions", "forbidden_actions"
_NAME_PATHS = ("identity.name", "name", "agent.name", "assistant.name", "self.name", "persona.name")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-\s]+")


@dataclass(frozen=True, kw_only=True)
class State:
    """A state as dotted paths and their values as text, in the order in which they stand.

    Attributes:
        fields: Every scalar, `(path, text)`; a list counts as one value, its items joined by ", ".
        allowed_actions: What the state allows, or `None` when it does not say.
        forbidden_actions: What the state forbids by name.
    """

    fields: tuple[tuple[str, str], ...]
    allowed_actions: tuple[str, ...] | None = None
    forbidden_actions: tuple[str, ...] = ()

    @cached_property
    def values(self) -> dict[str, str]:
        """The text at each path."""
        return dict(self.fields)

    @property
    def name(self) -> str | None:
        """The model's own name."""
        return next((self.values[path] for path in _NAME_PATHS if path in self.values), None)

    @property
    def tone(self) -> str | None:
        """The tone to speak in."""
        return next((text for path, text in self.fields if leaf_words(path) == ("tone",)), None)

    @property
    def context_level(self) -> int | None:
        """How much is to be said, 1 being the least; None where the state does not say, or not as a whole number."""
        found = (text for path, text in self.fields if leaf_words(path) == ("context", "level"))
        return next((int(text) for text in found if text.isdecimal()), None)


def parse_state(text: str) -> State | None:
    """The state in a system message, or `None` when there is no block or its JSON cannot be read."""
    block = _BLOCK.search(text)
    if block is None:
        return None
    try:
        tree = json.loads(block["body"])
    except json.JSONDecodeError:
        return None
    if not isinstance(tree, dict):
        return None
    return State(
        fields=tuple(_flatten(tree, "")),
        allowed_actions=_find_actions(tree, _ALLOWED),
        forbidden_actions=_find_actions(tree, _FORBIDDEN) or (),
    )


def write_state(fields: Sequence[tuple[str, str | int]], allowed_actions: Sequence[str]) -> str:
    """A state as the block that `parse_state` reads: flat JSON, one pair a line, what is allowed first.

    No value can end the block, whoever wrote it: a run of equals signs in one is pulled apart.
    """
    pairs: list[tuple[str, str | int | list[str]]] = [(_ALLOWED, [_unfenced(action) for action in allowed_actions])]
    pairs += [(_unfenced(path), _unfenced(value) if isinstance(value, str) else value) for path, value in fields]
    lines = ",\n".join(f"{json.dumps(path)}: {json.dumps(value, ensure_ascii=False)}" for path, value in pairs)
    return f"== STATE ==\n{{\n{lines}\n}}\n== END STATE =="


def _unfenced(text: str) -> str:
    return re.sub(r"=(?==)", "= ", text)


def leaf_words(path: str) -> tuple[str, ...]:
    """The words of a path's last part, in lower case: `("trust", "level")` for `user.trust_level`."""
    return tuple(word.lower() for word in _CAMEL.split(path.rpartition(".")[2]) if word)


def _flatten(tree: dict[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if key in {_ALLOWED, _FORBIDDEN}:
            continue
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}.")
        elif isinstance(value, list):
            yield path, ", ".join(str(item) for item in value)
        elif value is not None:
            yield path, value if isinstance(value, str) else json.dumps(value)


def _find_actions(tree: dict[str, object], name: str) -> tuple[str, ...] | None:
    for key, value in tree.items():
        if key == name and isinstance(value, list):
            return tuple(str(item) for item in value)
        if isinstance(value, dict):
            found = _find_actions(value, name)
            if found is not None:
                return found
    return None
