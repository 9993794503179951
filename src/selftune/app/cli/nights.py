"""The group `nightly`: a night of tries, ended by the gate; its plan, and what starts it by itself."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.loop.night.night import NightReport

nightly = typer.Typer()
_HELP = "Try things by night within a time and a budget; the gate decides about the best of it."


def register(app: typer.Typer) -> None:
    """Hang the group on the app; `selftune nightly` by itself is a night."""
    app.add_typer(nightly, name="nightly", help=_HELP)


@nightly.callback(invoke_without_command=True)
def night(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and touch nothing.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Begin at once, at any hour, and though this date had its night.")
    ] = False,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="At any hour, begin if the last night was missed; timers say so.")
    ] = False,
    until: Annotated[str, typer.Option(help="The hard stop, as 05:00, instead of [nightly] until.")] = "",
    max_experiments: Annotated[
        int | None, typer.Option(min=0, help="Try no more than so many, instead of [nightly] max_experiments.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Most it may cost in USD, instead of [nightly] budget_usd.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Who trains the tries, `serial` or `ray`, instead of [nightly] engine.")
    ] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Prepare once, try what is proposed, let the gate decide about the best; the right model serves in the morning."""
    if context.invoked_subcommand is not None:
        return
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.loop.night.engines.opening import engine_called
    from selftune.loop.night.shift import Wishes
    from selftune.loop.project import open_project

    wishes = Wishes(
        now=now,
        catch_up=catch_up,
        until=until,
        max_experiments=max_experiments,
        budget_usd=budget,
        engine=engine_called(engine) if engine else None,
    )
    with open_project(project) as opened:
        if dry_run:
            from selftune.app.night_plan import describe_plan, plan_night, plan_summary

            plan = plan_night(opened, wishes)
            if json:
                print_json(plan_summary(plan))
            else:
                typer.echo("\n".join(describe_plan(plan)))
            return
        from selftune.app.nightly import exit_code_of, leave_morning_note, night_summary
        from selftune.app.notices.telling import note_broken_night, tell_quietly
        from selftune.errors import SelftuneError
        from selftune.loop.night.night import run_night

        try:
            report = run_night(opened, wishes, Stages(make_console(stderr=True)))
            note = leave_morning_note(opened, report)
        except (SelftuneError, OSError) as error:
            # What broke the night may be what hinders the note; it is the night's error that counts.
            with suppress(SelftuneError, OSError):
                note_broken_night(opened, error)
            raise
        finally:
            if untold := tell_quietly(opened):
                typer.echo(untold, err=True)
        if json:
            print_json(night_summary(opened, report))
        else:
            _show(report, note)
    sys.exit(exit_code_of(report))


def _show(report: NightReport, note: str) -> None:
    from selftune.app.cli.screen import make_console, show_decision, show_halt

    typer.echo(note)
    if report.decision is not None:
        show_decision(make_console(), report.decision)
    elif report.halted is not None:
        show_halt(make_console(), report.halted)
