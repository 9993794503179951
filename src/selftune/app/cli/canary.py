"""`selftune canary`: a candidate beside the champion on real requests."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

canary = typer.Typer(
    no_args_is_help=True, help="Try a candidate on a share of real requests; it ends by itself on harm."
)
Build = Annotated[str, typer.Argument(help="A build's id or its beginning; `candidate` is the last before the gate.")]
Author = Annotated[str, typer.Option(help="Who says so; your user name by default.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(canary, name="canary")


@canary.command()
def start(
    build: Build = "candidate",
    share: Annotated[
        float | None, typer.Option("--share", help="Share of the users whom it answers; [canary] share by default.")
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Ask it beside the champion, and show its answers to nobody.")
    ] = False,
    project: Folder = HERE,
) -> None:
    """Have a candidate answer a share of the users, each always on one side, until you or harm ends it."""
    from selftune.loop.canary.starting import start_trial
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        wanted = opened.config.canary.share if share is None else share
        note = start_trial(opened, build, share=wanted, shadow=shadow)
    how = "is asked beside the champion, and shown to nobody" if shadow else f"answers {note.share:.0%} of the users"
    typer.echo(f"{note.candidate_build_id[:18]} {how}, wherever they ask through the gateway (selftune up).")
    typer.echo("See how it does: selftune canary status. End it: selftune canary stop.")


@canary.command()
def status(project: Folder = HERE, json: AsJson = False) -> None:
    """Show what is being tried, what the guardrails have seen, and how the last trial ended."""
    from selftune.app.canarying import canary_status, describe_canary
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if json:
            from selftune.app.cli.screen import print_json

            print_json(canary_status(opened))
            return
        typer.echo("\n".join(describe_canary(opened)))


@canary.command()
def stop(
    project: Folder = HERE,
) -> None:
    """End the trial: the champion answers everybody, and what came of it goes on record."""
    from selftune.app.trial_page import describe_trial
    from selftune.loop.canary.ending import stop_trial
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        kept = stop_trial(opened)
    typer.echo("\n".join(describe_trial(kept)))
    typer.echo(f"On record: {kept.id}")


@canary.command()
def approve(
    build: Build = "candidate",
    text: Annotated[str, typer.Option("--text", help="What you say about it, kept word for word.")] = "",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Say yes to trying this build on real requests, where several people work; it is no yes to releasing it."""
    from selftune.app.canarying import approve_trial
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = approve_trial(opened, build, author=author, text=text)
    typer.echo(f"Approved: {said.id}")
