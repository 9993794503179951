"""A codex as the TOML that is read as that codex."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Codex


def write_codex(codex: Codex, comment: str = "") -> str:
    """The file of a codex; what has its default is left out, and the lines of the comment stand above it.

    Raises:
        ConfigError: no file could hold it, for it is no sound codex.
    """
    import tomlkit

    document = tomlkit.document()
    for line in comment.splitlines():
        document.add(tomlkit.comment(line))
    _fill(document, codex)
    written = tomlkit.dumps(document)
    if parse_codex(written, f"codex {codex.name}") != codex:
        raise ConfigError(f"codex {codex.name!r} is not read as it is written.", next_step="Write its file by hand.")
    return written


def _fill(table: Any, value: Any) -> None:
    """Put what a record says into its table: plain values first, as TOML wants it, and then tables and their lists."""
    import tomlkit

    said = dict(_said(value))
    for name, part in said.items():
        if not _is_nested(part):
            table.add(name, _plain(part))
    for name, part in said.items():
        if is_dataclass(part):
            inner = tomlkit.table()
            _fill(inner, part)
            table.add(name, inner)
        elif _is_nested(part):
            listed = tomlkit.aot()
            for one in part:
                entry = tomlkit.table()
                _fill(entry, one)
                listed.append(entry)
            table.add(name, listed)


def _said(value: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each field that does not have its default."""
    for field in fields(value):
        part = getattr(value, field.name)
        if field.default is MISSING or part != field.default:
            yield field.name, part


def _is_nested(part: Any) -> bool:
    return is_dataclass(part) or (isinstance(part, tuple) and any(map(is_dataclass, part)))


def _plain(part: Any) -> Any:
    import tomlkit

    if isinstance(part, str) and not isinstance(part, Enum):
        return tomlkit.string(part, multiline="\n" in part)
    return list(part) if isinstance(part, tuple) else part.value if isinstance(part, Enum) else part
