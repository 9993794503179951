"""`selftune chat`: talk with the personas of the codex."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder, LearnScripted, Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.chatting import Chat, ChatWishes
    from selftune.loop.dialogues.held import Held
    from selftune.loop.project import Project

PersonaName = Annotated[str, typer.Option(help="dyad, which is every voice of the codex, or the name of one persona.")]

_HELP = """\
What you type is one turn, and the personas answer it. Ctrl-C ends what they say; what was finished is kept.
/new   begin a new conversation
/quit  leave (so does Ctrl-D)
/help  this"""


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("chat")(chat)


def chat(
    dialogue: Annotated[str, typer.Argument(help="With --resume or --end: which one; the newest by default.")] = "",
    persona: PersonaName = "dyad",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished dialogue.")] = False,
    end: Annotated[bool, typer.Option("--end", help="Keep what was said in an unfinished dialogue; end it.")] = False,
    no_log: Annotated[bool, typer.Option("--no-log", help="Write nothing down.")] = False,
    scripted: Scripted = None,
    learn_scripted: LearnScripted = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Talk with the personas of the codex; through a pipe, each line is a dialogue of its own."""
    from selftune.app.chatting import ChatWishes
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if dialogue and not (resume or end):
        raise UsageError(
            "a dialogue is named, and not what is to become of it.",
            next_step=f"Add --resume or --end: selftune chat --resume {dialogue}",
        )
    if resume and end:
        raise UsageError("--resume goes on, and --end does not.", next_step="Give one of the two.")
    wishes = ChatWishes(persona=persona, keep=not no_log, script=scripted, learn_script=learn_scripted)
    with open_project(project) as opened:
        sys.exit(_chat(opened, wishes, dialogue, resume=resume, end=end, json=json))


def _chat(opened: Project, wishes: ChatWishes, dialogue: str, *, resume: bool, end: bool, json: bool) -> int:
    from selftune.app.chatting import INTERRUPTED, Chat, end_dialogue, tell_unfinished
    from selftune.app.cli.dialogue_screen import DialogueScreen
    from selftune.personas.scripted import SCRIPTED

    if end:
        return _show(end_dialogue(opened, dialogue), json=json)
    talk = Chat(opened, wishes, None if json else DialogueScreen())
    if wishes.script is not None:
        typer.echo(f"What speaks is {SCRIPTED}.", err=True)
    if resume:
        return _show(talk.resume(dialogue), json=json)
    for line in tell_unfinished(opened):
        typer.echo(line, err=True)
    if sys.stdin.isatty():
        return _talk(talk, json=json)
    worst = 0
    for text in _lines():
        talk.begin_anew()
        code = _show(talk.say(text), json=json)
        worst = max(worst, code)
        if code == INTERRUPTED:
            break
    return worst


def _talk(talk: Chat, *, json: bool) -> int:
    """Dialogue after dialogue, until the person leaves."""
    typer.echo("Type what you want to talk about; /help tells more.", err=True)
    while True:
        try:
            text = input("you: ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo("", err=True)
            return 0
        if text == "/quit":
            return 0
        if text == "/new":
            talk.begin_anew()
        elif text.startswith("/"):
            typer.echo(_HELP, err=True)
        elif text:
            _say(talk, text, json=json)


def _say(talk: Chat, text: str, *, json: bool) -> None:
    """One dialogue; what fails in it does not end the conversation."""
    from selftune.app.cli.screen import show_error
    from selftune.errors import SelftuneError

    try:
        _show(talk.say(text), json=json)
    except KeyboardInterrupt:
        # Nothing of the log: with --no-log there is none.
        typer.echo("\nEnded by you.", err=True)
    except SelftuneError as error:
        show_error(error)


def _lines() -> Iterator[str]:
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def _show(held: Held, *, json: bool) -> int:
    from selftune.app.chatting import exit_code_of, tell_end
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain

    if json:
        print_json(held)
    else:
        for line in tell_end(held):
            typer.echo(plain(line), err=True)
    return exit_code_of(held)
