"""`selftune tool`: what is missing, what was written for it, and a person's yes or no."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.concerns import Author, Because
from selftune.app.cli.everyday import HERE, AsJson, Folder

tool = typer.Typer(no_args_is_help=True, help="Tools that the model writes, tests in a sandbox, and proposes to you.")

Name = Annotated[str, typer.Argument(help="Its name, for the newest version; or an id or its beginning.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(tool, name="tool")


@tool.command("gaps")
def tool_gaps(
    everything: Annotated[bool, typer.Option("--all", help="Also those for which a tool was proposed.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What turns of the newest exchanges lack: asked for, a call that failed, or said in other words."""
    from selftune.app.cli.screen import print_json
    from selftune.app.forging import describe_gaps
    from selftune.loop.forging.listening import gaps_of
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = gaps_of(opened, everything=everything)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_gaps(found)))


@tool.command("forge")
def tool_forge(
    gap: Annotated[str, typer.Argument(help="A gap, as `selftune tool gaps` names it.")] = "",
    wanted: Annotated[str, typer.Option(help="What the tool must do, in your own words, instead of a gap.")] = "",
    spec: Annotated[Path | None, typer.Option(help="A file with the whole spec, instead of a gap.")] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(help="""A call and what it must return: '{"n": 2} -> 4'; several may be given."""),
    ] = None,
    scripted: Annotated[
        Path | None, typer.Option(help="A file of answers instead of any model's, marked as such.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Have a tool written, checked, and tested in the sandbox; nothing calls it before somebody approves it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.forging import ForgeWishes, describe_made, exit_code_of, forge_wished
    from selftune.loop.project import open_project

    wishes = ForgeWishes(gap=gap, wanted=wanted, spec=spec, examples=tuple(example or ()), script=scripted)
    with open_project(project) as opened:
        made = forge_wished(opened, wishes)
    if json:
        print_json(made)
    else:
        typer.echo("\n".join(describe_made(made)))
    sys.exit(exit_code_of(made))


@tool.command("list")
def tool_list(project: Folder = HERE, json: AsJson = False) -> None:
    """Every tool and what has become of it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.forging import describe_tools
    from selftune.loop.forging.standing import tools_of
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = tools_of(opened)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_tools(found)))


@tool.command("show")
def tool_show(name: Name, project: Folder = HERE, json: AsJson = False) -> None:
    """One tool, whole: its source, the tests it passed, who wrote it, who said what."""
    from selftune.app.cli.screen import print_json
    from selftune.app.forging import describe_tool, tool_named
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = tool_named(opened, name)
        lines = [] if json else list(describe_tool(opened, found))
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(lines))


@tool.command("try")
def tool_try(
    name: Name,
    arguments: Annotated[str, typer.Argument(help="One JSON object.")] = "{}",
    project: Folder = HERE,
) -> None:
    """Call a tool yourself, in the sandbox, approved or not; its result goes to standard output."""
    from selftune.app.forging import try_tool
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        answered = try_tool(opened, name, arguments)
    if answered.value is None:
        typer.echo(plain(answered.error), err=True)
        sys.exit(1)
    typer.echo(plain(answered.value))


@tool.command("approve")
def tool_approve(
    name: Name,
    text: Annotated[str, typer.Option("--text", help="What you say about it, kept word for word.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Let a tool be called in dialogues and over MCP; in a team your key is asked for."""
    from selftune.app.forging import approve_tool, describe_tool, tool_named
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        # By its id from here on: while somebody reads, a later version of the name may come in.
        shown = tool_named(opened, name)
        typer.echo("\n".join(describe_tool(opened, shown)), err=True)
        if not yes and not _says_yes():
            typer.echo("Nothing was approved.", err=True)
            sys.exit(5)
        said = approve_tool(opened, shown.tool.id, author=author, text=text, ask=ask_on_terminal)
    typer.echo(f"On record: {said.id}")


@tool.command("refuse")
def tool_refuse(name: Name, because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Say no to a tool, approved or not, with the reason."""
    from selftune.app.forging import refuse_tool
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = refuse_tool(opened, name, author=author, because=because)
    typer.echo(f"On record: {said.id}")


@tool.command("suspend")
def tool_suspend(name: Name, because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Have an approved tool called no more until you resume it."""
    from selftune.app.forging import suspend_tool
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = suspend_tool(opened, name, author=author, because=because)
    typer.echo(f"On record: {said.id}")


@tool.command("resume")
def tool_resume(name: Name, because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Lift what suspends a tool: your own hold, or that of the machine after failures in a row."""
    from selftune.app.forging import resume_tool
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        lifted = resume_tool(opened, name, author=author, because=because, ask=ask_on_terminal)
    for said in lifted:
        typer.echo(f"On record: {said.id}")


def _says_yes() -> bool:
    """Whether somebody says yes; who is not there says nothing."""
    try:
        return typer.confirm("May it be called?", err=True)
    except typer.Abort:
        typer.echo(err=True)
        return False
