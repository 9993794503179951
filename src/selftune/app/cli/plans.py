"""A training's plan on a screen: coloured for a person at a terminal, in marks for a pipe or without colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import plain
from selftune.training.findings import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

    from selftune.app.training_plans import ShownLesson, ShownPlan
    from selftune.training.findings import Finding

_MARKS: Final = {
    Standing.FINE: ("ok", "green"),
    Standing.WARNING: ("warning", "yellow"),
    Standing.UNKNOWN: ("unknown", "yellow"),
    Standing.OVERRULED: ("overruled", "yellow"),
    Standing.REFUSED: ("REFUSED", "bold red"),
}
_LEARNT: Final = ("⟦", "⟧")


def show_on(console: Console, shown: ShownPlan) -> None:
    """The plan, each rule with how it stands, and the first lessons with what is learnt of them."""
    from rich.text import Text

    colours = console.is_terminal and not console.no_color
    lines = (*map(Text, _head(shown)), *map(_line, shown.plan.findings), Text(), *_preview(shown, colours=colours))
    for line in lines:
        console.print(line, soft_wrap=True)
    refused = sum(one.standing is Standing.REFUSED for one in shown.plan.findings)
    if refused:
        console.print(Text(f"Refused by {refused} of {len(shown.plan.findings)} rules.", style="bold red"))


def _head(shown: ShownPlan) -> tuple[str, ...]:
    plan = shown.plan
    return (
        f"{plan.recipe}: {plan.objective} by {plan.backend}, on {plain(plan.dataset)}",
        f"{plan.steps:,} steps, {plan.warmup_steps:,} of them to warm up; {plan.samples:,} samples",
        f"{plan.tokens:,} tokens are kept, {plan.tokens_learnt:,} of them are learnt",
        "",
    )


def _line(finding: Finding) -> Text:
    from rich.text import Text

    word, style = _MARKS[finding.standing]
    line = Text.assemble((f"{word:<9}", style), f"  {finding.rule}: {plain(finding.text)}")
    if finding.next_step and finding.standing is not Standing.FINE:
        line.append(f"\n{'':<11}{plain(finding.next_step)}", style="dim")
    return line


def _preview(shown: ShownPlan, *, colours: bool) -> Iterator[Text]:
    from rich.text import Text

    if not shown.preview:
        return
    what = "in green" if colours else f"within {''.join(_LEARNT)}"
    yield Text(f"The first {len(shown.preview)} lessons; what is learnt stands {what}:")
    for number, lesson in enumerate(shown.preview, start=1):
        yield Text(f"--- {number}. {plain(lesson.interaction_id)}")
        yield from _sides(lesson, colours=colours)


def _sides(lesson: ShownLesson, *, colours: bool) -> Iterator[Text]:
    from rich.text import Text

    opening, closing = ("", "") if colours else _LEARNT
    for number, spans in enumerate(lesson.sides):
        text = Text("the worse answer:\n" if number else "")
        for span in spans:
            told = f"{opening}{span.text}{closing}" if span.learnt else span.text
            text.append(plain(told), style="green" if span.learnt and colours else "")
        text.rstrip()
        yield text
