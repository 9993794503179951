"""Lines of `selftune.toml`, those of `[serving]` above all: read and rewritten, the rest left as it was written."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, MissingFileError
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG_FILE: Final = "selftune.toml"
Edit = tuple[str, str, str]


def read_serving(folder: Path) -> Mapping[str, Any]:
    """The `[serving]` table as it stands; empty when the file has none.

    Raises:
        MissingFileError: there is no `selftune.toml`.
        ConfigError: the file can't be read; the message names the line.
    """
    serving = _parse(folder)[1].get("serving", {})
    if not isinstance(serving, dict):
        raise ConfigError(
            f"{CONFIG_FILE}: serving must be a table, not {serving!r}.",
            next_step="Write it as a [serving] section; what serves goes on serving.",
        )
    return serving


def plan_edit(folder: Path, values: Mapping[str, str]) -> tuple[Edit, ...]:
    """Key, old value and new value of each `[serving]` key that would change."""
    serving = read_serving(folder)
    pairs = ((key, str(serving.get(key, "")), new) for key, new in values.items())
    return tuple((f"serving.{key}", old, new) for key, old, new in pairs if old != new)


def edit_serving(folder: Path, values: Mapping[str, str]) -> None:
    """Set keys of `[serving]`, where one would change.

    Raises:
        ConfigError: the file can't be read; it is left as it is.
    """
    if plan_edit(folder, values):
        edit_section(folder, "serving", values)


def edit_section(folder: Path, section: str, values: Mapping[str, str]) -> None:
    """Set keys of one section; comments, order and the other sections stay, and the file changes in one step.

    Raises:
        ConfigError: the file can't be read; it is left as it is.
    """
    import tomlkit

    path = folder / CONFIG_FILE
    document = tomlkit.parse(_parse(folder)[0])
    table: Any = document.setdefault(section, tomlkit.table())
    for key, value in values.items():
        table[key] = value
    publish_bytes(path, tomlkit.dumps(document).encode(), mode=path.stat().st_mode & 0o777)


def _parse(folder: Path) -> tuple[str, dict[str, Any]]:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise MissingFileError(f"there is no {CONFIG_FILE} in {folder}.", next_step="Run `selftune init` there.")
    try:
        # Bytes, not text: reading as text would turn a person's CRLF line ends into LF.
        text = path.read_bytes().decode("utf-8")
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", next_step="Correct that line; what serves goes on serving."
        ) from error
