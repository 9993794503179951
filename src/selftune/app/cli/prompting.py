"""`selftune prompt`: better without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.cli.everyday import HERE, AsJson, BudgetUsd, Folder

if TYPE_CHECKING:
    import typer

    from selftune.app.prompting import FoundPrompt


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("prompt")(prompt)


def prompt(
    budget_usd: BudgetUsd = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Search the best system prompt and the best lessons to show before the base, without training; leave a build."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.judging import limit_spending
    from selftune.app.prompting import as_document, find_prompt
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        limited = limit_spending(opened, budget_usd)
        found = find_prompt(limited, Stages(make_console(stderr=True)))
    if json:
        print_json(as_document(found))
    else:
        _show(found)


def _show(found: FoundPrompt) -> None:
    from rich.markup import escape
    from rich.table import Table

    from selftune.app.cli.screen import make_console
    from selftune.app.prompting import lines_of_search, next_steps, rows_of_search

    console = make_console()
    table = Table(box=None, pad_edge=False)
    for name in ("round", "prompt", "score", "n"):
        table.add_column(name, justify="left" if name == "prompt" else "right")
    for row in rows_of_search(found.search):
        table.add_row(*map(escape, row))
    console.print(table)
    if found.build is not None:
        console.print(escape(found.build.prompt or ""), soft_wrap=True)
    for line in (*lines_of_search(found.search), *next_steps(found)):
        console.print(escape(line), soft_wrap=True)
