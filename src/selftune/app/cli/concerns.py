"""`selftune concern`: a doubt on record, that nobody whom it questions can close."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

concern = typer.Typer(no_args_is_help=True, help="Doubts on record: raise, list, show, answer, close, withdraw.")

Name = Annotated[str, typer.Argument(help="The concern's or hold's id, or its beginning.")]
Author = Annotated[str, typer.Option(help="Who says so; your user name by default.")]
Because = Annotated[str, typer.Option("--because", help="The reason, kept word for word.")]
Evidence = Annotated[list[str] | None, typer.Option(help="A record that bears it out; may be given several times.")]
Words = Annotated[str | None, typer.Argument(help="What you say; without it you write it now.")]
Edit = Annotated[bool, typer.Option("--edit", help="Write it in your editor.")]
Topic = Annotated[str, typer.Option(help="What it is about in a word: your remarks on one topic are found together.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(concern, name="concern")


@concern.command("raise")
def raise_concern(
    subject: Annotated[str, typer.Argument(help="An id or its beginning, a version, or project.")],
    text: Words = None,
    # Its words as `records.Gravity` has them, which would wake all records for the sake of a --help.
    gravity: Annotated[
        Literal["noted", "serious", "blocking"], typer.Option(help="A blocking one stops the promotion.")
    ] = "noted",
    topic: Topic = "",
    evidence: Evidence = None,
    edit: Edit = False,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put a doubt about any record on record; it can't be edited or deleted."""
    from selftune.app.doubting import Wish, raise_on
    from selftune.app.writing_down import write_words
    from selftune.loop.project import open_project
    from selftune.records import Gravity

    with open_project(project) as opened:
        wish = Wish(subject=subject, text=text, author=author)
        said = raise_on(
            opened,
            wish,
            gravity=Gravity(gravity),
            topic=topic,
            evidence=tuple(evidence or ()),
            write=lambda draft: write_words(draft, edit=edit),
        )
    typer.echo(f"On record: {said.id}")
    if gravity == "blocking":
        typer.echo("It blocks until somebody else has closed it; you can't, even by withdrawing it.")


@concern.command("list")
def list_concerns(
    everything: Annotated[bool, typer.Option("--all", help="Those too that no longer stand.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The doubts that stand, word for word."""
    from selftune.app.cli.screen import print_json
    from selftune.app.doubts_page import as_data, list_doubts
    from selftune.governance.doubts import doubts
    from selftune.loop.hearing import hear_project
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if json:
            found = doubts(hear_project(opened))
            print_json([as_data(doubt) for doubt in found if everything or doubt.stands])
            return
        for line in list_doubts(opened, everything=everything):
            typer.echo(line)


@concern.command("show")
def show(name: Name, project: Folder = HERE, json: AsJson = False) -> None:
    """One doubt with all that was said of it, whom it questions, and who may close it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.doubting import doubt_named
    from selftune.app.doubts_page import as_data, show_doubt
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        doubt = doubt_named(opened, name)
        if json:
            print_json(as_data(doubt))
            return
        for line in show_doubt(opened, doubt):
            typer.echo(line)


@concern.command("answer")
def answer(
    name: Name,
    text: Annotated[str, typer.Argument(help="What you reply, kept word for word.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Reply to a doubt; a reply closes nothing."""
    from selftune.app.doubting import reply
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = reply(opened, name, text, author=author)
    typer.echo(f"On record: {said.id}. The concern is as open as before.")


@concern.command("close")
def close(
    name: Name,
    because: Because = "",
    evidence: Evidence = None,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Close a concern, or lift a hold, as a person whom it does not question."""
    from selftune.app.doubting import end
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = end(opened, name, because, author=author, evidence=tuple(evidence or ()), ask=ask_on_terminal)
    typer.echo(f"On record: {said.kind.value} {said.id}")


@concern.command("withdraw")
def withdraw(name: Name, because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Take your own doubt back; both stay on record, and a blocking one goes on blocking."""
    from selftune.app.doubting import take_back
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = take_back(opened, name, because, author=author, ask=ask_on_terminal)
    typer.echo(f"On record: {said.id}")
