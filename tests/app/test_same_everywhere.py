"""What an option is called and does is the same in every command; who goes without one stands here with the reason."""

from __future__ import annotations

from pathlib import Path

from typer.main import get_command

from selftune.app.cli.main import app, register_commands

if not app.registered_commands:
    register_commands()

NO_PROJECT = {
    "it makes the project": ("init", "demo", "restore", "study init"),
    "it is about this machine or this program, whatever the project": (
        *("help", "completion", "key new", "key list", "base add", "base check", "base list", "reference rebuild"),
    ),
    "it runs where there is no project: on another machine, or over a folder that is named": (
        *("train job", "ledger verify", "study run", "study status", "study report"),
    ),
}
NO_JSON = {
    "it puts one thing on record or takes it off, and its exit code says whether": (
        *("hold", "freeze", "lift", "annotate", "escalate", "nightly resume", "canary stop", "canary approve"),
        *("concern raise", "concern answer", "concern close", "concern withdraw", "audit finding", "canary start"),
        *("key new", "key revoke", "people add", "people change", "sign bundle", "sign off", "sign revoke"),
        *("projection register", "registry add", "registry rename", "registry retire", "gateway key revoke"),
        *("codex import", "codex adopt", "codex deliberate", "codex propose", "codex approve", "codex refuse"),
        *("codex rollback", "codex restore", "tool approve", "tool refuse", "tool suspend", "tool resume"),
        *("index rebuild", "results learn", "base add", "study init", "eject", "reference rebuild"),
        *("ledger witness", "ledger keep", "ledger vouch"),
    ),
    "what it prints is JSON or a text of its own already, for another program to read": (
        *("config", "schedule", "nightly install", "completion", "examples", "inspect-log", "ledger prove", "tool try"),
        "mcp",
    ),
    "it prints what `python -m selftune.ledger.verify` prints, which needs nothing of ours": ("ledger verify",),
    "a person sits before it, or it runs until it is ended": ("help", "up", "dashboard", "review"),
}
# What takes long, costs money, or can't be taken back: it can be looked at first, or asks before.
FORESEEN = {
    "import": "--dry-run",
    "cycle": "--dry-run",
    "nightly": "--dry-run",
    "experiment": "--dry-run",
    "rollback": "--dry-run",
    "forget": "--dry-run --yes",
    "approve": "--yes",
    "codex import": "--yes",
    "tool approve": "--yes",
    "suite grow": "--yes",
    "init": "--yes",
}


def commands(group=None, path=()):
    """Each command that does something, with its parameters by their flags."""
    for name, command in (group or get_command(app)).commands.items():
        words = " ".join((*path, name))
        below = getattr(command, "commands", None)
        if below is None or [one for one in command.params if one.name != "help"]:
            yield words, {flag: one for one in command.params for flag in one.opts}
        if below is not None:
            yield from commands(command, (*path, name))


def excused(table):
    return sorted(name for names in table.values() for name in names)


def without(flag):
    return sorted(words for words, taken in commands() if flag not in taken)


def test_every_command_that_is_about_a_project_takes_its_folder_in_the_same_way():
    assert without("--project") == excused(NO_PROJECT)
    for words, taken in commands():
        if "--project" in taken:
            assert taken["--project"].opts == ["--project", "-p"], words
            assert taken["--project"].default in {Path(), None}, words


def test_every_command_that_tells_something_tells_it_as_json_too():
    assert without("--json") == excused(NO_JSON)
    for words, taken in commands():
        if "--json" in taken:
            assert taken["--json"].is_flag, words
            assert taken["--json"].default is False, words


def test_what_costs_much_or_can_not_be_taken_back_can_be_foreseen_or_asks():
    held = {
        words: " ".join(flag for flag in ("--dry-run", "--yes") if flag in taken)
        for words, taken in commands()
        if {"--dry-run", "--yes"} & taken.keys()
    }
    assert {words: flags for words, flags in held.items() if words in FORESEEN} == FORESEEN
    for words, taken in commands():
        for flag in {"--dry-run", "--yes"} & taken.keys():
            assert taken[flag].is_flag, words
            assert taken[flag].default is False, words
        if "--yes" in taken:
            assert taken["--yes"].opts == ["--yes", "-y"], words


def test_no_command_calls_one_of_these_by_another_name():
    others = {"--as-json", "--dryrun", "--assume-yes", "--project-folder", "--simulate", "-j"}
    assert {words: others & taken.keys() for words, taken in commands() if others & taken.keys()} == {}


def test_the_verbs_that_the_mission_names_are_there():
    verbs = """init doctor demo up base import judge review curate dataset train build forms evaluate compare pick
        decide release rollback cycle nightly study status report rules why trace forget concern stop hold freeze
        approve audit codex chat ask motivator loops key suite index quarantine store backup restore mcp"""
    assert set(verbs.split()) - get_command(app).commands.keys() == set()
