"""Completion in a shell: the script that turns it on, and which words a shell asks about."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

# The names that Typer's scripts set (typer._completion_shared).
ASKED: Final = "_SELFTUNE_COMPLETE"
_BASH_WORDS, _BASH_PLACE, _WORDS = "COMP_WORDS", "COMP_CWORD", "_TYPER_COMPLETE_ARGS"


class Shell(StrEnum):
    """A shell that can be told what to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("completion")(completion)


def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script to print; put it where that shell reads it.")],
) -> None:
    """Print what makes a shell complete commands and options: bash, zsh or fish."""
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="selftune", complete_var=ASKED, shell=shell.value))


def words_asked_about(environment: Mapping[str, str]) -> list[str]:
    """The finished words that a shell wants more words behind, none in a quotation that goes on; Typer answers it."""
    from typer._completion_classes import completion_init

    completion_init()
    line = environment.get(_BASH_WORDS, environment.get(_WORDS, ""))
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        return []
    if _BASH_WORDS in environment:
        place = environment.get(_BASH_PLACE, "")
        return words[: int(place) - 1] if place.isdigit() and int(place) else words
    return words if line[-1:].isspace() else words[:-1]


def begins_option(environment: Mapping[str, str]) -> bool:
    """Whether the word that is to be completed begins like an option."""
    if _BASH_WORDS in environment:
        words, place = environment[_BASH_WORDS].split(), environment.get(_BASH_PLACE, "")
        begun = words[int(place)] if place.isdigit() and int(place) < len(words) else ""
    else:
        begun = environment.get(_WORDS, "").rpartition(" ")[2]
    return begun.startswith("-")
