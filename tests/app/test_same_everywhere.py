"""What an option is called and does is the same in every command; who goes without one stands here with the reason."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
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
        *("train job", "study run", "study status", "study report"),
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
# What takes long, costs money, or can't be taken back: it can be looked at first, asks before, or takes a limit.
FORESEEN = {
    "import": "--dry-run",
    "cycle": "--dry-run --budget-usd",
    "nightly": "--dry-run --budget",
    "experiment": "--dry-run",
    "rollback": "--dry-run",
    "store migrate": "--dry-run",
    "tonight": "--dry-run",
    "train": "--plan",
    "forget": "--dry-run --yes",
    "approve": "--yes",
    "codex import": "--yes",
    "tool approve": "--yes",
    "suite grow": "--yes",
    "init": "--yes",
    "judge": "--budget-usd",
    "judge compare": "--budget-usd",
    "judge swap": "--budget-usd",
    "prompt": "--budget-usd",
}
UNFORESEEN = {
    "it changes nothing, or writes one new file or folder that is named": (
        *("help", "status", "why", "config", "rules", "doctor", "loops", "nodes", "search", "trace", "diagnose", "mcp"),
        *("alarms", "annotations", "compare", "examples", "handoff", "readiness", "report *", "results", "samples"),
        *("inspect-log", "completion", "schedule", "demo", "dashboard", "export", "backup", "restore", "train curves"),
        *("gateway status", "gateway key list", "canary status", "nightly status", "motivator status", "store status"),
        *("judge report", "judge canaries", "suite list", "suite show", "suite lint", "codex show", "codex lint"),
        *("codex diff", "codex amendments", "program", "program check", "dataset breaks", "dataset list"),
        *("dataset show", "dataset diff", "dataset export", "tool gaps", "tool list", "tool show", "study status"),
        *("study report", "archive list", "archive show", "archive phases", "registry list", "registry show"),
        *("registry index", "concern list", "concern show", "key list", "people list", "projection show"),
        *("audit report", "ledger verify", "ledger prove", "ledger export", "base check", "base list"),
        *("train elsewhere", "train job", "study init", "reference rebuild"),
    ),
    "what it adds stands beside what was there, and another command or a later word takes its place": (
        *("ask", "chat", "review", "pick", "annotate", "escalate", "eject", "quarantine", "sign *", "hold", "freeze"),
        *("lift", "concern raise", "concern answer", "concern close", "concern withdraw", "projection register"),
        *("canary start", "canary stop", "canary approve", "nightly install", "nightly resume", "audit start"),
        *("audit next", "audit finding", "ledger checkpoint", "ledger witness", "ledger keep", "ledger vouch"),
        *("people add", "people change", "key new", "gateway key add", "results import", "results learn", "base add"),
        *("judge import", "train import", "archive import", "registry add", "registry import", "registry rename"),
        *("registry retire", "codex adopt", "codex propose", "codex approve", "codex refuse", "codex rollback"),
        *("codex restore", "tool refuse", "tool suspend", "tool resume", "experiment register", "index rebuild"),
        *("dataset prepare", "suite import", "suite split", "connect openwebui", "notify test", "notify send"),
    ),
    "it is the stop itself, or starts what the stop ends, and must not be held up": (
        *("stop", "start", "up", "motivator run", "key revoke", "gateway key revoke", "ledger succeed"),
    ),
    "it is one stage of a cycle, whose --dry-run tells of all; a release is taken back by rollback": (
        *("curate", "build", "evaluate", "decide", "release", "train repeat"),
    ),
    "it asks a model so often as its arguments say; [judge] and [teacher] budget_usd hold": (
        *("benchmark", "forms", "codex probe", "codex deliberate", "dataset grow", "dataset enrich", "suite screen"),
        *("tool forge", "tool try", "experiment run", "study run"),
    ),
}


def walk(group, path=()):
    """Each command that does something, with its parameters by their flags."""
    for name, command in group.commands.items():
        words = " ".join((*path, name))
        below = getattr(command, "commands", None)
        if below is None or [one for one in command.params if one.name != "help"]:
            yield words, {flag: one for one in command.params for flag in one.opts}
        if below is not None:
            yield from walk(command, (*path, name))


@cache
def commands():
    """All of them; to make them takes seconds."""
    return tuple(walk(get_command(app)))


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


def test_what_costs_much_or_can_not_be_taken_back_can_be_foreseen_or_asks_or_is_excused_by_name():
    names = [words for words, _ in commands()]
    excused_names = [name for name in names for one in excused(UNFORESEEN) if fnmatch(name, one)]
    assert sorted([*FORESEEN, *excused_names]) == sorted(names)
    for words, taken in commands():
        assert set(FORESEEN.get(words, "").split()) <= taken.keys(), words
        held = {"--dry-run", "--yes"} & taken.keys()
        assert not held or words in FORESEEN, words
        assert all(taken[flag].is_flag and taken[flag].default is False for flag in held), words
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
