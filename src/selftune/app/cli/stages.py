"""Each stage by itself: the cycle up to there, nothing finished repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Callable

_STAGES = {
    "judge": "Score what is new; say why where there is no score.",
    "curate": "Choose what the next model learns from.",
    "train": "Train a candidate.",
    "build": "Make the candidate servable.",
    "evaluate": "Ask champion and candidate the suite, as served.",
    "decide": "Let the gate answer; nothing is released.",
    "release": "Put the candidate into service if the gate promotes it.",
}


def register(app: typer.Typer) -> None:
    """Hang one command per stage on the app."""
    for stage, summary in _STAGES.items():
        app.command(stage, help=summary, rich_help_panel="Stage by stage")(_command(stage))


def _command(stage: str) -> Callable[..., None]:
    def run(project: Folder = HERE, json: AsJson = False) -> None:
        from selftune.app.cli.screen import Stages, make_console, print_json
        from selftune.loop.project import open_project
        from selftune.loop.runner import go_until

        with open_project(project) as opened:
            output = go_until(opened, stage, Stages(make_console(stderr=True)))
        if json:
            print_json(_plain(output))
        else:
            typer.echo(_describe(output))
        _exit(output)

    return run


def _plain(output: Any) -> Any:
    from selftune.loop.executor import Stored

    return {"ids": list(output.ids)} if isinstance(output, Stored) else {"id": output.id, "record": output}


def _describe(output: Any) -> str:
    from selftune.loop.executor import Stored

    if isinstance(output, Stored):
        return f"{len(output)} kept. Look at one with `selftune why {output.ids[-1][:24]}`."
    card = getattr(output, "card", None)
    return card or f"{output.id}: look at it with `selftune why {output.id[:24]}`."


def _exit(output: Any) -> None:
    from selftune.app.cli.exit_codes import code_of
    from selftune.records import Decision

    if isinstance(output, Decision):
        raise typer.Exit(int(code_of(output.outcome)))
