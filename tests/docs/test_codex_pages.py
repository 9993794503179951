"""The codex on its page is one that the program takes, and the rulings name keys and commands that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from selftune.codex.reading import CODICES, load_codex, parse_codex
from selftune.curation.render import is_left_out
from selftune.judges.rubric import parse_rubric
from selftune.loop.config import ProjectConfig
from selftune.records import Identity, Prompting
from selftune.training.config import Recipe

DOCS = Path(__file__).resolve().parents[2] / "docs"
CODEX = (DOCS / "codex.md").read_text(encoding="utf-8")
RULINGS = (DOCS / "rulings.md").read_text(encoding="utf-8")


def test_the_codex_of_the_page_is_read_and_its_rubric_quotes_the_shipped_one():
    written, quoting = re.findall(r"```toml\n(.*?)```", CODEX, flags=re.DOTALL)
    codex = parse_codex(written, "the page")
    assert codex.governor == "WARDEN"
    assert codex.personas[1].prompt
    head = 'name = "r"\nversion = "1"\ndescription = "d"\nlowest = 1\nhighest = 5\ngolden = 4\n'
    rubric = parse_rubric(f'{head}{quoting}weight = 1\ndescription = "It holds."\n', "the page")
    assert rubric.persona.startswith("You are ALFRED")
    assert rubric.criteria[0].description.count("(weight 1)") == 2


def test_the_renderings_of_the_page_are_those_that_there_are_and_the_governor_is_the_shipped_one():
    section = CODEX.partition("## Dialogues, as they are learnt")[2].partition("\n## ")[0]
    assert set(_first_cells(section)) == {str(one) for one in Prompting}
    assert is_left_out(load_codex().governor)


def test_the_page_names_every_shipped_codex_and_every_key_that_may_be_left_out():
    shipped = CODEX.partition("| Shipped |")[2].partition("\n## ")[0]
    assert set(_first_cells(shipped)) == set(CODICES.names())
    listed = CODEX.partition("| Key |")[2].partition("\n\n")[0]
    keys = set(re.findall(r"^\| `(\[.+?\]+ ?\w*)` \|", listed, flags=re.MULTILINE))
    assert keys == {
        *(f"[identity] {field.name}" for field in fields(Identity) if field.name in {"forbidden", "amendable"}),
        "[[identity.probes]]",
        "[[personas]] parameters",
        "[[personas]] played_by",
        "[dissonance]",
    }


def _first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)


def test_each_key_of_the_rulings_can_be_set_and_each_command_is_one():
    sections = get_type_hints(ProjectConfig)
    keys = re.findall(r"`\[(\w+)\] (\w+)`", RULINGS)
    assert len(keys) >= 4
    for section, key in keys:
        assert key in {field.name for field in fields(sections[section])}, f"[{section}] {key}"
    recipe = {field.name for field in fields(Recipe)}
    assert {"continue_from", "max_length"} <= recipe & set(re.findall(r"`(\w+)` in a recipe", RULINGS))
    known = set(re.findall(r"^### selftune (.+)$", (DOCS / "cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for command in re.findall(r"`selftune ([a-z ]+)", RULINGS):
        assert any(command.strip() == name or command.startswith(f"{name} ") for name in known), command
