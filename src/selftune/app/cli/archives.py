"""`selftune archive`: the sessions of a training programme, ours or another's, kept as they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.archiving import Overview, ShownSession
    from selftune.governance.archive.phases import Phase, Phases

archive = typer.Typer(
    no_args_is_help=True, help="Keep the sessions of a training programme as they were; nothing learns from them."
)

InProgramme = Annotated[str, typer.Option("--programme", help="Which programme, where several are archived.")]
_GAPS = 3


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.add_typer(archive, name="archive")


@archive.command("import")
def import_sessions(
    paths: Annotated[list[Path], typer.Argument(help="JSONL files, one session a line.")],
    programme: Annotated[str, typer.Option("--programme", help="Of sessions that name none themselves.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Bring sessions in by their numbers; what is known adds nothing, what contradicts it is set aside."""
    from selftune.app.archiving import import_archive
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = import_archive(opened, paths, programme=programme)
    if json:
        print_json(found)
        return
    for one in found:
        filed = one.filed
        typer.echo(
            f"{plain(one.name)}: {filed.added} archived, {filed.known} known already, {filed.other} with a number that "
            f"is taken by other content, {filed.unreadable} that are no session"
        )
        if filed.disorder:
            typer.echo(f"  {filed.disorder} stood behind a higher number; they are kept in the order of their numbers.")
    if any(one.filed.other or one.filed.unreadable for one in found):
        typer.echo("What was set aside: selftune quarantine")


@archive.command("list")
def list_programmes(project: Folder = HERE, json: AsJson = False) -> None:
    """What is archived of each programme: how many sessions, which numbers are missing, what is odd about times."""
    from selftune.app.archiving import list_archive
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = list_archive(opened)
    if json:
        print_json([{"missing": one.missing, **_as_dict(one)} for one in found])
        return
    if not found:
        typer.echo("Nothing is archived yet. Bring sessions in: selftune archive import FILE")
    for one in found:
        typer.echo("\n".join(_lines_of_overview(one)))


def _as_dict(one: Overview) -> dict[str, object]:
    return {
        "programme": one.programme._asdict(),
        "flagged": one.flagged,
        "gaps": one.gaps,
        "timeless": one.timeless,
        "backward": one.backward,
    }


def _lines_of_overview(one: Overview) -> Iterator[str]:
    from selftune.app.reporting.pages.plain import plain
    from selftune.gate.statistics.shares import clopper_pearson

    held = one.programme
    low, high = clopper_pearson(one.flagged, held.sessions, 0.95)
    yield f"{plain(held.name)}: {held.sessions} sessions, {held.first} to {held.last}"
    yield f"  {one.flagged} flagged, {one.flagged / held.sessions:.1%} [{low:.1%}, {high:.1%}]"
    yield f"  from {held.began_at or 'no time on record'} to {held.ended_at or 'no time on record'}"
    if one.gaps:
        told = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in one.gaps[:_GAPS])
        more = f" and {len(one.gaps) - _GAPS} gaps more" if len(one.gaps) > _GAPS else ""
        yield f"  missing numbers: {one.missing} ({told}{more})"
    if one.timeless:
        yield f"  {one.timeless} without a time that can be read"
    if one.backward:
        yield f"  {one.backward} took place before the session with the number before them"


@archive.command("show")
def show(
    session: Annotated[str, typer.Argument(help="A number, PROGRAMME:NUMBER, or an id.")],
    programme: InProgramme = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """A session word for word, with what people said about it."""
    from selftune.app.archiving import show_session
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        shown = show_session(opened, session, programme=programme)
    if json:
        print_json(shown)
    else:
        typer.echo("\n".join(_lines_of_session(shown)))


def _lines_of_session(shown: ShownSession) -> Iterator[str]:
    from selftune.app.reporting.pages.plain import one_line, quoted

    one = shown.session
    told = f"session {one.number} of {one.programme}, {one.happened_at or 'no time on record'}"
    yield one_line(f"{told}, by {one.author or 'nobody named'}, answered by {one.generated_by or 'no model named'}")
    yield one_line(f"{shown.id}, from {one.source} {one.position}, {one.attempts} attempts")
    scores = ", ".join(f"{name} {score:g}" for name, score in one.scores)
    yield one_line(f"scores: {scores or 'none'}; reward: {'none' if one.reward is None else f'{one.reward:g}'}")
    yield one_line(f"flags: {', '.join(one.flags) or 'none'}")
    if one.redacted:
        yield "secrets were taken out of it when it came in"
    for message in one.messages:
        if message.reasoning is not None:
            yield f"  {one_line(message.role)} (thinking):"
            yield from quoted(message.reasoning, "    ")
        yield f"  {one_line(message.role)}:"
        yield from quoted(message.content, "    ")
    yield from (f"  {one_line(f'{name}: {text}')}" for name, text in one.more)
    for said in shown.said:
        yield one_line(f"{said.kind.value} by {said.author}, {said.said_at} ({said.id[:20]}):")
        yield from quoted(said.text)


@archive.command("phases")
def phases(
    by: Annotated[str, typer.Option("--by", help="flags, scores, a category, or words, distinct, stock ...")] = "flags",
    window: Annotated[int, typer.Option("--window", min=0, help="Sessions in a window; a hundredth of them.")] = 0,
    programme: InProgramme = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Where a programme changed its level, worked out anew each time from what was measured."""
    from selftune.app.cli.screen import print_json
    from selftune.governance.archive.finding import find_programme
    from selftune.governance.archive.phases import phases_of
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        name = find_programme(opened.store, programme)
        found = phases_of(opened.store.sessions.facts(name), measure=by, size=window)
    if json:
        print_json({"programme": name, "method": found.method, **_as_plain(found)})
    else:
        typer.echo("\n".join(_lines_of_phases(name, found)))


def _as_plain(found: Phases) -> dict[str, object]:
    return {"measure": found.measure, "windows": found.windows, "size": found.size, "phases": found.found}


def _lines_of_phases(name: str, found: Phases) -> Iterator[str]:
    from selftune.app.reporting.pages.plain import plain

    yield plain(f"{name}: {len(found.found)} phases. {found.method}")
    for phase in found.found:
        yield from map(plain, _lines_of_phase(phase))


def _lines_of_phase(phase: Phase) -> Iterator[str]:
    from selftune.app.reporting.pages import figures

    whole = phase.whole
    chance = "" if phase.p_value is None else f", p {figures.chance(phase.p_value)}"
    low, high = phase.flag_interval
    rate = f"{whole.flagged / whole.n:.1%} [{low:.1%}, {high:.1%}]"
    yield f"{whole.first} to {whole.last}{chance}: {whole.flagged} of {whole.n} flagged, {rate}"
    intervals = dict(phase.score_intervals)
    for name, one in whole.scores:
        yield f"  {name} {figures.mean(one.mean, intervals[name], 3)}, n {one.n}"
