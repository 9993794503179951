"""Reviewing in the terminal, one key per criterion; and what people's picks say of the judge."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, BudgetUsd, Folder
from selftune.app.reporting.pages.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.app.reviewing import Reviewing, Sheet
    from selftune.records import Criterion, Rubric

_TEN: Final = 10
_HELP: Final = "- does not apply   s skip this one   ? what the criterion means   q quit (every pick is kept)"


def register(app: typer.Typer) -> None:
    """Hang these commands on the app; three of them stand below `judge`."""
    app.command("review")(review)
    group = next(item.typer_instance for item in app.registered_groups if item.name == "judge")
    assert group is not None, "the stages are registered first"  # noqa: S101 - main.py says in which order
    group.command("report")(report)
    group.command("canaries")(judge_again)
    group.command("swap")(swap)


def review(
    count: Annotated[int, typer.Option("--n", min=1, max=1000, help="How many at most.")] = 20,
    rubric: Annotated[str, typer.Option(help="The rubric to judge by; the judge's own by default.")] = "",
    reviewer: Annotated[str, typer.Option("--as", help="Who judges; kept as a pseudonym. You by default.")] = "",
    project: Folder = HERE,
) -> None:
    """Judge some answers yourself, blind, one key per criterion: so the judge can be held against you."""
    from selftune.app.reviewing import Reviewing
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        reviewing = Reviewing(opened, reviewer=reviewer or getpass.getuser(), rubric=rubric)
        drawn = reviewing.draw(count)
        for interaction_id in reviewing.overtaken:
            typer.echo(
                f"You had begun {interaction_id}; its conversation has changed since. See: selftune why", err=True
            )
        done = run_review(reviewing, drawn, read_key=read_key, say=typer.echo)
    typer.echo(f"{done} judged. Look at what they say of the judge: selftune judge report")


def report(project: Folder = HERE, json: AsJson = False) -> None:
    """How far the judge agrees with people, with another judge and with itself; and whether it is calibrated."""
    from selftune.app.batches import report_bias, tell_bias
    from selftune.app.cli.screen import print_json
    from selftune.app.reviewing import report_calibration, report_scores
    from selftune.judges.calibration.words import describe_calibration, describe_line
    from selftune.judges.tally import describe_tally
    from selftune.loop.project import open_project
    from selftune.records.codec import to_builtins

    with open_project(project) as opened:
        found, scores = report_calibration(opened), report_scores(opened)
        bias, confounds = report_bias(opened), tell_bias(opened)
    if json:
        summary = {"calibrated": found.calibrated, "missing": found.shortfalls, "line": describe_line(found)}
        print_json(summary | {"figures": to_builtins(found), "bias": to_builtins(bias), "scores": to_builtins(scores)})
        return
    typer.echo("\n".join(describe_calibration(found)))
    typer.echo("\n  ".join(("its scores, computed by us and given by itself:", *map(describe_tally, scores))))
    typer.echo("\n".join(confounds))


def judge_again(project: Folder = HERE, json: AsJson = False) -> None:
    """Have the judge score ten fixed transcripts once more: what changes from time to time is the judge."""
    from selftune.app.cli.screen import print_json
    from selftune.app.reviewing import judge_canaries
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        verdicts = judge_canaries(opened)
    if json:
        print_json(verdicts)
        return
    scored = sum(item.overall is not None for item in verdicts)
    typer.echo(f"{scored} of {len(verdicts)} fixed transcripts scored. See: selftune judge report")
    for reason in dict.fromkeys(item.reason or "no reason given" for item in verdicts if item.overall is None):
        typer.echo(f"  unscored: {reason}", err=True)


def swap(
    count: Annotated[int, typer.Option("--n", min=1, max=1000, help="How many pairs at most; two calls each.")] = 40,
    budget_usd: BudgetUsd = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Have the judge compare answers of the log in both orders: does its winner stay when they change places?"""
    from selftune.app.cli.screen import print_json
    from selftune.app.judging import limit_spending
    from selftune.app.swapping import swap_answers
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        verdicts = swap_answers(limit_spending(opened, budget_usd), count)
    if json:
        print_json(verdicts)
        return
    scored = sum(item.overall is not None for item in verdicts)
    typer.echo(f"{scored} of {len(verdicts)} pairs compared in both orders. See: selftune judge report")


def run_review(
    reviewing: Reviewing, ids: tuple[str, ...], *, read_key: Callable[[], str], say: Callable[[str], object]
) -> int:
    """Ask for picks until all is judged or the person leaves; returns how many verdicts are complete."""
    say(f"{len(ids)} to judge by rubric {reviewing.rubric.name}. Keys: {_HELP}")
    done = 0
    for place, interaction_id in enumerate(ids, start=1):
        sheet = reviewing.open(interaction_id)
        say(f"\n--- {place} of {len(ids)} " + "-" * 60)
        for speaker, text in sheet.turns:
            say(f"{speaker}:\n{plain(text)}\n")
        outcome = _ask_for_picks(reviewing, sheet, read_key, say)
        if outcome == "quit":
            break
        done += outcome == "done"
    return done


def _ask_for_picks(
    reviewing: Reviewing, sheet: Sheet, read_key: Callable[[], str], say: Callable[[str], object]
) -> str:
    """One pick for each criterion that has none; `done`, `skip` or `quit`."""
    keys = scale_keys(reviewing.rubric)
    for criterion in reviewing.rubric.criteria:
        if criterion.name in sheet.picks:
            continue
        say(_question(criterion, reviewing.rubric))
        while (key := read_key()) not in keys:
            if key in {"q", "", "\x03", "\x04"}:
                return "quit"
            if key == "s":
                return "skip"
            say(criterion.description if key == "?" else _HELP)
        sheet = reviewing.pick(sheet, criterion.name, keys[key])
        say(f"    {key}")
    return "done"


def _question(criterion: Criterion, rubric: Rubric) -> str:
    ten = ", x for 10" if rubric.highest >= _TEN else ""
    return f"  {criterion.name} ({rubric.lowest:g} worst to {rubric.highest:g} best{ten}, - does not apply)?"


def scale_keys(rubric: Rubric) -> dict[str, float | None]:
    """Which key means which score: digits, x for ten, and a hyphen where a criterion does not apply."""
    scores = range(int(rubric.lowest), int(rubric.highest) + 1)
    digits: dict[str, float | None] = {"x" if score == _TEN else str(score): float(score) for score in scores}
    return digits | {"-": None}


def read_key() -> str:
    """One key from the terminal; from a pipe the next character that is no line end. Empty at the end of input."""
    if sys.stdin.isatty():
        return _typed_key()
    while (key := sys.stdin.read(1)) in {"\n", "\r"}:
        pass
    return key


def _typed_key() -> str:
    from selftune.interrupts import heard_at_a_terminal
    from selftune.platforms import each_key, hears_each_key

    if not hears_each_key():
        key: str = typer.getchar()
        return key
    terminal = sys.stdin.fileno()
    # `typer.getchar` would throw away what was typed while the last key was written down.
    with each_key(terminal), heard_at_a_terminal():
        return os.read(terminal, 1).decode("utf-8", "replace")
