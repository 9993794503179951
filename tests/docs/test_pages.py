"""The pages say what the program does, or these tests fail."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ITEMS = {"A": 42, "B": 55, "C": 26, "D": 14, "E": 18, "F": 13}


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def feature_rows() -> list[tuple[str, str, str, str]]:
    lines = (DOCS / "features.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines if re.match(r"\| [A-F]\d+ ", line)]
    return [(row[0], row[1], row[2], row[3] if len(row) > 3 else "") for row in rows]


def commands_with_options() -> dict[str, tuple[list[str], set[str]]]:
    """Of each command on the page of the command line: the arguments it must have, and its options."""
    found: dict[str, tuple[list[str], set[str]]] = {}
    for section in re.split(r"^### selftune ", (DOCS / "cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", section, flags=re.MULTILINE)
        needed = [name for name, default in rows if not name.startswith("-") and default.strip() == "required"]
        found[section.splitlines()[0]] = needed, set(re.findall(r"--[a-z-]+", " ".join(name for name, _ in rows)))
    return found


def fault_of(typed: str, known: dict[str, tuple[list[str], set[str]]]) -> str | None:
    """Why a command as the page gives it could not be typed; None when it could."""
    words = (
        typed.replace("report ", "report show ", 1) if re.match(r"report (?!lint|changes|show|runs)", typed) else typed
    )
    words = "report show" if typed == "report" else words
    name = next((" ".join(words.split()[:n]) for n in (3, 2, 1) if " ".join(words.split()[:n]) in known), None)
    rest = words.split()[len((name or "").split()) :]
    names_more = bool(rest) and not rest[0].startswith("-")
    if name is None or (names_more and any(one.startswith(f"{name} ") for one in known)):
        return "no such command"
    needed, options = known[name]
    unknown = [word for word in rest if word.startswith("--") and word not in options]
    if unknown:
        return f"no option {unknown[0]}"
    given = [word for word in rest if not word.startswith("-")]
    return f"{needed[len(given)]} is missing" if len(given) < len(needed) else None


def test_every_item_of_the_mission_stands_on_the_features_page_once():
    expected = [f"{letter}{number}" for letter, count in ITEMS.items() for number in range(1, count + 1)]
    assert len(expected) == 168
    assert [row[0] for row in feature_rows()] == expected


def test_a_feature_is_open_thin_or_done_and_what_is_done_has_a_command():
    for item, what, state, command in feature_rows():
        assert what, item
        assert state in {"open", "thin", "done"}, item
        if state == "done":
            assert command.startswith("`"), item


def test_the_commands_on_the_features_page_exist():
    known = commands_with_options()
    campaigns = {path.stem for path in (ROOT / "src/selftune/app/campaigns").glob("*.py")}
    for item, _, _, commands in feature_rows():
        for typed in re.findall(r"`selftune ([^`]+)`", commands):
            assert fault_of(typed, known) is None, f"{item}: selftune {typed}: {fault_of(typed, known)}"
        for path in re.findall(r"((?:tests|benchmarks)/[\w./]+)", commands):
            assert (ROOT / path).exists(), f"{item}: {path}"
        for names in re.findall(r"REPORT_ARGS=\"?([a-z_ ]+)", commands):
            assert set(names.split()) <= campaigns, f"{item}: {names}"


def test_the_commands_that_messages_name_exist():
    known = commands_with_options()
    for path in sorted((ROOT / "src/selftune").rglob("*.py")):
        for typed in re.findall(r"`selftune ([^-`\n][^`\n]*)`", path.read_text(encoding="utf-8")):
            fault = fault_of(re.sub(r"\{[^}]*\}", "NAME", typed), known)
            # A sentence names a command without what it needs.
            assert fault is None or fault.endswith("is missing"), f"{path.name}: selftune {typed}: {fault}"


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("compare A B", None),
        ("report --all --html FILE", None),
        ("report lint FILE --records FOLDER", None),
        ("suite show", "NAME is missing"),
        ("suite shine NAME", "no such command"),
        ("compare A B --metrics acc", "no option --metrics"),
    ],
)
def test_a_command_that_can_not_be_typed_is_found(typed, fault):
    assert fault_of(typed, commands_with_options()) == fault


@pytest.mark.parametrize(
    ("page", "writer"),
    [
        ("cli.md", "write_cli"),
        ("exit_codes.md", "write_exit_codes"),
        ("configuration.md", "write_configuration"),
        ("formats.md", "write_formats"),
        ("records.md", "write_records"),
    ],
)
def test_the_reference_pages_are_what_the_program_says_of_itself(page, writer):
    fresh = getattr(load("write_reference"), writer)()
    assert (DOCS / page).read_text(encoding="utf-8") == fresh, "run: python docs/write_reference.py"


def test_the_picture_is_what_its_script_draws():
    assert (DOCS / "loop.svg").read_text(encoding="utf-8") == load("draw_loop").draw_loop()


def test_the_readme_is_short_and_its_files_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", text):
        path = target[0] or target[1]
        assert path.startswith("https://") or (ROOT / path).exists(), path


def test_pages_and_decisions_link_to_files_that_exist():
    for page in [*DOCS.glob("*.md"), *(ROOT / "decisions").glob("*.md"), *(ROOT / "dev").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_decision_says_its_context_its_choice_and_what_would_change_it():
    pages = sorted((ROOT / "decisions").glob("[0-9]*.md"))
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for heading in ("## Context", "## Choice", "## What would change our mind"):
            assert heading in text, f"{page.name}: {heading}"


@pytest.mark.needs("docs")
def test_the_site_builds_without_a_warning_and_asks_nobody_else_for_anything(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\s\">]+)", page.read_text("utf-8"))
        assert fetched == [], page.name


def test_the_example_plug_in_of_the_docs_passes_its_own_contract():
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    space = {"__name__": "example"}
    for block in blocks:
        exec(block, space)  # noqa: S102 - our own page
    subject = space["TestNamesTheForm"]
    tests = [name for name in dir(subject) if name.startswith("test_")]
    assert len(tests) >= 3
    for name in tests:
        getattr(subject(), name)()


def test_every_entry_point_group_stands_on_the_extending_page():
    from selftune.plugins import GROUPS, registered

    page = (DOCS / "extending.md").read_text(encoding="utf-8")
    for group in GROUPS:
        if registered(group):
            assert f"`{group}`" in page, group
