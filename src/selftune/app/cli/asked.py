"""Makes of all commands only the one that was asked for: to make all takes longer than most commands do."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Final

from typer.main import get_command_name, solve_typer_info_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import typer
    from typer.models import CommandInfo, TyperInfo

_HELP: Final = "help"


def asked_of(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The app with what these words need: one command, or the names and summaries of all for the first page.

    Words that name no command get the whole app, which says what there is instead. `app` itself stays as it is.
    """
    if not words or list(words) in (["--help"], ["-h"]):
        return _summaries(app)
    if words[0] == _HELP:
        return _helped(app, [word for word in words[1:] if not word.startswith("-")])
    commands, groups = _named(app, words[0])
    return _with(app, commands, groups) if commands or groups else app


def asked_of_next_word(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The app for a shell that completes the name of a command behind these words: what was typed is no option.

    Names alone where nothing or only a group was named, for to read an option takes twice as long.
    """
    if not words:
        return _names_alone(app)
    commands, groups = _named(app, words[0])
    if len(words) > 1 or commands or not groups:
        return asked_of(app, words)
    return _with(_names_alone(app), [], [_with_names_alone(one) for one in groups])


def callback_of(app: typer.Typer, words: Sequence[str]) -> Callable[..., object] | None:
    """The function behind the command that these words name, options and arguments among them; the app's for none."""
    callback = app.registered_callback.callback if app.registered_callback else None
    for word in words:
        commands, groups = _named(app, word)
        if commands:
            return commands[0].callback
        if groups and groups[0].typer_instance is not None:
            app = groups[0].typer_instance
            callback = app.registered_callback.callback if app.registered_callback else None
    return callback


def _names_alone(app: typer.Typer) -> typer.Typer:
    alike = _summaries(app)
    alike.registered_callback, alike.info = None, copy.copy(alike.info)
    alike.info.add_help_option = False
    return alike


def _with_names_alone(group: TyperInfo) -> TyperInfo:
    alike = copy.copy(group)
    alike.callback, alike.add_help_option = None, False
    if group.typer_instance is not None:
        alike.typer_instance = _names_alone(group.typer_instance)
        alike.typer_instance.info.callback = None
    return alike


def _helped(app: typer.Typer, named: Sequence[str]) -> typer.Typer:
    """The command `help`, with what it is to tell of."""
    helping, _ = _named(app, _HELP)
    if not named:
        return _summaries(app, helping)
    commands, groups = _named(app, named[0])
    return _with(app, [*helping, *commands], groups) if commands or groups else app


def _named(app: typer.Typer, name: str) -> tuple[list[CommandInfo], list[TyperInfo]]:
    commands = [one for one in app.registered_commands if _command_name(one) == name]
    return commands, [one for one in app.registered_groups if solve_typer_info_defaults(one).name == name]


def _summaries(app: typer.Typer, whole: Sequence[CommandInfo] = ()) -> typer.Typer:
    commands = [one if one in whole else _without_options(one) for one in app.registered_commands]
    return _with(app, commands, [_without_commands(one) for one in app.registered_groups])


def _with(app: typer.Typer, commands: list[CommandInfo], groups: list[TyperInfo]) -> typer.Typer:
    alike = copy.copy(app)
    alike.registered_commands, alike.registered_groups = commands, groups
    return alike


def _command_name(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def _without_options(command: CommandInfo) -> CommandInfo:
    alike = copy.copy(command)
    alike.name = _command_name(command)
    alike.help = inspect.getdoc(command.callback) if command.help is None else command.help
    alike.callback = _nothing
    return alike


def _without_commands(group: TyperInfo) -> TyperInfo:
    alike = copy.copy(group)
    if group.typer_instance is not None:
        alike.typer_instance = _with(group.typer_instance, [], [])
    return alike


def _nothing() -> None:
    """What a command on the first page does: its own page is made from itself."""
