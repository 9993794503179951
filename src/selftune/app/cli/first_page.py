"""What is shown before anything is asked for: the next thing to do, the seven commands for every day, then all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typer._click import Command, Context
    from typer.core import TyperGroup

PURPOSE: Final = "Turn a log of what your model said into a measurably better model, only when the evidence says so."
# What a person needs; decisions/0107 says why these and why so few.
SEVEN: Final = {
    "up": "serve the model to your clients, and show the pages",
    "chat": "talk with it",
    "import": "bring in what it said elsewhere",
    "cycle": "learn from it: a better model serves, or you are told why not",
    "pick": "say which of two answers is better, without knowing whose they are",
    "why": "why it was decided so",
    "rollback": "take the last release back",
}
_COLUMN: Final = 24
_BEGIN: Final = (
    ("selftune demo", "see the whole loop on a small model, in minutes"),
    ("selftune init FOLDER", "make a project of your own"),
)
_REST: Final = (
    ("selftune", "what to do next"),
    ("selftune help --all", "every command, by what it is for"),
    ("selftune help COMMAND", "all that one command takes"),
)


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("help")(show_help)


def show_help(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="A command, and one below it: judge import.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every command, by what it is for.")] = False,
) -> None:
    """The seven commands that a person needs; every command with --all, or all about one that is named."""
    root = context.find_root()
    if command:
        named = _find(root, command)
        typer.echo(named.command.get_help(named))
    elif everything:
        show_all(cast("TyperGroup", root.command), root)
    else:
        show_seven(_below(root.command))


def show_all(group: TyperGroup, context: Context) -> None:
    """Every command in its panel, as Typer shows them."""
    from typer import rich_utils

    rich_utils.rich_format_help(obj=group, ctx=context, markup_mode="markdown")


def show_seven(commands: Mapping[str, Command]) -> None:
    """The commands that a person needs, one line each, and where the rest is."""
    from selftune.app.cli.screen import make_console

    console = make_console()
    console.print(
        "Turn a log of what your model said into a measurably better model, only when the evidence says so.\n"
    )
    told = [(f"selftune {name}", does) for name, does in SEVEN.items() if name in commands]
    for heading, lines in (("To begin", _BEGIN), ("Every day", tuple(told)), ("The rest", _REST)):
        console.print(f"[bold]{heading}[/]")
        _show_lines(lines)
        console.print()


def show_next(folder: Path = Path()) -> None:
    """What serves here and what to do next; outside a project, the two lines to begin with."""
    from selftune.app.cli.screen import make_console
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.config import CONFIG_FILE

    if not (folder / CONFIG_FILE).exists():
        make_console().print("No project here. To begin:")
        _show_lines(_BEGIN)
        make_console().print("All commands: selftune help --all")
        return
    for words, told in _standing(folder):
        make_console().print(f"{words:<16}{plain(told)}", soft_wrap=True, markup=False)


def _standing(folder: Path) -> list[tuple[str, str]]:
    """Of what `selftune status` knows, the lines that a person acts on."""
    from selftune.app.cli.standing import read_standing

    summary = read_standing(folder)
    wanted = ("serves", "address", "problem", "last_decision", "brake", "breaker", "alarm", "under_way", "new", "next")
    return [(name.replace("_", " "), str(summary[name])) for name in wanted if summary[name] is not None]


def _show_lines(lines: Iterable[tuple[str, str]]) -> None:
    from selftune.app.cli.screen import make_console

    for words, told in lines:
        make_console().print(f"  [bold]{words}[/]{' ' * (_COLUMN - len(words))}{told}", soft_wrap=True)


def _find(root: Context, words: Sequence[str]) -> Context:
    """A context of the command that these words name, below the whole command line."""
    from selftune.errors import UnknownNameError

    found = root
    for word in words:
        known = _below(found.command)
        if word not in known:
            raise UnknownNameError("command", word, known)
        found = typer.Context(known[word], info_name=word, parent=found)
    return found


def _below(command: Command) -> Mapping[str, Command]:
    return cast("Mapping[str, Command]", getattr(command, "commands", {}))
