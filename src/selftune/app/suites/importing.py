"""Prompts from a file become a suite: Foundry's prompt file, and JSON lines or CSV of anybody's own."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, MissingFileError, UsageError, offer
from selftune.evals.base import JUDGE
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import SUITES, load_suite, suite_from
from selftune.settings import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from selftune.records import Suite

TABLES: Final = (".jsonl", ".csv")
FOUNDRY_CATEGORIES: Final = (
    "anachronism_trap",
    "character_consistency",
    "ground_truth",
    "position_discrimination",
    "private_voice",
    "verified_response",
)
"""The six categories of the Foundry evaluation (mission B9): a file of them that lacks one is a fault in the file."""

_SIGNAL: Final = "ground_truth_signal"
# How that evaluation draws its answers (mission B10).
_FOUNDRY_GENERATION: Final = {"temperature": 1.0, "top_k": 64, "top_p": 0.95, "max_tokens": 1024}
_OWN_GENERATION: Final = {"temperature": 0.0, "max_tokens": 512}
_FOUNDRY_KEYS: Final = frozenset({"id", "category", "prompt", "difficulty", _SIGNAL, "madison_verbatim", "source"})
_TAKEN_AS_IT_IS: Final = ("id", "category", "difficulty", "agent", "pair", "behaviour", "scorer", "reference", "tier")
_OWN_KEYS: Final = (*_TAKEN_AS_IT_IS, "prompt", "system", "messages", "follow_ups", "weight", "expect")
_NEEDED: Final = ("id", "category", "difficulty")


def import_suite(file: Path, folder: Path, *, name: str = "", scorer: str = "", force: bool = False) -> Path:
    """Write the prompts of a file as a suite of the project; returns where it stands.

    Raises:
        UsageError: there is such a suite already, and nobody said `--force`.
        ConfigError: the file is of no such form, or its items do not make a suite; the message names the item.
    """
    suite = _strictly(read_prompts(file, name=name, scorer=scorer), file)
    target = folder / SUITES.folder / f"{suite.name}{SUITES.endings[0]}"
    if target.exists() and not force:
        raise UsageError(f"{target} is there already.", next_step="Choose another --name, or replace it with --force.")
    write_suite(suite, target, f"Imported from {file.name}.")
    return target


def read_any_suite(name_or_file: str | Path) -> Suite:
    """A shipped suite by name, a suite's YAML, or a file of prompts.

    Raises:
        UnknownNameError: no shipped suite has that name.
        MissingFileError: there is no such file.
        ConfigError: it makes no suite.
    """
    from pathlib import Path

    path = Path(name_or_file)
    return read_prompts(path) if path.suffix in TABLES else load_suite(name_or_file)


def read_prompts(file: Path, *, name: str = "", scorer: str = "") -> Suite:
    """The suite that a file of prompts describes; a category that its format promises may still be empty.

    Raises:
        MissingFileError: there is no such file.
        ConfigError: a row is of no known form; the message names it.
    """
    if not file.is_file():
        raise MissingFileError(f"there is no file {file}.", next_step="Give the path of a .jsonl or .csv file.")
    rows = _rows(file)
    foundry = bool(rows) and all(_SIGNAL in row for row in rows)
    items = [(_foundry_item if foundry else _own_item)(row, file, place) for place, row in enumerate(rows, start=1)]
    held = list(dict.fromkeys(item["category"] for item in items))
    suite = suite_from(
        {
            "name": name or file.stem,
            "version": "1",
            "description": _describe(file, items, foundry=foundry),
            "scorer": scorer or JUDGE,
            "unit": "pair" if items and all("pair" in item for item in items) else "item",
            "categories": held,
            "generation": _FOUNDRY_GENERATION if foundry else _OWN_GENERATION,
            "seed": 0,
            "items": items,
        },
        where=f"file {file.name}",
    )
    declared = FOUNDRY_CATEGORIES if foundry and set(held) <= set(FOUNDRY_CATEGORIES) else suite.categories
    return replace(suite, categories=declared)


def _strictly(suite: Suite, file: Path) -> Suite:
    empty = set(suite.categories) - {item.category for item in suite.items}
    if empty:
        raise ConfigError(
            f"file {file.name} has no item in category {min(empty)!r}, and its format promises one.",
            next_step="Add such items; a candidate that must not fall there could otherwise never be accepted.",
        )
    return suite


def _describe(file: Path, items: Sequence[object], *, foundry: bool) -> str:
    kind = "Foundry prompts" if foundry else "prompts"
    return f"{len(items)} {kind} from {file.name}."


def _rows(file: Path) -> list[dict[str, Any]]:
    # Tables saved by Excel begin with a byte-order mark.
    text = read_text(file, f"file {file.name}").removeprefix("\ufeff")
    if file.suffix == ".csv":
        return [_without_blanks(row) for row in csv.DictReader(io.StringIO(text))]
    return [_row(line, file, place) for place, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _row(line: str, file: Path, place: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise _unreadable(file, place, f"no JSON: {error}") from error
    if not isinstance(row, dict):
        raise _unreadable(file, place, "no JSON object")
    return row


def _without_blanks(row: dict[Any, Any]) -> dict[str, Any]:
    """The cells that hold something; a weight and an expectation are read out of their text."""
    cells = {str(key): value for key, value in row.items() if key is not None and value}
    for key in ("expect", "follow_ups", "messages"):
        if key in cells:
            cells[key] = _json_cell(cells[key])
    if "weight" in cells:
        cells["weight"] = _json_cell(cells["weight"])
    return cells


def _json_cell(text: str) -> Any:
    """What a cell says as JSON; a text that is none stays a text, and the reader of suites refuses it by name."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _foundry_item(row: dict[str, Any], file: Path, place: int) -> dict[str, Any]:
    _refuse_unknown(row, _FOUNDRY_KEYS, file, place)
    _refuse_missing(row, (*_NEEDED, "prompt"), file, place)
    verbatim = f"\nIn the person's own words: {row['madison_verbatim']}" if row.get("madison_verbatim") else ""
    return {
        "id": row["id"],
        "category": row["category"],
        "behaviour": row["category"],
        "difficulty": row["difficulty"],
        "messages": [{"role": "user", "content": row["prompt"]}],
        "expect": {},
        "reference": f"{row[_SIGNAL]}{verbatim}",
        **({"origin": row["source"]} if row.get("source") else {}),
    }


