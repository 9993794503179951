"""`selftune audit`: what was to be read, what was, by whom, and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.auditing import Served

audit = typer.Typer(no_args_is_help=True, help="Read a record and all behind it, and say what was read and what not.")

Name = Annotated[str, typer.Argument(help="An audit by its id or the beginning of it; the newest one by default.")]
Author = Annotated[str, typer.Option("--author", help="Who says so; the audit's own auditor by default.")]


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.add_typer(audit, name="audit")


@audit.command("start")
def start(
    subject: Annotated[str, typer.Argument(help="A model, a version, an id, `programme:NAME`, or `project`.")],
    author: Annotated[str, typer.Option("--author", help="Who audits; your user name by default.")] = "",
    model: Annotated[str, typer.Option("--model", help="The model that audits, where no person does.")] = "",
    section: Annotated[
        list[str] | None,
        typer.Option("--section", help="'NAME=QUERY:ARGUMENT=VALUE;...' with sessions, said, rests_on or models."),
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Begin an audit; exit 5 where this auditor may not: a model of the lineage that is audited is refused."""
    from selftune.app.auditing import start as begin
    from selftune.app.auditing_page import begun_lines
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        begun = begin(opened, subject, author=author, model=model, sections=section or [])
    if json:
        print_json(begun)
        return
    typer.echo("\n".join(begun_lines(begun)))


@audit.command("next")
def read_on(
    name: Name = "",
    section: Annotated[str, typer.Option("--section", help="From this one; the first that is unread by default.")] = "",
    many: Annotated[int, typer.Option("--many", min=1, help="How many at once.")] = 20,
    by: Annotated[str, typer.Option("--by", help="Who reads, where that is not the auditor.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Show the next records that nobody has read, and put on record that they were shown."""
    from selftune.app.auditing import read_next
    from selftune.app.auditing_page import served_lines
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:

        def show(served: Served) -> None:
            if json:
                held = [{"id": one.id, "record": one} for one in served.records]
                print_json({"section": served.section, "state": served.state, "left": served.left, "records": held})
            else:
                typer.echo("\n".join(served_lines(opened, served)))

        read_next(opened, name, show=show, section=section, many=many, by=by)


@audit.command("finding")
def finding(
    text: Annotated[str, typer.Argument(help="What was found, kept word for word.")],
    name: Name = "",
    section: Annotated[str, typer.Option("--section", help="In which section.")] = "",
    cites: Annotated[list[str] | None, typer.Option("--cites", help="A record that was read in this audit.")] = None,
    unread: Annotated[
        bool, typer.Option("--unread", help="The text says why the rest of --section is left unread.")
    ] = False,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Put on record what was found, or why a section is left unread."""
    from selftune.app.auditing import leave_unread, put_finding
    from selftune.errors import UsageError
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    if unread and (cites or not section):
        raise UsageError("--unread is about a --section, and cites nothing.", next_step="Name the section alone.")
    with open_project(project) as opened:
        if unread:
            said = leave_unread(opened, name, text, section=section, author=author, ask=ask_on_terminal)
        else:
            said = put_finding(opened, name, text, section=section, cites=cites or (), author=author)
    typer.echo(f"On record: {said.id}")


@audit.command("report")
def report(
    name: Name = "",
    conclude: Annotated[
        str,
        typer.Option("--conclude", help="The auditor's last word; exit 5 while a part is unread and nobody says why."),
    ] = "",
    author: Author = "",
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page into this file.")] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The audit as it stands: coverage first, then every finding word for word, what is unread among it."""
    from selftune.app.auditing import audit_named
    from selftune.app.auditing import conclude as put_last_word
    from selftune.app.cli.reporting import give_page
    from selftune.app.reporting.audits import page_of_audit
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if conclude:
            put_last_word(opened, name, conclude, author=author, ask=ask_on_terminal)
        page = page_of_audit(opened, audit_named(opened, name))
    give_page(page, html=html, json=json)
