"""Everything in force in a project, key by key, and where each value comes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from selftune.loop.config import CONFIG_FILE, ProjectConfig, load_config
from selftune.settings import read_text, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DEFAULT: Final = "default"
_NOTHING: Final = "-"
# Who writes a password into an address would read it on every page; only whom it names is shown. It may hold an @, too.
_LOGIN: Final = re.compile(r"(?<=://)[^/?#\s]*@")
_ASKED: Final = re.compile(r"([?&][\w.-]*(?:key|token|secret|pass|sig|auth)[\w.-]*=)[^&#\s]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key.

    Attributes:
        source: `selftune.toml`, `default`, or what the default rests on.
        differs: Whether the value is another than the default.
    """

    key: str
    value: str
    source: str
    differs: bool


@dataclass(frozen=True, kw_only=True)
class SettingsSection:
    """A table of the config, with what it is for."""

    name: str
    about: str
    settings: tuple[Setting, ...]


def settings_of(folder: Path) -> tuple[SettingsSection, ...]:
    """Every section in the order of the config; secrets are never in it, only the names of variables that hold some.

    Raises:
        MissingFileError: there is no config.
        ConfigError: it can't be read.
    """
    config, defaults = load_config(folder), ProjectConfig()
    path = folder / CONFIG_FILE
    written = read_toml(read_text(path, str(path)), str(path))
    return tuple(
        SettingsSection(
            name=field.name,
            about=_about(getattr(config, field.name)),
            settings=tuple(
                _settings(getattr(config, field.name), getattr(defaults, field.name), written.get(field.name, {}))
            ),
        )
        for field in fields(config)
    )


def _about(section: object) -> str:
    text = " ".join((type(section).__doc__ or "").split("\n\n", maxsplit=1)[0].split())
    return text.partition("]: ")[2] or text


def _settings(section: Any, defaults: Any, written: Mapping[str, Any]) -> Iterator[Setting]:
    for field in fields(section):
        value, default = getattr(section, field.name), getattr(defaults, field.name)
        said = field.name in written
        # What the file does not say and is no default rests on another key, such as the base.
        source = CONFIG_FILE if said else DEFAULT if value == default else "default for this base"
        yield Setting(key=field.name, value=_told(field.name, value), source=source, differs=value != default)


def _told(key: str, value: Any) -> str:
    if key.endswith("_env") and value:
        return f"{value} ({'set' if os.environ.get(value) else 'not set'} where the dashboard runs)"
    return _ASKED.sub(r"\1…", _LOGIN.sub("…@", _text(value)))


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value in ("", ()):
        return _NOTHING
    if is_dataclass(value):
        return ", ".join(f"{field.name} = {_told(field.name, getattr(value, field.name))}" for field in fields(value))
    if isinstance(value, tuple):
        return "; ".join(map(_text, value))
    return str(value)
