"""What a person sees: progress on stderr, results on stdout, errors with their next step."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress as ProgressBars
    from rich.progress import TaskID
    from rich.table import Table

    from selftune.context import Progress
    from selftune.errors import SelftuneError
    from selftune.loop.runner import Halted
    from selftune.records import Check, Decision

TITLES: Final = {
    "capture": "Listening",
    "judge": "Judging",
    "curate": "Choosing lessons",
    "train": "Training",
    "train_part": "Training a part",
    "search_prompt": "Trying prompts",
    "build": "Building",
    "evaluate": "Testing",
    "decide": "Deciding",
    "decide_again": "Weighing picks",
    "release": "Releasing",
}
_MINUTE: Final = 60
_TABLE_WIDTH: Final = 70
_MARKS: Final = {"pass": "[green]pass[/]", "fail": "[red]fail[/]", "not_shown": "[yellow]not shown[/]"}


def make_console(*, stderr: bool = False) -> Console:
    """A console that also makes sense without colour and through a pipe."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    from selftune.records.codec import to_builtins

    sys.stdout.write(json.dumps(to_builtins(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def show_error(error: SelftuneError) -> None:
    """The message and the next step, on stderr; a halt is told plainly, not as a fault."""
    from rich.markup import escape

    from selftune.app.reporting.pages.plain import plain
    from selftune.errors import NotYet

    console = make_console(stderr=True)
    colour, word = ("yellow", "Halted") if isinstance(error, NotYet) else ("red", "Error")
    # A message may name what a file holds: its columns, its items.
    console.print(f"[bold {colour}]{word}:[/] {escape(plain(error.message))}", soft_wrap=True)
    console.print(f"[bold]Next:[/] {escape(plain(error.next_step))}", soft_wrap=True)


def show_halt(console: Console, halted: Halted) -> None:
    """Why a cycle ended before a decision, and what to do next."""
    from rich.markup import escape

    from selftune.app.reporting.pages.plain import plain

    console.print(f"[bold yellow]Halted:[/] {escape(plain(halted.reason))}", soft_wrap=True)
    console.print(f"[bold]Next:[/] {escape(plain(halted.next_step))}", soft_wrap=True)


def show_system_error(error: OSError) -> None:
    """What the system refused, and what to do about it."""
    import errno

    from selftune.app.reporting.pages.plain import plain

    advice = {
        errno.ENOSPC: "Free some disk space and run the same command again: finished steps are kept.",
        errno.EACCES: "Check the permissions of that path.",
        errno.ENOENT: "Check that path.",
        errno.EEXIST: "Choose another path: something is there already.",
        errno.EISDIR: "Name a file: that is a folder.",
        errno.ENOTDIR: "Check that path: a part of it is a file, and no folder.",
    }.get(error.errno or 0, "Run `selftune doctor`; finished steps are kept.")
    said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    console = make_console(stderr=True)
    console.print(f"Error: {plain(said)}", style="bold red", markup=False, soft_wrap=True)
    console.print(f"Next: {advice}", markup=False, soft_wrap=True)


class Stages:
    """Shows each stage with a bar while it runs, then one line with its time and result."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: ProgressBars | None = None
        self._task: TaskID | None = None
        self._last: Progress | None = None

    def started(self, stage: str) -> None:
        """A bar appears."""
        self._stop()
        self._last = None
        self._bars = _make_bars(self._console)
        self._bars.start()
        self._task = self._bars.add_task(TITLES.get(stage, stage), total=None, note="", left="")

    def progressed(self, stage: str, progress: Progress) -> None:
        """The bar moves; what judging will cost is a line of its own, before it costs anything."""
        self._last = progress
        if stage == "judge" and progress.total and not progress.done:
            self._console.print(f"    {progress.note}", highlight=False)
        if self._bars is not None and self._task is not None:
            _move(self._bars, self._task, progress)

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """The bar becomes a line."""
        self._stop()
        time = "   kept" if reused else f"{seconds:6.1f}s"
        told = "" if reused or self._last is None else result_of(stage, self._last)
        self._console.print(f"  [green]✓[/] {TITLES.get(stage, stage):<18}{time}  {told}", markup=True)

    def stopped(self, stage: str) -> None:
        """The bar goes, and the cursor comes back."""
        del stage
        self._stop()

    def told(self, text: str) -> None:
        """A line of its own."""
        from rich.markup import escape

        from selftune.app.reporting.pages.plain import plain

        self._console.print(f"  [yellow]![/] {escape(plain(text))}", highlight=False)

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


@contextmanager
def working(title: str) -> Iterator[Callable[[Progress], None]]:
    """A bar for as long as one piece of work takes, with the time left once that is known; nothing through a pipe."""
    bars = _make_bars(make_console(stderr=True))
    task = bars.add_task(title, total=None, note="", left="")
    with bars:
        yield lambda progress: _move(bars, task, progress)


def _make_bars(console: Console) -> ProgressBars:
    """A bar that goes when it is done, at a terminal only."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
        # Results are printed as they are, wherever they go.
        redirect_stdout=False,
        disable=not console.is_terminal,
    )


def _move(bars: ProgressBars, task: TaskID, progress: Progress) -> None:
    bars.update(task, completed=progress.done, total=progress.total, note=progress.note)
    bars.update(task, left=left_in_words(bars.tasks[0].time_remaining))


def left_in_words(seconds: float | None) -> str:
    """How long it will take still, as roughly as it is known; nothing where it is not."""
    if seconds is None or seconds <= 0:
        return ""
    minutes = round(seconds / _MINUTE)
    if minutes < 1:
        return f"about {max(1, round(seconds))} s left"
    hours, rest = divmod(minutes, _MINUTE)
    return f"about {hours} h {rest} min left" if hours else f"about {minutes} min left"


def result_of(stage: str, last: Progress) -> str:
    """What a stage came to, from the last that was heard of it."""
    match stage:
        case "capture" | "judge":
            return f"{last.done} {last.note}"
        case "curate":
            return f"{last.done} golden of {last.total}"
        case "train" | "train_part":
            return f"{last.done} steps, {last.note}"
        case "evaluate":
            return f"{last.done} answers as served"
        case _:
            return ""


def show_decision(console: Console, decision: Decision) -> None:
    """The outcome in one sentence, every check with what was measured, and in words what decided it."""
    from rich.markup import escape

    from selftune.app.evidence import telling_checks
    from selftune.app.reporting.pages.plain import plain

    colour = {"promote": "green", "reject": "red", "invalid": "red"}.get(decision.outcome.value, "yellow")
    console.print(f"\n[bold {colour}]{decision.outcome.value}[/]: {escape(plain(decision.reason))}")
    wide = console.width >= _TABLE_WIDTH
    if wide:
        console.print(_table_of(decision.checks))
    # Where no table has room, the words stand for it.
    for line in telling_checks(decision, every=not wide):
        console.print(plain(line), markup=False, soft_wrap=True)
    if decision.next_step:
        console.print(f"[bold]Next:[/] {escape(plain(decision.next_step))}")


def _table_of(checks: Sequence[Check]) -> Table:
    from rich.table import Table

    from selftune.app.reporting.pages.plain import plain

    table = Table(box=None, pad_edge=False)
    table.add_column("check", overflow="fold")
    table.add_column("", no_wrap=True)
    for heading in ("measured", "needed", "interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for check in checks:
        table.add_row(*map(plain, _check_cells(check)))
    return table


def _check_cells(check: Check) -> tuple[str, ...]:
    status = _MARKS.get(check.status.value, "[yellow]not measured[/]")
    interval = "" if check.interval is None else f"{check.interval[0]:+.3f} … {check.interval[1]:+.3f}"
    return (check.name, status, _number(check.measured), _number(check.threshold), interval, str(check.n or ""))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"
