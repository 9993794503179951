"""Write cli.md, exit_codes.md, configuration.md, formats.md and records.md from the program itself.

Type `python docs/write_reference.py`. A test writes them again and compares, so that none can drift.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.errors import SelftuneError

HERE = Path(__file__).parent
SOURCES = HERE.parent / "src" / "selftune"
LONG = 400
SEEN = ("alpaca", "dialogues", "kto", "pairs", "responses", "sharegpt")


def write_cli() -> str:
    """The page of every command, its arguments and options."""
    from typer.main import get_command

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
    lines += ["## Exit codes", "", "See [the table of exit codes](exit_codes.md)."]
    return "\n".join(lines) + "\n"


def write_exit_codes() -> str:
    """The page of what commands end with, and which errors end so."""
    from selftune.app.cli.exit_codes import MEANINGS

    lines = [
        "# Exit codes",
        "",
        "What each command ends with; made from the program itself by `docs/write_reference.py`. Scripts can rely on",
        "them: 0 is no error, and 3, 4 and 5 are answers, not faults. `set -e` ends a script at them all the same.",
        "",
        "| Code | Meaning | Errors that end so |",
        "|---|---|---|",
    ]
    names: dict[int, list[str]] = {}
    for error in every_error():
        names.setdefault(error.exit_code, []).append(f"`{error.__name__}`")
    for code, meaning in MEANINGS.items():
        lines.append(f"| {code.value} | {meaning} | {', '.join(names.pop(code.value, []))} |")
    if names:
        raise ValueError(f"errors that end with codes which mean nothing: {names}")
    return "\n".join(lines) + "\n"


def every_error() -> list[type[SelftuneError]]:
    """Every error that a user can cause, wherever in the house it is raised, by name."""
    import importlib

    declared = [
        (path, name, base)
        for path in SOURCES.rglob("*.py")
        for name, base in re.findall(r"^class (\w+)\((\w+)\):", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    known = {"SelftuneError": SOURCES / "errors.py"}
    while more := {name: path for path, name, base in declared if base in known and name not in known}:
        known |= more
    rooms = {
        name: ".".join(("selftune", *path.relative_to(SOURCES).with_suffix("").parts)) for name, path in known.items()
    }
    return [getattr(importlib.import_module(rooms[name]), name) for name in sorted(rooms)]


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

    name, kind = parameter.name.upper(), parameter.type_descriptor.annotation
    told = " ".join((parameter.help or "").split())
    if isinstance(parameter, TyperOption):
        other = f" / {', '.join(parameter.secondary_opts)}" if parameter.secondary_opts else ""
        name = ", ".join(parameter.opts) + ("" if parameter.is_flag else describe_taken(kind)) + other
    if get_origin(kind) is Literal:
        told += f" One of `{'`, `'.join(get_args(kind))}`."
    if parameter.required:
        default = "required"
    elif getattr(parameter, "is_flag", False) and parameter.default:
        default = f"`{parameter.opts[0]}`"
    elif parameter.default is None or parameter.default is False or parameter.default == "":
        default = ""
    else:
        default = f"`{parameter.default}`"
    return f"| `{name}` | {default} | {told} |"


def describe_taken(kind: Any) -> str:
    """What an option takes, in capitals behind its flag."""
    words = {Path: " PATH", int: " NUMBER", float: " NUMBER"}
    if get_origin(kind) is tuple:
        return "".join(describe_taken(part) for part in get_args(kind))
    return words.get(get_args(kind)[0] if get_origin(kind) is list else kind, " TEXT")


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
        lines += [f"## [{section}]", "", *in_pieces(about[:1].upper() + about[1:]), ""]
        lines += ["| Key | Kind | Default |", "|---|---|---|", *describe_keys(kind), ""]
    return "\n".join(lines).rstrip() + "\n"


def in_pieces(about: str) -> list[str]:
    """A text as it is, or, where nobody would read it through, its first sentence and a list of the others."""
    first, *others = re.split(r"(?<=\.) (?=[A-Z`])", about)
    return [about] if len(about) <= LONG else [first, "", *(f"- {one}" for one in others)]


def describe_keys(section: type[Any]) -> Iterator[str]:
    """One row for each key of a section."""
    hints = get_type_hints(section)
    for key in fields(section):
        kind = hints[key.name]
        default = "{}" if describe_kind(kind).startswith("table of") else describe_value(key.default)
        yield f"| `{key.name}` | {describe_kind(kind)} | {f'`{default}`' if default else 'not set'} |"


def write_formats() -> str:
    """The page of every format that an import reads, in the words of its source."""
    import sys

    from selftune.interactions.detect import GROUP
    from selftune.interactions.reading.documents import LIMITS
    from selftune.loop.config import CaptureSection
    from selftune.plugins import load_plugin, registered

    lines = [
        "# Formats",
        "",
        "What `selftune import` reads; made from the sources themselves by `docs/write_reference.py`.",
        "`auto` tells the format from a file's beginning or its first entries, and says why; `--format NAME` overrules",
        "it. `--dry-run` says what would come in and writes nothing.",
        "",
        "- An entry is known by its content: importing it again, under another file name too, adds nothing.",
        "- A conversation that grew is a new version of itself, where its source gives it a name. Judging, lessons and",
        "  hold-out take the newest; the earlier ones stay on record.",
        "- Where a source tells when the last turn was said, a conversation is judged once it is closed or was idle",
        f"  for `idle_minutes` ({CaptureSection().idle_minutes:g} by default).",
        "- What can't be read is set aside with file, place and reason: `selftune quarantine`, and `--retry` to try",
        "  again.",
        f"- Files are streamed, JSON arrays too. An entry of more than {LIMITS.line_bytes >> 20} MiB is set aside",
        f"  with its size; files in UTF-16 are read up to {LIMITS.recoded_bytes >> 20} MiB.",
        "- What an interaction could not keep is named in its flags, such as `attachments_not_kept`.",
        f"- Tested on real files: {', '.join(SEEN)}. The others follow their published forms, with samples of our own;",
        "  no real export of them was at hand.",
        "",
    ]
    for name in sorted(registered(GROUP)):
        source = load_plugin(GROUP, name)
        about = (sys.modules[source.__module__].__doc__ or "").strip().split("\n\n")[0]
        lines += [f"## {name}", "", " ".join(about.split()), "", " ".join((source.__doc__ or "").split()), ""]
    return "\n".join(lines[:-1]) + "\n"


def describe_kind(kind: Any) -> str:
    """A type in words."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" for choice in kind)
    if get_origin(kind) is tuple and isinstance(get_args(kind)[0], type) and issubclass(get_args(kind)[0], Enum):
        return f"list of {describe_kind(get_args(kind)[0])}"
    known: dict[Any, str] = {
        str: "text",
        int: "whole number",
        int | None: "whole number",
        float: "number",
        float | None: "number",
        bool: "true or false",
        bool | None: "true or false",
        tuple[str, ...]: "list of texts",
        tuple[tuple[str, float], ...]: "table of numbers",
        tuple[tuple[str, str], ...]: "table of texts",
    }
    return known.get(kind, "list of tables")


