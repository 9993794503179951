"""Write docs/cli.md and docs/configuration.md from the program itself: `python docs/write_reference.py`.

A test writes them again and compares, so that neither can drift.
"""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def write_cli() -> str:
    """The page of every command, its arguments and options, and the exit codes."""
    from typer.main import get_command

    from selftune.app.cli.exit_codes import MEANINGS
    from selftune.app.cli.main import app, register_commands

    if not app.registered_commands:
        register_commands()
    lines = [
        "# Commands",
        "",
        "Made from the program's own help by `docs/write_reference.py`.",
        "Results go to standard output, talk to standard error; `--json` prints one JSON object.",
        "",
    ]
    panel = None
    for path, command in walk(get_command(app)):
        if command.rich_help_panel != panel and len(path) == 1:
            panel = command.rich_help_panel
            lines += [f"## {panel}", ""]
        lines += describe_command(path, command)
    lines += ["## Exit codes", "", "| Code | Meaning |", "|---|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(lines) + "\n"


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group with its words, in the order in which help shows them."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from walk(command, (*path, name))


def describe_command(path: tuple[str, ...], command: Any) -> list[str]:
    """One command: what it does, then what it takes."""
    lines = [f"### selftune {' '.join(path)}", "", " ".join((command.help or "").split()), ""]
    rows = [describe_parameter(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        lines += ["| Takes | Default | What it does |", "|---|---|---|", *rows, ""]
    return lines


def describe_parameter(parameter: Any) -> str:
    """One row: an argument in capitals or an option with its flags and what they take."""
    from typer.core import TyperOption

    name = parameter.name.upper()
    if isinstance(parameter, TyperOption):
        words = {Path: " PATH", str: " TEXT", int: " NUMBER", float: " NUMBER"}
        name = ", ".join(parameter.opts) + words.get(parameter.type_descriptor.annotation, "")
    if parameter.required:
        default = "required"
    elif parameter.default is None or parameter.default is False or parameter.default == "":
        default = ""
    else:
        default = f"`{parameter.default}`"
    return f"| `{name}` | {default} | {' '.join((parameter.help or '').split())} |"


def write_configuration() -> str:
    """The page of every section and key of `selftune.toml`."""
    from selftune.loop.config import ProjectConfig

    lines = [
        "# Configuration",
        "",
        "`selftune init` writes a `selftune.toml` of at most fifteen lines; everything else below is a default.",
        "`selftune config` prints what is in force. A key that nobody reads is refused, with the nearest name.",
        "Made from the program itself by `docs/write_reference.py`.",
        "",
    ]
    for section, kind in get_type_hints(ProjectConfig).items():
        about = " ".join((kind.__doc__ or "").split()).partition(": ")[2]
        lines += [f"## [{section}]", "", about[:1].upper() + about[1:], ""]
        lines += ["| Key | Kind | Default |", "|---|---|---|", *describe_keys(kind), ""]
    return "\n".join(lines).rstrip() + "\n"


def describe_keys(section: type[Any]) -> Iterator[str]:
    """One row for each key of a section."""
    hints = get_type_hints(section)
    for key in fields(section):
        kind = hints[key.name]
        yield f"| `{key.name}` | {describe_kind(kind)} | `{describe_value(key.default)}` |"


def describe_kind(kind: Any) -> str:
    """A type in words."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" for choice in kind)
    if kind == tuple[tuple[str, float], ...]:
        return "table of numbers"
    known: dict[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        float | None: "number",
        bool: "true or false",
        tuple[str, ...]: "list of texts",
    }
    return known.get(kind, "list of tables")


def describe_value(value: Any) -> str:
    """A default as it would stand in the file."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, Enum):
        return f'"{value.value}"'
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    (HERE / "cli.md").write_text(write_cli(), encoding="utf-8")
    (HERE / "configuration.md").write_text(write_configuration(), encoding="utf-8")
