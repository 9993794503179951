"""Commands that make examples, and the one that says what they are needed for: `grow`, `prepare`, `diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.breaking import Breaks
    from selftune.app.diagnosing import Findings
    from selftune.app.growing import GrownFile
    from selftune.app.preparing import Prepared
    from selftune.curation.growth.breaks import BreakRate

_GROUP: Final = "dataset"
_Out = Annotated[Path, typer.Option("--out", help="The file to write: JSON lines that `selftune import` reads.")]
_InProject = Annotated[Path | None, typer.Option("--project", "-p", help="The project whose suite, champion and log.")]


def register(app: typer.Typer) -> None:
    """Hang the commands on the group `dataset`, which other commands of datasets share."""
    group = next((each.typer_instance for each in app.registered_groups if each.name == _GROUP), None)
    if group is None:
        group = typer.Typer(no_args_is_help=True)
        app.add_typer(group, name=_GROUP, help="Make examples, and look at what was learnt from.")
    group.command("grow")(grow)
    group.command("prepare")(prepare)
    group.command("enrich")(enrich)
    group.command("breaks")(breaks)
    app.command("diagnose")(diagnose)


def grow(
    out: _Out,
    n: Annotated[int, typer.Option("--n", min=2, help="How many cases; 500 to 1,000 make a set.")] = 800,
    seed: Annotated[int, typer.Option(help="All chance comes from here.")] = 0,
    teacher: Annotated[str, typer.Option(help="Who answers: rule, or champion or teacher (sampled).")] = "rule",
    extract: Annotated[bool, typer.Option("--extract", help="Put right turns of the project's log in it too.")] = False,
    steer: Annotated[bool, typer.Option("--steer", help="More of what the newest dataset shows as weak.")] = False,
    project: _InProject = None,
    json: AsJson = False,
) -> None:
    """Grow synthetic examples of state obedience, each checked from both sides and clear of every suite."""
    from contextlib import nullcontext

    from selftune.app.cli.screen import print_json
    from selftune.app.growing import grow_file
    from selftune.loop.project import open_project

    with nullcontext() if project is None else open_project(project) as opened:
        grown = grow_file(out, count=n, seed=seed, teacher=teacher, project=opened, extract=extract, steer=steer)
    if json:
        print_json(grown)
    else:
        typer.echo(_told(grown))


def _told(grown: GrownFile) -> str:
    from selftune.curation.growth.quality import write_quality

    extracted = f"{grown.extracted} real turns of the log stand before them." if grown.extracted else ""
    return "\n".join(filter(None, (f"{grown.path}:", extracted, write_quality(grown.quality, grown.teacher))))


def prepare(
    real_share: Annotated[
        float | None, typer.Option("--real-share", help="Share of real lessons, 0.1 to 0.9; else data_mix_ratio.")
    ] = None,
    at_least: Annotated[int, typer.Option(min=0, help="Refuse a smaller set.")] = 0,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Make a frozen dataset of real lessons with grown ones beside them, and its splits."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.preparing import prepare as prepare_dataset
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        observer = Stages(make_console(stderr=True))
        prepared = prepare_dataset(opened, share=real_share, at_least=at_least, observer=observer)
    if json:
        print_json(prepared)
    else:
        typer.echo(_prepared(prepared))


def _prepared(prepared: Prepared) -> str:
    total = prepared.real + prepared.synthetic
    mixture = f"{prepared.real} of {total} lessons are real ({prepared.real / total:.0%}), {prepared.synthetic} grown"
    held = f"held out: {prepared.held_real} real, {prepared.held_synthetic} grown"
    return f"{prepared.dataset.id}\n{mixture}; {held}.\n\n{prepared.dataset.card}"


def enrich(
    documents: Annotated[Path, typer.Argument(help="A folder of .txt and .md files.")],
    prompts: Annotated[Path, typer.Option("--prompts", help="A file with one question a line.")],
    teacher: Annotated[str, typer.Option(help="champion, teacher, or http://127.0.0.1:PORT/MODEL.")] = "champion",
    persona: Annotated[Path | None, typer.Option(help="A file that says who the teacher speaks as.")] = None,
    passages: Annotated[int, typer.Option(min=1, help="Most passages before the teacher at a time.")] = 3,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer.")] = 512,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Let a teacher answer questions out of your documents; each answer names the passages it drew on."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.enriching import enrich_log
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        made = enrich_log(
            opened,
            documents=documents,
            prompts=prompts,
            teacher=teacher,
            persona=persona,
            passages=passages,
            max_tokens=max_tokens,
            observer=Stages(make_console(stderr=True)),
        )
    if json:
        print_json(made)
        return
    drawn = f"{made.cited} draw on one or more of {made.passages} passages"
    typer.echo(f"{made.added} new answers to {made.prompts} questions; {drawn}.")
    typer.echo(f"{made.targeted} questions are close to items of a suite, and marked.")
    typer.echo(f"{made.broken} answers break character; the curator rejects them.")


def breaks(
    ask: Annotated[int, typer.Option("--ask", min=0, help="Ask the champion each probe question so often.")] = 0,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """How often answers fall out of character, by topic: in the log, or with --ask in what the champion says now."""
    from selftune.app.breaking import ask_for_breaks, count_breaks
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = ask_for_breaks(opened, ask) if ask else count_breaks(opened)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(told_breaks(found)))


def told_breaks(found: Breaks) -> Iterator[str]:
    """The rates in lines for a person."""
    titles = {
        "generated by a teacher (a break keeps it out of every dataset)": found.generated,
        "said in earnest (the judge weighs them)": found.said,
        "by the champion to the probe questions": found.asked,
    }
    for title, rates in titles.items():
        if rates:
            yield f"Answers {title}:"
            yield from map(_break_rate, rates)


def _break_rate(rate: BreakRate) -> str:
    level = f", {rate.expected.value} in what was published" if rate.expected else ""
    if rate.interval is None:
        return f"- {rate.topic}{level}: no answer, so nothing is known"
    low, high = rate.interval
    share = f"{rate.broken / rate.n:.0%} break character (95 % {low:.0%} to {high:.0%}, n = {rate.n})"
    return f"- {rate.topic}{level}: {share}"


def diagnose(project: Folder = HERE, json: AsJson = False) -> None:
    """Say what keeps going wrong, and whether data or recipe holds a weak category back; or that nobody knows."""
    from selftune.app.cli.screen import print_json
    from selftune.app.diagnosing import diagnose_project
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        findings = diagnose_project(opened)
    if json:
        print_json(findings)
    else:
        typer.echo("\n".join(_found(findings)))


def _found(findings: Findings) -> Iterator[str]:
    yield "Recurring weaknesses in the log:" if findings.weaknesses else "No recurring weakness in the newest dataset."
    for weakness in findings.weaknesses:
        where = f"{weakness.conversations} conversations on {weakness.topic}"
        yield f"- {weakness.criterion}: {where}, mean {weakness.mean:.2f} (n = {weakness.items})"
    if not findings.evaluations:
        yield f"Not enough evidence: nothing was measured on suite {findings.suite!r} yet; `selftune cycle` does it."
        return
    read = f"{findings.evaluations} evaluations on suite {findings.suite!r}"
    yield f"Weak categories, from {read}:" if findings.diagnoses else f"No weak category in {read}."
    for found in findings.diagnoses:
        missing = f" Missing: {found.missing}." if found.missing else ""
        yield f"- {found.category} ({found.best:.2f} at best): {found.cause}: {found.reason}{missing}"
