"""`selftune compare`: the referee on two score files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.referee.verdict import ArmSummary, Part, Verdict
    from selftune.records import Check

_PANEL: Final = "Every day"
_FEW: Final = 10


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("compare", rich_help_panel=_PANEL)(compare)


def compare(
    champion: Annotated[str, typer.Argument(help="Scores of the model in use: a file, or FILE#ARM.")],
    candidate: Annotated[str, typer.Argument(help="Scores of the one that may replace it.")],
    policy: Annotated[str, typer.Option(help="A policy whose terms hold: a shipped name, or a file.")] = "",
    metric: Annotated[str, typer.Option(help="Which score, where a file holds several.")] = "",
    item: Annotated[str, typer.Option(help="Column of the item's id.")] = "",
    score: Annotated[str, typer.Option(help="Column of the score.")] = "",
    arm: Annotated[str, typer.Option(help="Column of the arm.")] = "",
    max_unscored: Annotated[
        float | None, typer.Option(min=0, max=1, help="Largest share of rows without a score, per arm.")
    ] = None,
    scale: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest score there can be, e.g. 0 10.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say whether one model is better than another, from two score files: better, worse, inconclusive or invalid."""
    from selftune.app.cli.exit_codes import finding_code
    from selftune.app.cli.screen import print_json
    from selftune.app.refereeing import Wishes, as_document, compare_files
    from selftune.errors import UsageError

    if scale is not None and not scale[0] < scale[1]:
        raise UsageError("a scale runs from a lower to a higher score.", next_step="Type it so: --scale 0 10.")
    columns = tuple((what, name) for what, name in (("item", item), ("score", score), ("arm", arm)) if name)
    wishes = Wishes(
        policy=policy or None, metric=metric or None, columns=columns, max_unscored=max_unscored, scale=scale
    )
    verdict = compare_files(champion, candidate, wishes)
    if json:
        print_json(as_document(verdict))
    else:
        _show(verdict)
    raise typer.Exit(finding_code(verdict.outcome))


def _show(verdict: Verdict) -> None:
    from rich.markup import escape
    from rich.table import Table

    from selftune.app.cli.screen import make_console

    console = make_console()
    colour = {"better": "green", "worse": "red"}.get(verdict.outcome, "yellow")
    console.print(f"[bold {colour}]{verdict.outcome}[/]: {escape(verdict.reason)}.", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("", "champion", "candidate"):
        table.add_column(name, justify="right" if name else "left")
    table.add_column("change", justify="right")
    table.add_column("n", justify="right")
    for row in _rows(verdict):
        table.add_row(*map(escape, row))
    console.print(table)
    for line in _notes(verdict):
        console.print(escape(line), soft_wrap=True)


def _rows(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    champion, candidate = verdict.champion, verdict.candidate
    yield "all", _mean(champion), _mean(candidate), _signed(verdict.difference), str(verdict.n)
    shifts = {shift.name: shift for shift in verdict.shifts}
    theirs = {part.name: part for part in candidate.by_category}
    for part in champion.by_category:
        shift, other = shifts.get(part.name), theirs.get(part.name)
        yield (
            part.name,
            f"{part.mean:.2f}",
            f"{other.mean:.2f}" if other else "-",
            f"{_signed(shift.difference)} [{shift.interval[0]:+.2f}, {shift.interval[1]:+.2f}]" if shift else "-",
            str(shift.n) if shift else "0",
        )
    for label, ours, others in (
        ("difficulty", champion.by_difficulty, candidate.by_difficulty),
        ("agent", champion.by_agent, candidate.by_agent),
    ):
        yield from _by(label, ours, others)
    yield "critical failures", str(champion.critical_failures), str(candidate.critical_failures), "", ""
    yield "without a score", str(len(champion.unscored)), str(len(candidate.unscored)), "", ""


def _by(label: str, ours: tuple[Part, ...], theirs: tuple[Part, ...]) -> Iterator[tuple[str, ...]]:
    others = {part.name: part for part in theirs}
    for part in ours:
        other = others.get(part.name)
        yield (
            f"{label} {part.name}",
            f"{part.mean:.2f}",
            f"{other.mean:.2f}" if other else "-",
            "",
            f"{part.n}/{other.n if other else 0}",
        )


def _mean(arm: ArmSummary) -> str:
    if arm.mean is None:
        return "no score"
    return f"{arm.mean:.2f}" + (f" [{arm.interval[0]:.2f}, {arm.interval[1]:.2f}]" if arm.interval else "")


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _notes(verdict: Verdict) -> Iterator[str]:
    low, high = verdict.scale
    yield f"{verdict.metric}, from {low:g} to {high:g}. {_sentence(verdict.method)}"
    for arm, summary in (("champion", verdict.champion), ("candidate", verdict.candidate)):
        heaps = summary.bimodality
        if heaps is not None and heaps.two_heaps:
            yield (
                f"The {arm}'s scores fall into two heaps: {heaps.low[1]} around {heaps.low[0]:.1f}, {heaps.high[1]} "
                f"around {heaps.high[0]:.1f}; the mean between them describes neither."
            )
        if summary.unscored:
            named = ", ".join(f"{row.item_id} ({row.reason})" for row in summary.unscored[:_FEW])
            yield f"Without a score, {arm}: {named}{', …' if len(summary.unscored) > _FEW else ''}"
    yield from (f"Check {check.name}: {check.status}, {check.detail}" for check in verdict.checks if _is_worth(check))
    yield from (f"Beware: {warning}." for warning in verdict.warnings)
    if verdict.items_needed is not None:
        yield f"Next: about {verdict.items_needed} paired items would show the least gain worth having."


def _is_worth(check: Check) -> bool:
    return check.status != "pass" and check.name != "gain"


def _sentence(text: str | None) -> str:
    return "" if text is None else f"{text[0].upper()}{text[1:]}."
