"""`selftune compare`: the referee on two score files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.refereeing import Compared
    from selftune.gate.referee.verdict import ArmSummary, Verdict
    from selftune.records import Check
    from selftune.records.scores import UnscoredRow

_FEW: Final = 10


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("compare")(compare)


def compare(
    champion: Annotated[
        str, typer.Argument(help="Scores of the model in use: a file, FILE#ARM, or an evaluation's id.")
    ],
    candidate: Annotated[str, typer.Argument(help="Scores of the one that may replace it.")],
    policy: Annotated[str, typer.Option(help="A policy whose terms and vetoes hold: a shipped name, or a file.")] = "",
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
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page into this file too.")] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Say whether one model is better than another, from two score files: better, worse, inconclusive or invalid."""
    from selftune.app.cli.exit_codes import finding_code
    from selftune.app.cli.screen import print_json
    from selftune.app.refereeing import Wishes, as_document, compare_scores
    from selftune.errors import UsageError

    if scale is not None and not scale[0] < scale[1]:
        raise UsageError("a scale runs from a lower to a higher score.", next_step="Type it so: --scale 0 10.")
    columns = tuple((what, name) for what, name in (("item", item), ("score", score), ("arm", arm)) if name)
    wishes = Wishes(
        policy=policy or None,
        metric=metric or None,
        columns=columns,
        max_unscored=max_unscored,
        scale=scale,
        project=project,
    )
    compared = compare_scores(champion, candidate, wishes)
    verdict = compared.verdict
    if html is not None:
        _write(html, compared)
    if json:
        print_json(as_document(verdict))
    else:
        _show(verdict)
    raise typer.Exit(finding_code(verdict.outcome))


def _write(path: Path, compared: Compared) -> None:
    from selftune.app.refereeing_page import comparison_page
    from selftune.app.reporting.pages.writing import write_page

    write_page(comparison_page(compared), path)
    typer.echo(f"Written: {path}", err=True)


def _show(verdict: Verdict) -> None:
    from rich.markup import escape
    from rich.table import Table

    from selftune.app.cli.screen import make_console
    from selftune.app.reporting.pages.plain import plain

    console = make_console()
    colour = {"better": "green", "worse": "red"}.get(verdict.outcome, "yellow")
    console.print(f"[bold {colour}]{verdict.outcome}[/]: {escape(plain(verdict.reason))}.", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for name in ("champion", "candidate", "change", "p", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in _rows(verdict):
        table.add_row(*(escape(plain(cell)) for cell in row))
    console.print(table)
    for line in _notes(verdict):
        console.print(escape(plain(line)), soft_wrap=True)


def _rows(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    from selftune.app.reporting.pages import figures

    champion, candidate, places = verdict.champion, verdict.candidate, figures.places_of(verdict.scale)
    means = (figures.number(arm.mean, places) for arm in (champion, candidate))
    change = _change(verdict.difference, verdict.interval, verdict)
    yield "all", *means, change, figures.chance(verdict.p_value), str(verdict.n)
    moved = {(shift.kind, shift.name): shift for shift in verdict.shifts}
    for kind, ours, theirs in (
        ("category", champion.by_category, candidate.by_category),
        ("difficulty", champion.by_difficulty, candidate.by_difficulty),
        ("agent", champion.by_agent, candidate.by_agent),
    ):
        old, new = ({part.name: part.mean for part in parts} for parts in (ours, theirs))
        for name in dict.fromkeys((*old, *new)):
            shift = moved.get((kind, name))
            yield (
                name if kind == "category" else f"{kind}: {name}",
                figures.number(old.get(name), places),
                figures.number(new.get(name), places),
                _change(shift.difference, shift.interval, verdict) if shift else figures.NOTHING,
                figures.chance(shift.p_value if shift else None),
                str(shift.n) if shift else "0",
            )
    yield "critical failures", str(champion.critical_failures), str(candidate.critical_failures), "", "", ""
    yield "without a score", str(len(champion.unscored)), str(len(candidate.unscored)), "", "", ""


def _change(mean: float | None, interval: tuple[float, float] | None, verdict: Verdict) -> str:
    """The change and its interval; one that spans all that the scale allows is no news."""
    from selftune.app.reporting.pages import figures

    places, width = figures.places_of(verdict.scale), verdict.scale[1] - verdict.scale[0]
    if mean is not None and interval is not None and interval[0] <= -width and interval[1] >= width:
        return f"{figures.signed(mean, places)} too few to say"
    return figures.shift(mean, interval, places)


def _notes(verdict: Verdict) -> Iterator[str]:
    from selftune.app.refereeing import items_needed_in_words

    low, high = verdict.scale
    yield f"Score: {verdict.metric}, from {low:g} to {high:g}. {_sentence(verdict.method)}"
    arms = (("champion", verdict.champion), ("candidate", verdict.candidate))
    yield f"Each arm by itself: {'; '.join(_alone(arm, summary) for arm, summary in arms)}."
    if verdict.shifts:
        yield f"The p-values of {_kinds(verdict)} are adjusted for looking at several (Benjamini-Hochberg)."
    for arm, summary in arms:
        heaps = summary.bimodality
        if heaps is not None and heaps.two_heaps:
            yield (
                f"The {arm}'s scores fall into two heaps: {heaps.low[1]} around {heaps.low[0]:.1f}, {heaps.high[1]} "
                f"around {heaps.high[0]:.1f}; the mean between them describes neither."
            )
        if summary.swing is not None:
            yield f"One answer of the {arm} lies {summary.swing:.2f} from the next to the same question (averaged)."
        if summary.unscored:
            yield f"Without a score, {arm}: {'; '.join(_by_reason(summary.unscored))}"
    yield from (f"Check {check.name}: {_said(check)}, {check.detail}." for check in verdict.checks if _is_worth(check))
    yield from (f"Beware: {warning}." for warning in verdict.warnings)
    if verdict.items_needed is not None:
        yield f"Next: {items_needed_in_words(verdict)}"


def _by_reason(unscored: Sequence[UnscoredRow]) -> Iterator[str]:
    """Each reason once, with the items it holds for: in an outage it is the same for all."""
    items: dict[str, list[str]] = {}
    for row in unscored:
        items.setdefault(row.reason, []).append(row.item_id)
    for reason, named in items.items():
        more = f" and {len(named) - _FEW} more" if len(named) > _FEW else ""
        yield f"{', '.join(named[:_FEW])}{more} ({reason})"


def _alone(arm: str, summary: ArmSummary) -> str:
    from selftune.app.reporting.pages import figures

    return f"{arm} {figures.mean(summary.mean, summary.interval)} on {summary.n}"


def _kinds(verdict: Verdict) -> str:
    plural = {"category": "categories", "difficulty": "difficulties", "agent": "agents"}
    return " and ".join(dict.fromkeys(plural[shift.kind] for shift in verdict.shifts))


def _is_worth(check: Check) -> bool:
    return check.status != "pass" and check.name != "gain"


def _said(check: Check) -> str:
    return check.status.value.replace("_", " ")


def _sentence(text: str | None) -> str:
    return "" if text is None else f"{text[0].upper()}{text[1:]}."
