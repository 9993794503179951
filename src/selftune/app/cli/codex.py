"""Look at the codex: who the system is, and what quotes it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

codex = typer.Typer(no_args_is_help=True, help="The codex: who the system is, whatever its weights become.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(codex, name="codex", rich_help_panel="The house")


@codex.command("show")
def codex_show(
    prompt: Annotated[str, typer.Option(help="Print the system message that this persona is called with.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The codex in force, all of it, with the name by which a rubric quotes each pillar."""
    from selftune.app.cli.screen import print_json
    from selftune.app.codices import codex_in_force, prompt_of
    from selftune.codex.telling import told_codex

    if prompt:
        typer.echo(prompt_of(project, prompt))
        return
    found = codex_in_force(project)
    if json:
        print_json(found)
        return
    typer.echo(f"{found.codex.name}, version {found.codex.version} ({found.where}), {found.id[:24]}")
    typer.echo("\n".join(told_codex(found.codex)))


@codex.command("lint")
def codex_lint(project: Folder = HERE, json: AsJson = False) -> None:
    """Whether the codex is sound, and every rubric finds in it what it quotes; exit code 2 where not."""
    from selftune.app.cli.screen import print_json
    from selftune.app.codices import lint_codex

    linted = lint_codex(project)
    if json:
        print_json(linted)
    else:
        for fault in linted.faults:
            typer.echo(fault)
        typer.echo(f"{linted.codex}: {len(linted.faults)} fault(s), {len(linted.rubrics)} rubrics held against it.")
    if linted.faults:
        sys.exit(2)
