"""What a page tells somebody to type is typed by a test or says why not, and is a command that there is."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
from configured_project import open_test_project
from page_blocks import DOCS, PAGES, ROOT, blocks_of
from test_pages import commands_with_options, fault_of
from tutorial_runner import Reader, steps_of
from typer.main import get_command

from selftune.app.cli.main import app, register_commands
from selftune.loop.config import CONFIG_FILE, load_config

# Each tutorial and guide is read by itself; these are read one after the other, in one project without a model.
READ_HERE = ("agenda", "amendment", "backup", "gateway", "running")
if not app.registered_commands:
    register_commands()
COMMANDS = get_command(app)  # made once: it takes a third of a second
BLOCKS = tuple(block for page in PAGES for block in blocks_of(page))
OF_OTHER_FILES = {"identity", "project", "suites", "turns"}
"""Tables of a codex, a plug-in's pyproject.toml, a policy and a scripted dialogue."""


def is_read(block) -> bool:
    """Whether a reader types it in some test."""
    a_lesson = block.page.parent.name in {"tutorials", "guides"}
    return block.language == "console" and (a_lesson or block.page.stem in READ_HERE)


def too_much_of(typed: str) -> str | None:
    """The first word of a command that nothing takes; None when there is none."""
    command, words = COMMANDS, shlex.split(typed + '"' * (typed.count('"') % 2))  # it may be cut off within a text
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return None  # what a group does by itself takes what one of its commands takes
    _, rest, _ = command.make_parser(command.context_class(command)).parse_args(words)
    return f"{rest[0]} is too much" if rest else None


def test_a_word_too_many_is_found():
    assert too_much_of("up --project demo") is None
    assert too_much_of("up demo") == "demo is too much"


def test_whatever_somebody_is_told_to_type_is_typed_here_or_says_why_not():
    # What stands on the pages for the front of the house is what these pages hold at length.
    silent = [
        block.place
        for block in BLOCKS
        if block.commands and block.page.is_relative_to(DOCS) and not (is_read(block) or block.not_run)
    ]
    assert silent == [], "put a line `<!-- not run: REASON -->` above the block, or have it read"


def test_a_mark_stands_above_nothing_but_what_somebody_would_type():
    assert [block.place for block in BLOCKS if block.not_run and not block.commands] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_of_a_page_is_one_that_there_is(page):
    known = commands_with_options()
    in_blocks = [line for block in blocks_of(page) for line in block.commands]
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = [f"selftune {typed}" for typed in re.findall(r"`selftune ([^`]+)`", prose.replace("\n", " "))]
    for typed in (*in_blocks, *named):
        if found := re.match(r"(?:\S+=\S+ )*(?:\.venv/bin/)?selftune (?!--version)(.+)", typed):
            plain = re.split(r"\s\d?>|[|&<;(]", found[1])[0].replace('"$', "FOUND").strip()
            fault = fault_of(plain, known) or (None if typed in named else too_much_of(plain))
            # A sentence names a command without what it needs.
            assert fault is None or (typed in named and fault.endswith("is missing")), f"{typed}: {fault}"


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "toml"], ids=lambda block: block.place
)
def test_each_setting_of_a_page_can_be_set(block, tmp_path):
    read = tomllib.loads(block.body)
    if not read.keys() & OF_OTHER_FILES and all(isinstance(one, dict | list) for one in read.values()):
        (tmp_path / CONFIG_FILE).write_text(block.body, encoding="utf-8")
        load_config(tmp_path)


@pytest.mark.needs("serve")
def test_a_reader_types_what_the_pages_of_reference_say(tmp_path, monkeypatch, warm, tmp_path_factory):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    with open_test_project(tmp_path) as opened:
        config = opened.folder / CONFIG_FILE
    text = config.read_text(encoding="utf-8").replace('"fake"', '"reference"').replace('"r"', '"reference_sft"')
    config.write_text(text, encoding="utf-8")
    project = config.parent.rename(tmp_path / "PROJECT")
    warm.write_shim(programs := tmp_path_factory.mktemp("programs"))
    path = os.pathsep.join(map(str, (programs, Path(sys.executable).parent, os.environ["PATH"])))
    started = os.environ | {"PATH": path, "HOME": str(tmp_path), "COLUMNS": "300"}
    for block in BLOCKS:
        if is_read(block) and block.page.stem in READ_HERE and not block.not_run:
            reader = Reader(tmp_path if "--project PROJECT" in block.body else project, started)
            for step in steps_of(f"```console\n{block.body}```\n"):
                reader.follow(step)
