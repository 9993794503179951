"""The command line: verbs for every day first, the rest grouped by noun; heavy imports wait inside each command."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from selftune import __version__
from selftune.app.cli.first_page import PURPOSE
from selftune.app.cli.panels import PANEL_OF

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer._click import Context, HelpFormatter

# What Typer makes of Ctrl-C, without a word (128 + SIGINT, as shells have it).
INTERRUPTED: Final = 130


class _InOrder(TyperGroup):
    """Shows each command in its panel and the panels in their order; Typer alone puts what has sub-commands last."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: self.commands[name] for name in PANEL_OF if name in self.commands} | {**self.commands}
        for name, command in self.commands.items():
            if isinstance(command, TyperCommand | TyperGroup):
                command.rich_help_panel = PANEL_OF.get(name)

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The seven that a person needs; `selftune help --all` shows every command."""
        del ctx, formatter
        from selftune.app.cli.first_page import show_seven

        show_seven(self.commands)


app = typer.Typer(
    name="selftune",
    cls=_InOrder,
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=PURPOSE,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"selftune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn a log of what your model said into a measurably better model, only when the evidence says so."""
    del version  # its callback has printed it
    if context.invoked_subcommand is None:
        from selftune.app.cli.first_page import show_next

        show_next()


def register_commands() -> None:
    """Hang every command on the app, in the order in which a person meets them."""
    from selftune.app.cli import (
        alarms,
        amending,
        annotating,
        approving,
        archives,
        auditing,
        benchmarking,
        braking,
        canary,
        chatting,
        codex,
        comparing,
        completing,
        concerns,
        connecting,
        dashboard,
        datasets,
        elsewhere,
        everyday,
        examples,
        experimenting,
        exporting,
        first_page,
        forgetting,
        forging,
        forming,
        gateway,
        growing,
        house,
        inspecting,
        ledgers,
        looping,
        mcp,
        motivating,
        night_timers,
        nights,
        nodes,
        notify,
        people,
        picking,
        probing,
        programs,
        prompting,
        registry,
        reporting,
        results,
        reviewing,
        searching,
        signing,
        stages,
        storing,
        studies,
        suites,
        tonight,
        tracing,
        training,
    )

    everyday.register(app)
    first_page.register(app)
    gateway.register(app)
    chatting.register(app)
    dashboard.register(app)
    approving.register(app)
    braking.register(app)
    canary.register(app)
    nights.register(app)
    night_timers.register(nights.nightly)
    notify.register(app)
    motivating.register(app)
    stages.register(app)
    forming.register(app)
    exporting.register(app)
    elsewhere.register(training.training)
    concerns.register(app)
    annotating.register(app)
    people.register(app)
    signing.register(app)
    forgetting.register(app)
    reviewing.register(app)
    tonight.register(app)
    picking.register(app)
    comparing.register(app)
    connecting.register(app)
    benchmarking.register(app)
    reporting.register(app)
    results.register(app)
    house.register(app)
    looping.register(app)
    codex.register(app)
    forging.register(app)
    mcp.register(app)
    amending.register()
    probing.register()
    for room in (
        completing,
        searching,
        growing,
        examples,
        prompting,
        datasets,
        suites,
        experimenting,
        programs,
        nodes,
        storing,
        studies,
        inspecting,
        archives,
        registry,
        alarms,
        tracing,
        ledgers,
        auditing,
    ):
        room.register(app)


def _asked() -> Callable[[], object]:
    """What was typed needs so much; where a shell asks what could be typed next, what stands before that does."""
    from selftune.app.cli.asked import asked_of, asked_of_next_word
    from selftune.app.cli.completing import ASKED, answer_options, options_offered, word_begun, words_asked_about

    if ASKED not in os.environ:
        return asked_of(app, sys.argv[1:])
    words, begun = words_asked_about(os.environ), word_begun(os.environ)
    if begun.startswith("-") and "=" not in begun:
        return lambda: typer.echo(answer_options(options_offered(app, words, begun), os.environ))
    return asked_of_next_word(app, words)


def main() -> None:
    """Run the command line; every error that a user can cause becomes a message, a next step and an exit code."""
    from selftune.errors import SelftuneError

    register_commands()
    try:
        _asked()()
    except SelftuneError as error:
        from selftune.app.cli.screen import show_error

        show_error(error)
        sys.exit(error.exit_code)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            sys.stderr.write("Stopped by you. Finished steps are kept; run the same command to go on.\n")
        raise
    except OSError as error:
        from selftune.app.cli.exit_codes import system_exit_code
        from selftune.app.cli.screen import show_system_error

        show_system_error(error)
        sys.exit(system_exit_code(error))
