"""How the demo looks: stages as they run, each decision with its evidence, and before and after at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.cli.screen import Stages, make_console, print_json, show_decision, show_halt
from selftune.app.demo import STATE_FILE
from selftune.app.evidence import evaluations_of
from selftune.app.summary import generation_summary
from selftune.records import Arm

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from selftune.app.demo import DemoSettings
    from selftune.loop.project import Project
    from selftune.loop.runner import CycleReport
    from selftune.records import Decision, Evaluation

_SHOWN: Final = 5
_WIDTH: Final = 46


class DemoScreen:
    """Tells the demo's story on stderr while it runs; stdout gets the result when it is over.

    `wanted` is the folder that was asked for; where that holds something already, the demo has another one.
    """

    def __init__(self, settings: DemoSettings, *, wanted: Path) -> None:
        self._settings = settings
        self._console = make_console(stderr=True)
        self.stages = Stages(self._console)
        self._generations: list[dict[str, Any]] = []
        self._ending: list[str] = []
        self._console.print(f"\n[bold]selftune demo[/] on the {settings.base} base, in {settings.folder}/\n")
        if settings.folder != wanted:
            told = (
                f"{wanted}/ holds something already and stays as it is; this demo begins anew, in {settings.folder}/\n"
            )
            self._console.print(told, markup=False, soft_wrap=True)

    def tell(self, project: Project, report: CycleReport) -> None:
        """What this generation came to."""
        from selftune.loop.releasing.service import make_target
        from selftune.release.live import LiveServer

        self._generations.append(generation_summary(project, report))
        if report.halted is not None:
            show_halt(self._console, report.halted)
        if report.decision is None:
            return
        self._console.rule(f"Generation {report.generation}", align="left")
        show_scores(self._console, self._generations[-1]["scores"])
        show_decision(self._console, report.decision)
        show_answers(self._console, project, report.decision)
        live = LiveServer(make_target(project)).status()
        serves = "nothing" if live is None else f"{live.version} at {live.address}"
        self._ending = [f"Serving now: {serves} (it rests after 15 idle minutes)"]

    def close(self, *, json: bool, peak_bytes: int) -> None:
        """Where everything lies and what to type next; with `json` the one result object on stdout."""
        folder = self._settings.folder
        promoted = any(turn["release"] for turn in self._generations)
        lines = [
            "",
            *self._ending,
            f"Everything lies in {folder}/: selftune.toml, data/golden_interactions.jsonl, .selftune/ledger/",
            "What to type next:",
            f'  selftune ask "Hello!" --system @{folder}/{STATE_FILE} --project {folder}',
            f"  selftune why --project {folder}",
            f"  selftune up --project {folder}   # prints a link to pages of all this",
            *([f"  selftune rollback --project {folder}"] if promoted else []),
            f"  python -m selftune.ledger.verify {folder}",
        ]
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)
        if json:
            print_json({"generations": self._generations, "peak_rss_bytes": peak_bytes, "folder": str(folder)})


def show_scores(console: Console, scores: dict[str, Any]) -> None:
    """Before and after, by category, with intervals and n."""
    from rich.table import Table

    before, after = scores.get("champion"), scores.get("candidate")
    if before is None or after is None:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("", "before", "after", "change", "n"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in ("all", *before["by_category"]):
        old = before if name == "all" else before["by_category"][name]
        new = after if name == "all" else after["by_category"][name]
        table.add_row(name, _share(old), _share(new), _change(old, new), str(new["n"]))
    console.print(table)
    console.print(f"  [dim]share of {before['unit']}s right, 95 % interval of each[/]")


def _share(mean: dict[str, Any]) -> str:
    if mean["mean"] is None:
        return "not measured"
    low, high = mean["interval"]
    return f"{100 * mean['mean']:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _change(old: dict[str, Any], new: dict[str, Any]) -> str:
    if old["mean"] is None or new["mean"] is None:
        return ""
    return f"{100 * (new['mean'] - old['mean']):+.0f}"


def show_answers(console: Console, project: Project, decision: Decision) -> None:
    """Five prompts with the answers of both arms, one per category in turn, drawn by the suite's order."""
    from rich.table import Table

    found = evaluations_of(project, decision)
    if Arm.CHAMPION not in found or Arm.CANDIDATE not in found:
        return
    table = Table(box=None, pad_edge=False, title="The same prompts, before and after (drawn in the suite's order)")
    table.title_justify = "left"
    for heading in ("asked", "before", "after"):
        table.add_column(heading, max_width=_WIDTH, overflow="fold")
    asked = _questions(project)
    for before, after in _samples(found[Arm.CHAMPION], found[Arm.CANDIDATE]):
        table.add_row(asked[before.item_id], _answer(before), _answer(after))
    console.print(table, markup=False)


def _samples(champion: Evaluation, candidate: Evaluation) -> list[tuple[Any, Any]]:
    """Items spread evenly over the suite, never chosen by their score."""
    after = {outcome.item_id: outcome for outcome in candidate.outcomes}
    step = max(1, len(champion.outcomes) // _SHOWN)
    drawn = champion.outcomes[step // 2 :: step][:_SHOWN]
    return [(outcome, after[outcome.item_id]) for outcome in drawn if outcome.item_id in after]


def _questions(project: Project) -> dict[str, str]:
    from selftune.loop.configured import make_evaluation

    return {item.id: item.messages[-1].content for item in make_evaluation(project).suite.items}


def _answer(outcome: Any) -> str:
    mark = "?" if outcome.score is None else "✓" if outcome.score >= 1 else "✗"
    return f"{mark} {outcome.answer}"
