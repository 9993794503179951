"""Completion in a shell: the script that turns it on, and which words a shell asks about."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.asked import callback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    from typer import _completion_classes as classes

    classes.completion_init()
    # Typer would take `[judge]` in a summary for markup, leave it out, and wake rich for it; ours hold none.
    classes._sanitize_help_text = _as_it_is  # noqa: SLF001 - no setting of Typer turns it off
    line = environment.get(_BASH_WORDS, environment.get(_WORDS, ""))
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        return []
    if _BASH_WORDS in environment:
        place = environment.get(_BASH_PLACE, "")
        return words[: int(place) - 1] if place.isdigit() and int(place) else words
    return words if line[-1:].isspace() else words[:-1]


def word_begun(environment: Mapping[str, str]) -> str:
    """The word that is to be completed, as far as it was typed."""
    if _BASH_WORDS in environment:
        words, place = environment[_BASH_WORDS].split(), environment.get(_BASH_PLACE, "")
        return words[int(place)] if place.isdigit() and int(place) < len(words) else ""
    return environment.get(_WORDS, "").rpartition(" ")[2]


def options_offered(app: typer.Typer, words: Sequence[str], begun: str) -> list[tuple[str, str]]:
    """The options of the command that these words name which begin like this, each with its summary.

    Read off its signature: to have Typer make the command wakes pydantic, which takes longer than all the rest.
    """
    if "--" in words:
        return []
    options = [(name, summary, many) for name, summary, many in _options_of(callback_of(app, words))]
    options += [(name, "Show this message and exit.", False) for name in ("--help", "-h")]
    return [(name, said) for name, said, many in options if name.startswith(begun) and (many or name not in words)]


def answer_options(options: Sequence[tuple[str, str]], environment: Mapping[str, str]) -> str:
    """These options in the form that the asking shell reads."""
    from typer._click.shell_completion import CompletionItem, get_completion_class

    shell = get_completion_class(environment[ASKED].removeprefix("complete_"))
    if shell is None:
        return ""
    items = [CompletionItem(name, help=summary) for name, summary in options]
    offered = type("Offered", (shell,), {"get_completions": lambda *_: items})
    told: str = offered(None, {}, "selftune", ASKED).complete()
    return told


def _options_of(callback: Callable[..., object] | None) -> Iterator[tuple[str, str, bool]]:
    """Name and summary of each option, and whether it may be given more than once."""
    from typer.models import OptionInfo
    from typer.utils import get_params_from_function

    for name, taken in get_params_from_function(callback).items() if callback is not None else ():
        info = taken.default
        if not isinstance(info, OptionInfo) or info.hidden:
            continue
        usual = f"--{name.replace('_', '-')}"
        for declared in info.param_decls or (f"{usual}/--no-{usual[2:]}" if taken.annotation is bool else usual,):
            for one in declared.split("/"):
                yield one.strip(), info.help or "", "list" in str(taken.annotation)


def _as_it_is(text: str) -> str:
    return text