def describe_value(value: Any) -> str:
    """A default as it would stand in the file; nothing where none does."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, Enum):
        return f'"{value.value}"'
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


NOUNS = ("Interaction", "Judgement", "Dataset", "Run", "Build", "Evaluation", "Decision", "Release")
PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "nothing",
    tuple[float, float]: "two numbers",
    tuple[int, int]: "two whole numbers",
    tuple[float, float, float]: "three numbers",
}


def write_records() -> str:
    """The page of every record: its fields, their kinds, and a sentence on each, all from the code."""
    import selftune.records as nouns
    from selftune.records.codec import Record, record_types

    ours = {kind.__name__: kind for kind in record_types().values() if kind.__module__.startswith(nouns.__name__)}
    ours.pop("Record", None)
    parts: dict[str, type[Any]] = {}
    for kind in ours.values():
        collect_parts(kind, parts)
    lines = [
        "# Records",
        "",
        "What the store holds; made from the code's own docstrings by `docs/write_reference.py`. A record is never",
        "altered: its id is its kind and the SHA-256 of its content, and a change of mind is a new record.",
        "`selftune why ID` tells one in sentences, `selftune trace ID` what it rests on; [from Python](python_api.md)",
        "some are values. Fields that can be erased enter the id as a digest salted with `salt`: the words can go, and",
        "the id still holds.",
        "",
        "Eight follow each other: " + " → ".join(f"[{name}](#{name.lower()})" for name in NOUNS) + ".",
        "",
    ]
    shared = sentences_of(Record)
    for name in (*NOUNS, *sorted(ours.keys() - set(NOUNS))):
        lines += describe_record(ours[name], shared)
    lines += ["## Parts of records", "", "What fields of records are made of.", ""]
    for name in sorted(parts.keys() - ours.keys()):
        lines += describe_record(parts[name], shared, heading="###")
    return "\n".join(lines[:-1]) + "\n"


def collect_parts(kind: Any, found: dict[str, type[Any]]) -> None:
    """Every dataclass that a field of a record holds, at whatever depth."""
    for one in (kind, *get_args(kind)):
        if isinstance(one, type) and is_dataclass(one) and one.__name__ not in found:
            found[one.__name__] = one
            for hint in get_type_hints(one).values():
                collect_parts(hint, found)
        elif one is not kind:
            collect_parts(one, found)


def describe_record(kind: type[Any], shared: dict[str, str], heading: str = "##") -> list[str]:
    """One record or part: what it is, then its fields."""
    about = (inspect.getdoc(kind) or "").partition("Attributes:")[0].strip()
    erasable = [f"`{name}`" for name in sorted(getattr(kind, "SALTED", ()))]
    lines = [f"{heading} {kind.__name__}", "", *about.split("\n"), ""]
    lines += [f"Can be erased: {', '.join(erasable)}.", ""] if erasable else []
    lines += ["| Field | Kind | Default | What it is |", "|---|---|---|---|"]
    hints = get_type_hints(kind)
    for field in fields(kind):
        left_out = field.default in (MISSING, None, "", ())
        default = "" if left_out else f"`{plain_value(field.default)}`"
        told = describe_field(field.name, hints[field.name], kind, shared)
        lines.append(f"| `{field.name}` | {plain_kind(hints[field.name])} | {default} | {told} |")
    return [*lines, ""]


def describe_field(name: str, kind: Any, owner: type[Any], shared: dict[str, str]) -> str:
    """A sentence on a field: its own, one that names it too, that of what it holds, or what all of its name share.

    Raises:
        ValueError: nothing in the code says what the field is.
    """
    own = sentences_of(owner)
    naming = [text for text in own.values() if f"`{name}`" in text]
    held = [part for part in (kind, *get_args(kind), *inner_kinds(kind)) if getattr(part, "__doc__", None)]
    house = [part for part in held if getattr(part, "__module__", "").startswith("selftune.")]
    whose, _, ending = name.rpartition("_")
    if name in own:
        return own[name]
    if house:
        return " ".join((inspect.getdoc(house[0]) or "").split("\n\n")[0].split())
    if naming:
        return naming[0]
    if name in shared:
        return shared[name]
    if ending in {"id", "digest"}:
        return f"{ending.capitalize()} of the {whose.replace('_', ' ')}."
    if f"`{name}`" in (inspect.getdoc(owner) or "") or not hasattr(owner, "KIND"):
        return ""  # it is said above the table
    raise ValueError(f"no docstring says what {owner.__name__}.{name} is")


def inner_kinds(kind: Any) -> list[Any]:
    """What the kinds within a kind hold themselves."""
    return [inner for one in get_args(kind) for inner in get_args(one)]


def sentences_of(owner: type[Any]) -> dict[str, str]:
    """What a class's docstring says below `Attributes:`, by field."""
    listed = (inspect.getdoc(owner) or "").partition("Attributes:")[2]
    found = re.findall(r"^    (\w+(?:, \w+)*): (.+?)(?=^    \w|\Z)", listed, flags=re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}


def plain_kind(kind: Any) -> str:
    """A kind of field in words, parts and records by their link."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" if choice.value else "empty" for choice in kind)
    if isinstance(kind, type):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    inner = get_args(kind)
    if get_origin(kind) is not tuple:
        return " or ".join(plain_kind(one) for one in inner)
    if inner[-1] is Ellipsis:
        return f"list of {plain_kind(inner[0])}" + ("s" if inner[0] in PLAIN else "")
    return f"({', '.join(plain_kind(one) for one in inner)})"


def plain_value(value: Any) -> str:
    """A default as a reader would write it."""
    if isinstance(value, Enum):
        return str(value.value)
    return type(value).__name__ + "()" if is_dataclass(value) else str(value).lower()


if __name__ == "__main__":
    (HERE / "cli.md").write_text(write_cli(), encoding="utf-8")
    (HERE / "exit_codes.md").write_text(write_exit_codes(), encoding="utf-8")
    (HERE / "configuration.md").write_text(write_configuration(), encoding="utf-8")
    (HERE / "formats.md").write_text(write_formats(), encoding="utf-8")
    (HERE / "records.md").write_text(write_records(), encoding="utf-8")
