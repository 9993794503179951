"""A suite as the YAML that the reader of suites takes back, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from selftune.records import Suite, SuiteItem
from selftune.records.codec import to_builtins

if TYPE_CHECKING:
    from pathlib import Path

_DEFAULTS: Final = {
    kind: {field.name: field.default for field in fields(kind) if field.name != "expect"} for kind in (Suite, SuiteItem)
}

_RARE_BREAKS: Final = frozenset("\x85\u2028\u2029")


def suite_text(suite: Suite, comment: str = "") -> str:
    """The suite as YAML; what stands at its default is left out. `comment` stands above it, a line for each line."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they read."""

        def ignore_aliases(self, data: Any) -> bool:
            """Two items that say the same say it twice: an anchor is nothing for a person to read."""
            del data
            return True

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        # YAML folds the rarer line breaks into spaces, unless they stand escaped in quotes.
        style = '"' if _RARE_BREAKS & set(text) else "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    text = yaml.dump(suite_entries(suite), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + text


def write_suite(suite: Suite, path: Path, comment: str = "") -> None:
    """The file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(suite_text(suite, comment))
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def suite_entries(suite: Suite) -> dict[str, Any]:
    """A suite as the entries of its YAML."""
    return _without_defaults(suite) | {
        "generation": to_builtins(suite.generation),
        "items": [item_entry(item) for item in suite.items],
    }


def item_entry(item: SuiteItem) -> dict[str, Any]:
    """An item as its entry in the YAML."""
    messages = [{"role": message.role, "content": message.content} for message in item.messages]
    return _without_defaults(item) | {"messages": messages, "expect": json.loads(item.expect)}


def _without_defaults(value: Suite | SuiteItem) -> dict[str, Any]:
    defaults = _DEFAULTS[type(value)]
    kept = {name: getattr(value, name) for name in defaults if getattr(value, name) != defaults[name]}
    return {name: to_builtins(item) for name, item in kept.items()}


def keep_out_of_git(path: Path) -> None:
    """See that git leaves a file or folder of people's words alone; what the list says already stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listing = path.parent / ".gitignore"
    known = listing.read_text(encoding="utf-8") if listing.exists() else "# People's words stay out of git.\n"
    if path.name not in known.splitlines():
        listing.write_text(f"{known}{path.name}\n", encoding="utf-8")
