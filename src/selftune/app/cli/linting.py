"""`selftune report lint`: does what a report says hold together, and does it fit the records?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.linting.base import Contradiction
    from selftune.app.linting.lint import Linted


def lint(
    report: Annotated[Path, typer.Argument(help="A report in Markdown, HTML, or text with tables of pipes.")],
    records: Annotated[
        Path | None, typer.Option(help="Folder of judged files and training data: figures are counted again.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Hold the figures of a report against each other and against the records; exit 3 when some can't all be true.

    In a project that means its own records: a page of `selftune report` is made again and compared.
    """
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json
    from selftune.app.linting.lint import lint_report
    from selftune.loop.config import CONFIG_FILE
    from selftune.loop.project import open_project

    if (project / CONFIG_FILE).is_file():
        with open_project(project) as opened:
            linted = lint_report(report, records, opened)
    else:
        linted = lint_report(report, records)
    if json:
        print_json(linted)
    else:
        _show(report, linted)
    raise typer.Exit(ExitCode.REJECTED if linted.contradictions else ExitCode.OK)


def _show(report: Path, linted: Linted) -> None:
    from rich.markup import escape

    from selftune.app.cli.screen import make_console
    from selftune.app.reporting.pages.plain import plain

    console = make_console()
    for one in linted.contradictions:
        console.print(f"{escape(_where(report, one))} [bold]{one.rule}[/]: {escape(plain(one.told))}.", soft_wrap=True)
    found = len(linted.contradictions)
    counted = f"Counted again: {', '.join(linted.recomputed)}" if linted.recomputed else "Nothing was counted again"
    console.print(
        f"{found or 'No'} contradiction{'' if found == 1 else 's'} in {linted.tables} tables with {linted.figures} "
        f"figures. {escape(plain(counted))}.",
        soft_wrap=True,
    )


def _where(report: Path, one: Contradiction) -> str:
    return f"{report.name}:{','.join(map(str, one.lines))}" if one.lines else "records"
