"""`selftune annotate` and `selftune annotations`: remarks on any record, kept as they were written."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.concerns import Author, Edit, Topic, Words
from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("annotate")(annotate_record)
    app.command("annotations")(list_annotations)
    app.command("escalate")(escalate)


def annotate_record(
    subject: Annotated[str, typer.Argument(help="An id or its beginning, a version, or project.")],
    text: Words = None,
    category: Annotated[str, typer.Option(help="What kind of remark it is, as you call it.")] = "",
    topic: Topic = "",
    before: Annotated[str | None, typer.Option(help="What stood there, where you tell a correction.")] = None,
    after: Annotated[str | None, typer.Option(help="What stands there now.")] = None,
    supersedes: Annotated[str | None, typer.Option(help="Your earlier annotation that this one replaces.")] = None,
    links: Annotated[list[str] | None, typer.Option("--link", help="A statement that it belongs to.")] = None,
    edit: Edit = False,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put a remark about any record on record; what it supersedes stays beside it."""
    from selftune.app.annotating import put_remark
    from selftune.app.doubting import Wish
    from selftune.app.writing_down import write_words
    from selftune.governance.statements import Remark
    from selftune.loop.project import open_project

    remark = Remark(
        category=category, topic=topic, before=before, after=after, supersedes=supersedes, links=tuple(links or ())
    )
    with open_project(project) as opened:
        wish = Wish(subject=subject, text=text, author=author)
        said = put_remark(opened, wish, remark, write=lambda draft: write_words(draft, edit=edit))
    typer.echo(f"On record: {said.id}")


def escalate(
    subject: Annotated[str, typer.Argument(help="A session's number, an id or its beginning, a version, or project.")],
    text: Annotated[str, typer.Argument(help="What was done, and why; kept word for word.")],
    authorised_by: Annotated[str, typer.Option(help="Who allowed it.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put a correction harder than usual on record; `selftune report escalations` tells what came of it."""
    from selftune.app.annotating import put_escalation
    from selftune.app.doubting import Wish
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = put_escalation(opened, Wish(subject=subject, text=text, author=author), authorised_by)
    typer.echo(f"On record: {said.id}")


def list_annotations(
    subject: Annotated[str, typer.Argument(help="An id or its beginning, a version, or project; all by default.")] = "",
    author: Annotated[str, typer.Option(help="Only those of this person.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The remarks on a record or of a person, word for word, superseded ones too."""
    from selftune.app.annotating import remarks, tell_remarks
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = remarks(opened, subject=subject, author=author)
        if json:
            print_json(found)
            return
        for line in tell_remarks(opened, found):
            typer.echo(line)