def _own_item(row: dict[str, Any], file: Path, place: int) -> dict[str, Any]:
    _refuse_unknown(row, _OWN_KEYS, file, place)
    _refuse_missing(row, _NEEDED, file, place)
    if ("prompt" in row) == ("messages" in row):
        raise _unreadable(file, place, "it needs either a prompt or messages")
    asked = row.get("messages") or [
        *([{"role": "system", "content": row["system"]}] if "system" in row else []),
        {"role": "user", "content": row["prompt"]},
    ]
    kept: dict[str, Any] = {key: row[key] for key in (*_TAKEN_AS_IT_IS, "follow_ups", "weight") if key in row}
    return {"behaviour": row["category"], **kept, "messages": asked, "expect": row.get("expect", {})}


def _refuse_unknown(row: dict[str, Any], known: Iterable[str], file: Path, place: int) -> None:
    for key in row:
        if key not in known:
            raise ConfigError(f"file {file.name}, row {place}: unknown key {key!r}.", next_step=offer(key, known))


def _refuse_missing(row: dict[str, Any], needed: Iterable[str], file: Path, place: int) -> None:
    for key in needed:
        if not row.get(key):
            raise _unreadable(file, place, f"{key!r} is missing")


def _unreadable(file: Path, place: int, why: str) -> ConfigError:
    return ConfigError(f"file {file.name}, row {place}: {why}.", next_step=f"A row may have: {', '.join(_OWN_KEYS)}.")
