"""The command group `suite`: what measures the model, looked at, linted, brought in, grown and cut down."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.suites.growing import Grown
    from selftune.app.suites.linting import LintedSuite
    from selftune.app.suites.looking import Listed, Shown
    from selftune.evals.coverage import Part

_suite = typer.Typer(no_args_is_help=True, help="Suites: what measures the model.")
_Named = Annotated[str, typer.Argument(help="A suite by name, or its file.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(_suite, name="suite")


@_suite.command("list")
def suite_list(project: Folder = HERE, json: AsJson = False) -> None:
    """The suites of this project, and those that come with the package."""
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.looking import list_suites

    found = list_suites(project)
    if json:
        print_json({"suites": found})
    else:
        typer.echo("\n".join(map(_line, found)))


def _line(one: Listed) -> str:
    where = "own" if one.own else "shipped"
    use = "" if one.purpose == "gate" else f", {one.purpose}: promotes nothing"
    drafts = f", {one.drafts} drafts wait for you" if one.drafts else ""
    counted = f"{one.items} items in {one.units} pairs" if one.unit == "pair" else f"{one.items} items"
    return f"{one.name} ({where}{use}): {counted}, {len(one.categories)} categories, scorer {one.scorer}{drafts}"


@_suite.command("show")
def suite_show(
    name: _Named,
    items: Annotated[bool, typer.Option("--items", help="Print what each item asks.")] = False,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Open the clean room: print held-out items as well.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What is in a suite, and what one case of it is worth; held-out items stay unread unless you ask for them."""
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.looking import show

    found = show(project, name, held_out=held_out)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(_shown(found, items=items or held_out)))


def _shown(found: Shown, *, items: bool) -> Iterator[str]:
    coverage = found.coverage
    yield f"{found.name}, version {found.version}: {found.description}"
    if found.purpose != "gate":
        yield f"It is a {found.purpose} suite: it promotes nothing."
    repeats = f", each asked {found.repeats} times" if found.repeats > 1 else ""
    pairs = f" in {coverage.units} pairs" if coverage.unit == "pair" else ""
    worth = "" if coverage.worth is None else f": one case = {coverage.worth:.3f}"
    yield f"{coverage.items} items{pairs}{repeats}{worth}"
    for title, parts in (
        ("tier", coverage.tiers),
        ("category", coverage.categories),
        ("difficulty", coverage.difficulties),
        ("agent", coverage.agents),
    ):
        yield from (f"  {title} {_part(part, coverage.unit)}" for part in parts)
    yield "scored by " + ", ".join(f"{scorer} ({count})" for scorer, count in found.scorers)
    if items:
        for item in found.items:
            yield f"\n{item.id} [{item.category}, {item.tier}, {item.difficulty}, {item.scorer}]"
            yield item.asks
            if item.origin:
                yield f"from {item.origin}"
    if found.hidden:
        yield f"{found.hidden} items are held out and not shown: --held-out opens the clean room."


def _part(part: Part, unit: str) -> str:
    worth = f"one case = {1 / part.units:.3f}" if part.units else "none"
    count = f"{part.units} pairs" if unit == "pair" else f"{part.items} items"
    return f"{part.name}: {count}, {worth}"


