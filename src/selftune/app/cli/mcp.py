"""`selftune mcp`: for programs that speak the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("mcp")(mcp)


def mcp(
    tools: Annotated[bool, typer.Option("--tools", help="Offer the approved tools, and nothing to read.")] = False,
    with_words: Annotated[
        bool, typer.Option("--with-words", help="Give what people and models said, too, where something is read.")
    ] = False,
    project: Folder = HERE,
) -> None:
    """Let an agent read status, decisions, reasons, results and reports, over the Model Context Protocol.

    With --tools it offers approved tools instead. Without a sandbox that holds it then ends at once, with 9: a list of
    no tools would hide why.
    """
    import sys
    from contextlib import redirect_stdout

    from selftune.app.mcp import serve_reading, serve_tools
    from selftune.errors import UsageError
    from selftune.loop.project import open_project
    from selftune.toolforge.sandbox import find_sandbox

    if tools and with_words:
        raise UsageError("approved tools quote nobody.", next_step="Leave --tools or --with-words out.")
    if tools:
        find_sandbox()
    out = sys.stdout.buffer
    # Whatever else is printed must not pass for the protocol.
    with redirect_stdout(sys.stderr), open_project(project) as opened:
        if tools:
            serve_tools(opened, sys.stdin.buffer, out)
        else:
            serve_reading(opened, sys.stdin.buffer, out, with_words=with_words)
