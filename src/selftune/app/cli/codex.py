"""Look at the codex: who the system is, and what quotes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

codex = typer.Typer(no_args_is_help=True, help="The codex: who the system is, whatever its weights become.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(codex, name="codex")


@codex.command("show")
def codex_show(
    name: Annotated[str, typer.Argument(help="A name, a path or an id; the codex in force by default.")] = "",
    prompt: Annotated[str, typer.Option(help="Print the system message that this persona is called with.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """A codex, the one in force by default: all of it, with the name by which a rubric quotes each pillar."""
    from selftune.app.cli.screen import print_json
    from selftune.app.codices import codex_in_force, prompt_of
    from selftune.app.reporting.pages.plain import plain
    from selftune.codex.telling import told_codex

    if prompt:
        typer.echo(prompt_of(project, prompt, name))
        return
    found = codex_in_force(project, name)
    if json:
        print_json(found)
        return
    typer.echo(f"{found.codex.name}, version {found.codex.version} ({found.where}), {found.id[:24]}")
    if found.unsigned:
        typer.echo(f"{plain(found.unsigned)} says something else, and nobody signed that: see `selftune codex diff`.")
    typer.echo(plain("\n".join(told_codex(found.codex))))


@codex.command("lint")
def codex_lint(
    name: Annotated[str, typer.Argument(help="A name, a path or an id; the project's file by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Whether a codex is sound, does not contradict itself, and rubrics find what they quote; exit code 2 where not."""
    from selftune.app.cli.screen import print_json
    from selftune.app.codices import lint_codex
    from selftune.app.reporting.pages.plain import plain
    from selftune.codex.linting import UNSEEN

    linted = lint_codex(project, name)
    if json:
        print_json(linted)
    else:
        for fault in linted.faults:
            typer.echo(plain(fault))
        for remark in linted.remarks:
            typer.echo(f"To know: {plain(remark)}")
        typer.echo(f"{linted.codex}: {len(linted.faults)} fault(s), {len(linted.rubrics)} rubrics held against it.")
        typer.echo(UNSEEN)
    if linted.faults:
        sys.exit(2)


@codex.command("diff")
def codex_diff(
    before: Annotated[str, typer.Argument(help="A name, a path, or an id on record (codex:…).")],
    after: Annotated[str, typer.Argument(help="The same; the codex in force by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What differs between two codices, place by place, and what of it no amendment may change."""
    from selftune.app.cli.screen import print_json
    from selftune.app.codices import compare_codices
    from selftune.app.reporting.pages.plain import plain
    from selftune.codex.telling import told_changes

    found = compare_codices(project, before, after)
    if json:
        print_json(found.changes)
        return
    old, new = found.before, found.after
    typer.echo(f"{old.name} {old.version} ({old.id[:24]}) and {new.name} {new.version} ({new.id[:24]}):")
    typer.echo(plain("\n".join(told_changes(found.changes, old))))


@codex.command("import")
def codex_import(
    file: Annotated[Path, typer.Argument(help="A character card: chara_card_v2 or v3, as PNG or JSON.")],
    name: Annotated[str, typer.Option(help="What the codex is to be called; after the character by default.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="You have read it: write the file.")] = False,
    project: Folder = HERE,
) -> None:
    """Show the codex that a character card proposes, and write its file once a person has said yes."""
    from selftune.app.codices import propose_card, write_proposed
    from selftune.app.reporting.pages.plain import one_line, plain, quoted
    from selftune.errors import WaitingForPersonError

    proposed = propose_card(project, file, name)
    typer.echo(plain(proposed.text))
    for added in proposed.added:
        typer.echo(f"Added, for a card has none: {added}", err=True)
    for left in proposed.left_out:
        typer.echo(f"Left out, {one_line(left.field)}: {left.reason}", err=True)
        typer.echo("\n".join(quoted(left.text)), err=True)
    for fault in proposed.faults:
        typer.echo(f"To put right: {one_line(fault)}", err=True)
    if not yes and not sys.stdin.isatty():
        raise WaitingForPersonError(
            f"nothing was written: a person must read it before it is {proposed.target}.",
            next_step="Read it, and say so with --yes.",
        )
    if not yes and not typer.confirm(f"Write {proposed.target}?", err=True):
        typer.echo("Nothing was written.", err=True)
        return
    write_proposed(proposed)
    typer.echo(f"Written: {proposed.target}", err=True)
    typer.echo(f'To live by it, put this into selftune.toml: [codex] name = "{proposed.target.stem}"', err=True)