@_suite.command("lint")
def suite_lint(
    name: Annotated[str, typer.Argument(help="A suite by name, or its file; all of this project by default.")] = "",
    policy: Annotated[str, typer.Option(help="Hold it against this policy, as the suite that decides.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What is wrong with a suite, before it costs a night; exit code 3 where something must be put right."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.linting import lint_in, lint_in_force
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if policy and not name:
        raise UsageError("a policy is held against one suite.", next_step="Name the suite before --policy.")
    if name:
        linted: tuple[LintedSuite, ...] = (lint_in(project, name, policy=policy),)
    else:
        with open_project(project) as opened:
            linted = lint_in_force(opened)
    if json:
        print_json(linted[0] if name else {"suites": linted})
    else:
        typer.echo("\n".join(line for one in linted for line in _linted(one)))
    if any(one.errors for one in linted):
        sys.exit(ExitCode.REJECTED)


def _linted(linted: LintedSuite) -> Iterator[str]:
    for one in linted.findings:
        yield f"{one.grade.value} {one.code}: {one.sentence}."
        yield f"  {one.next_step}"
    coverage = linted.coverage
    pairs = f" in {coverage.units} pairs" if coverage.unit == "pair" else ""
    worth = "" if coverage.worth is None else f": one case = {coverage.worth:.3f}"
    against = "no policy" if linted.policy is None else f"policy {linted.policy}"
    seen = "" if linted.detectable_gain is None else f", which sees gains from {linted.detectable_gain:.3f} up"
    yield f"{linted.suite}, {coverage.items} items{pairs}{worth}. Held against {against}{seen}."
    if linted.datasets:
        yield f"Searched for in {linted.datasets} datasets."
    errors = len(linted.errors)
    yield f"{errors} errors, {len(linted.findings) - errors} warnings."


@_suite.command("import")
def suite_import(
    file: Annotated[Path, typer.Argument(help="Prompts as .jsonl or .csv: Foundry's, or your own.")],
    name: Annotated[str, typer.Option(help="What the suite is to be called; the file's name by default.")] = "",
    scorer: Annotated[str, typer.Option(help="Who scores items that name nobody; a judge by default.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a suite of that name.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write a file of prompts as a suite of the project, ids and difficulty kept."""
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.importing import import_suite
    from selftune.app.suites.looking import show

    path = import_suite(file, project, name=name, scorer=scorer, force=force)
    found = show(project, str(path))
    if json:
        print_json({"path": str(path), "suite": found.name, "coverage": found.coverage})
        return
    typer.echo("\n".join(_shown(found, items=False)))
    typer.echo(f"Written to {path}. Next: selftune suite lint {found.name}")


@_suite.command("grow")
def suite_grow(
    sentence: Annotated[str, typer.Argument(help="What it must do, as in \"Never say 'as an AI'\".")] = "",
    suite: Annotated[str, typer.Option(help="The suite of the project that grows.")] = "own",
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Draft from corrections, and from what was held out.")
    ] = False,
    teacher: Annotated[
        str, typer.Option(help="Let this model draft from the sentence too: teacher, or http://127.0.0.1:PORT/MODEL.")
    ] = "",
    n: Annotated[int, typer.Option("--n", min=1, max=200, help="New drafts from the log, or of a teacher.")] = 40,
    category: Annotated[str, typer.Option(help="Category of the items; named after the sentence by default.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Keep every draft that waits.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop every draft that waits.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Draft items and keep or drop each with one key; what nobody kept measures nothing."""
    from selftune.app.cli.reviewing import read_key
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain
    from selftune.app.suites.growing import Growing, draft_into, pick_all, review
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if yes and drop:
        raise UsageError("--yes keeps every draft, --drop drops it.", next_step="Give one of the two.")
    with open_project(project) as opened:
        growing = Growing(opened.folder, suite)
        draft_into(growing, opened, sentence=sentence, category=category, from_log=from_log, teacher=teacher, n=n)
        try:
            if yes or drop:
                pick_all(growing, keep=yes)
            else:
                review(growing, read_key=read_key, say=lambda text: typer.echo(plain(text), err=json))
        finally:
            # Ctrl-C too: what was kept becomes part of the suite.
            grown = growing.finish()
    if json:
        print_json(grown)
    else:
        typer.echo("\n".join(_grown(grown)))


def _grown(grown: Grown) -> Iterator[str]:
    yield f"{grown.kept} kept, {grown.dropped} dropped, {grown.waiting} wait for you."
    if grown.halves:
        yield f"{grown.halves} of those kept wait for the other side of their pair."
    if grown.path is not None:
        yield f"Suite {grown.suite} holds {grown.items} items: {grown.path}"
        yield f'Next: selftune suite lint {grown.suite}; to ask it, add "{grown.suite}" to further under [evaluation].'


@_suite.command("screen")
def suite_screen(
    name: _Named,
    items: Annotated[int, typer.Option(min=1, help="About how many items.")] = 42,
    seed: Annotated[int, typer.Option(help="All chance comes from here.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier screen.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Draw a small part of a suite for a cheap look, every category and agent in it; a screen promotes nothing."""
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.looking import show
    from selftune.app.suites.screening import screen_suite

    path = screen_suite(project, name, items=items, seed=seed, force=force)
    found = show(project, str(path))
    if json:
        print_json({"path": str(path), "suite": found.name, "coverage": found.coverage})
        return
    typer.echo("\n".join(_shown(found, items=False)))
    typer.echo(f"Written to {path}. Read it against the base alone: candidate minus base, on these items.")


@_suite.command("split")
def suite_split(
    name: _Named,
    screen: Annotated[float, typer.Option("--screen", help="Share of each part for the screen, up to 0.5.")] = 0.3,
    seed: Annotated[int, typer.Option(help="All chance comes from here.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace earlier parts.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Cut a suite in two that share nothing: NAME_gate decides, and tries are chosen by NAME_screen."""
    from selftune.app.cli.screen import print_json
    from selftune.app.suites.splitting import split_named

    halves, paths = split_named(project, name, share=screen, seed=seed, force=force)
    if json:
        print_json({"gate": str(paths[0]), "screen": str(paths[1]), "stayed": halves.stayed})
        return
    for half, path in zip((halves.gate, halves.screen), paths, strict=True):
        typer.echo(f"{half.name}: {len(half.items)} items in {len(half.categories)} categories, {path}")
    if halves.stayed:
        typer.echo(f"{halves.stayed} items stayed with the gate for being like one that is held out.")
    typer.echo(f'Set suite = "{halves.gate.name}" under [evaluation]; nights find the screen by its name.')
