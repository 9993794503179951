"""`selftune mcp`: for programs that speak the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("mcp", rich_help_panel="The house")(mcp)


def mcp(
    tools: Annotated[bool, typer.Option("--tools", help="Offer the approved tools; there is nothing else.")] = False,
    project: Folder = HERE,
) -> None:
    """Offer approved tools to a client over standard input and output, as the Model Context Protocol has it.

    Without a sandbox that holds it ends at once, with 9: a list of no tools would hide why.
    """
    import sys
    from contextlib import redirect_stdout

    from selftune.app.mcp import serve_tools
    from selftune.errors import UsageError
    from selftune.loop.project import open_project
    from selftune.toolforge.sandbox import find_sandbox

    if not tools:
        raise UsageError("nothing is named to offer.", next_step="Name it: selftune mcp --tools")
    find_sandbox()
    out = sys.stdout.buffer
    # Whatever else is printed must not pass for the protocol.
    with redirect_stdout(sys.stderr), open_project(project) as opened:
        serve_tools(opened, sys.stdin.buffer, out)
