"""Reports: `selftune report RECORD`, what changed between two models, and the page of everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.cli.linting import lint

if TYPE_CHECKING:
    from selftune.app.reporting.pages.parts import Page
    from selftune.app.reporting.raw import RawDiff

_SHOW = "show"


class _RecordsToo(TyperGroup):
    """Takes what is no command of its own for the name of a record: `selftune report v1.2`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`show` stands before what names no command, options of it included."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    cls=_RecordsToo,
    help="What a decision, an evaluation or a run came to; `selftune report RECORD` is `selftune report show RECORD`.",
)

AsHtml = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page into this file instead.")]


def register(app: typer.Typer) -> None:
    """Hang this group on the app."""
    group.command(_SHOW)(show)
    group.command("changes")(changes)
    group.command("runs")(runs)
    group.command("costs")(costs)
    group.command("nights")(nights)
    group.command("escalations")(escalations)
    group.command("audit")(audit)
    group.command("compliance")(compliance)
    group.command("card")(card)
    group.command("deprecation")(deprecation)
    group.command("lint")(lint)
    app.add_typer(group, name="report")


def show(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="A decision, an evaluation, a run, a version or files of scores; the last decision by default."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that was measured here, and what others published, on one page.")
    ] = False,
    max_unscored: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of files: largest share of rows without a score; 0.05.")
    ] = None,
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What a record came to: outcome first, then every figure with its n and interval, and the items to read."""
    from selftune.app.reporting.naming import page_of, page_of_everything, page_of_files
    from selftune.errors import UsageError
    from selftune.gate.referee.verdict import Terms
    from selftune.loop.config import CONFIG_FILE
    from selftune.loop.project import open_project

    if everything and names:
        raise UsageError("--all is a page of everything, a name one of a record.", next_step="Leave one of them out.")
    if everything and not (project / CONFIG_FILE).is_file():
        page = page_of_everything(None)
    elif names and all(Path(name.partition("#")[0]).is_file() for name in names):
        page = page_of_files(names, Terms() if max_unscored is None else Terms(max_unscored=max_unscored))
    else:
        with open_project(project) as opened:
            page = page_of_everything(opened) if everything else page_of(opened, names or [])
    give_page(page, html=html, json=json)


def changes(
    champion: Annotated[str, typer.Argument(help="An evaluation by id, or a file of answers.")],
    candidate: Annotated[str, typer.Argument(help="The same of the model that may replace it.")],
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What changed in the model: how it sounds, what was mended, what broke, and twenty pairs worth reading."""
    from selftune.app.reporting.naming import page_of_changes

    if Path(champion).is_file() and Path(candidate).is_file():
        page = page_of_changes(None, champion, candidate)
    else:
        from selftune.loop.project import open_project

        with open_project(project) as opened:
            page = page_of_changes(opened, champion, candidate)
    give_page(page, html=html, json=json)


def runs(
    baseline: Annotated[
        str | None, typer.Option(help="The run that the others are held against; the one behind what serves.")
    ] = None,
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Runs side by side: how each was trained, its scores by category, its critical failures against a baseline."""
    from selftune.app.reporting.naming import page_of_runs
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_runs(opened, baseline)
    give_page(page, html=html, json=json)


def costs(html: AsHtml = None, project: Folder = HERE, json: AsJson = False) -> None:
    """What each run cost: its lessons, its training, its evaluations, and the sum so far; energy beside it."""
    from selftune.app.reporting.naming import page_of_costs
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_costs(opened)
    give_page(page, html=html, json=json)


def nights(html: AsHtml = None, project: Folder = HERE, json: AsJson = False) -> None:
    """Every night and every try in it: what did not help first, each difference with its interval, and what it cost."""
    from selftune.app.reporting.naming import page_of_nights
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_nights(opened)
    give_page(page, html=html, json=json)


def escalations(html: AsHtml = None, project: Folder = HERE, json: AsJson = False) -> None:
    """Rules that people set aside: who did, why, and what came of the trainings that they let through."""
    from selftune.app.reporting.naming import page_of_escalations
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_escalations(opened)
    give_page(page, html=html, json=json)


def audit(
    name: Annotated[str, typer.Argument(help="An audit by its id; the newest one by default.")] = "",
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """An audit: what was read, by whom and by which query, what was not, and every finding word for word."""
    from selftune.app.reporting.naming import page_of_audit_named
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_audit_named(opened, name)
    give_page(page, html=html, json=json)


def compliance(
    subject: Annotated[str, typer.Argument(help="A model, a version, an id, `programme:NAME`, or `project`.")],
    diff_raw: Annotated[
        Path | None,
        typer.Option("--diff-raw", help="A report on it: show what is on record and not in there; exit 3 if any."),
    ] = None,
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """All that is on record about something, what speaks against it first, all words as they were said."""
    from selftune.app.reporting.naming import page_of_compliance, what_was_left_out
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if diff_raw is None:
            give_page(page_of_compliance(opened, subject), html=html, json=json)
            return
        found = what_was_left_out(opened, subject, diff_raw)
    _give_diff(found, json=json)


def card(
    name: Annotated[str, typer.Argument(help="A model of the registry, a version, a build or a run.")],
    html: AsHtml = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """The card of a model: what it is, what for, what it was made of, what was measured, what speaks against it."""
    from selftune.app.reporting.naming import page_of_card
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = page_of_card(opened, name)
    give_page(page, html=html, json=json)


def deprecation(html: AsHtml = None, project: Folder = HERE, json: AsJson = False) -> None:
    """The deprecation index: every model that ended, why, the way back, and what its record lacks."""
    from selftune.app.reporting.deprecation import deprecation_page
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        page = deprecation_page(opened)
    give_page(page, html=html, json=json)


def _give_diff(found: RawDiff, *, json: bool) -> None:
    """What a report left out, word for word."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import one_line, quoted

    if json:
        print_json(found)
    else:
        told = f"{len(found.left_out)} of {found.on_record} things on record do not stand in {found.file}"
        typer.echo(one_line(told) + (":" if found.left_out else "."))
        for one in found.left_out:
            typer.echo(one_line(f"left out: {one.kind} of {one.of[:26]}, by {one.by}"))
            typer.echo("\n".join(quoted(one.words)))
    raise typer.Exit(ExitCode.REJECTED if found.left_out else ExitCode.OK)


def give_page(page: Page, *, html: Path | None, json: bool) -> None:
    """The page where it was asked for: as data or Markdown on stdout, as HTML in a file."""
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.markdown import as_markdown
    from selftune.app.reporting.pages.writing import write_page

    if html is not None:
        write_page(page, html)
        typer.echo(f"Written: {html}", err=True)
    if json:
        print_json(page)
    elif html is None:
        typer.echo(as_markdown(page), nl=False)
