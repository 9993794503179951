"""`selftune alarms`, `samples`, `projection`: whether success is suspicious, and what may stand as evidence of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.alarms import DrawnSamples, LookedAt
    from selftune.governance.alarms.projections import JudgedProjection

projection = typer.Typer(no_args_is_help=True, help="What is expected of a series, registered before it is there.")

InProgramme = Annotated[str, typer.Option("--programme", help="Only this archived programme.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command()(alarms)
    app.command()(samples)
    app.add_typer(projection, name="projection")


def alarms(
    programme: InProgramme = "",
    examiner: Annotated[
        str, typer.Option(help="An archived programme whose answers show the manner of who judges or audits.")
    ] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What was looked at for success that is suspicious, with its figures, also where all is quiet."""
    from selftune.app.alarms import look_at_all
    from selftune.app.cli.screen import print_json
    from selftune.governance.alarms.base import Verdict
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = look_at_all(opened, programme=programme, examiner=examiner)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(_lines_of_alarms(found)))
    if any(look.verdict is Verdict.HOLD for one in found for look in one.looks):
        raise typer.Exit(ExitCode.REJECTED)


def samples(
    programme: InProgramme = "",
    drawn: Annotated[int, typer.Option(min=1, help="So many by lot.")] = 5,
    worst: Annotated[int, typer.Option(min=0, help="So many of the worst.")] = 3,
    cited: Annotated[
        list[str] | None, typer.Option(help="A session that somebody shows as evidence; may be given several times.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Draw sessions that may stand as evidence: by lot, with the seed on record, and the worst besides."""
    from selftune.app.alarms import draw_sessions
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = draw_sessions(opened, programme=programme, drawn=drawn, worst=worst, cited=tuple(cited or ()))
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(_lines_of_samples(found)))


@projection.command("register")
def register_one(
    series: Annotated[str, typer.Argument(help="A series that `selftune alarms` shows, such as flags.")],
    point: Annotated[list[str], typer.Option(help="Number and value, as 12000=0.02; may be given several times.")],
    subject: Annotated[str, typer.Option(help="releases, or the name of a programme.")] = "releases",
    tolerance: Annotated[float, typer.Option(min=0.0, help="How far a value may lie from the one expected.")] = 0.05,
    author: Annotated[str, typer.Option(help="Who expects it; your user name by default.")] = "",
    project: Folder = HERE,
) -> None:
    """Put on record what you expect, before it is there."""
    from selftune.app.alarms import register_projection
    from selftune.loop.project import open_project

    points = [_read_point(text) for text in point]
    with open_project(project) as opened:
        found = register_projection(
            opened, subject=subject, series=series, points=points, tolerance=tolerance, author=author
        )
    typer.echo(f"On record: {found}")


@projection.command("show")
def show(project: Folder = HERE, json: AsJson = False) -> None:
    """Every projection against what was measured since, worked out anew."""
    from selftune.app.alarms import judge_projections
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = judge_projections(opened)
    if json:
        print_json([_as_plain(name, one) for name, one in found])
    elif not found:
        typer.echo("No projection is on record. Register one: selftune projection register flags --point 12000=0.02")
    else:
        typer.echo("\n".join(line for name, one in found for line in _lines_of_projection(name, one)))


def _read_point(text: str) -> tuple[int, float]:
    from selftune.errors import UsageError

    at, _, value = text.partition("=")
    try:
        return int(at), float(value)
    except ValueError:
        raise UsageError(f"{text!r} is no point.", next_step="Give a number and a value, as 12000=0.02.") from None


def _line(text: str) -> str:
    """One harmless line: a name with a line break in it must not look like a verdict of ours."""
    from selftune.app.reporting.pages.plain import plain

    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + plain("\N{RETURN SYMBOL}".join(text.strip().splitlines()))


def _lines_of_alarms(found: tuple[LookedAt, ...]) -> Iterator[str]:
    if not found:
        yield "Nothing was promoted or archived yet, so there is nothing to look at."
    for one in found:
        yield _line(f"{one.subject}:")
        for look in one.looks:
            yield _line(f"  {look.verdict.value:<9}  {look.alarm.value}, {look.about}: {look.told}")


def _lines_of_samples(found: DrawnSamples) -> Iterator[str]:
    draw = found.draw
    yield _line(f"{found.programme}: drawn from {draw.of} sessions with seed {draw.seed}; on record.")
    yield f"  by lot: {', '.join(str(found.numbers[one]) for one in draw.drawn)}"
    yield f"  the worst: {', '.join(str(found.numbers[one]) for one in draw.worst) or 'none is scored or flagged'}"
    if found.cited is not None:
        yield _line(f"  {found.cited.verdict.value}: {found.cited.told}")


def _as_plain(name: str, one: JudgedProjection) -> dict[str, Any]:
    return {"id": name, "as_projected": one.as_projected, "projection": one.projection, "points": one.points}


def _lines_of_projection(name: str, one: JudgedProjection) -> Iterator[str]:
    said = {True: "as projected", False: "not as projected", None: "open"}[one.as_projected]
    told = one.projection
    yield _line(f"{told.series} of {told.subject}, by {told.by} ({name[:22]}), within {told.tolerance:g}: {said}")
    for point in one.points:
        measured = "" if point.measured is None else f", measured {point.measured:.4g} (n = {point.n})"
        yield f"  {point.at}: expected {point.projected:g}{measured}: {point.state.value}"
