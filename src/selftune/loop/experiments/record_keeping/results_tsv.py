"""`results.tsv`: one row for each try and each cycle, for people and their programs; the store is the truth behind it.

Rows are only ever added, each by one write that is on the disk when it returns. A row that a crash tore is completed by
the next one, since whatever a row tells was kept in the store before it. Rows that a person changed, took out or added
stay as that person left them, and are named by whoever asks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.records import Arm, Decision, Evaluation, Experiment, Outcome, Run
from selftune.release.publish import publish_bytes
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.loop.project import Project

RESULTS: Final = "results.tsv"
THEIRS: Final = (
    "experiment_id",
    "timestamp",
    "mode",
    "model",
    "score",
    "baseline",
    "result",
    "train_loss",
    "val_loss",
    "elapsed_s",
    "config",
)
"""The columns of the loop that this one learnt from (mission C13)."""
COLUMNS: Final = (*THEIRS, "decision", "night", "lane", "run", "build", "evaluation")
"""These, and the names to look up here."""

_EARLIER: Final = (*THEIRS, "decision")  # what a file was begun with before there were nights
_REBUILT: Final = "results rebuilt"

Row = tuple[str, ...]
"""What stands in each of `COLUMNS`."""


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """What a person did to the file.

    Attributes:
        changed: Ids whose row says something else than the record.
        missing: Ids on record whose row is not there.
        added: Lines that tell of nothing on record.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.changed or self.missing or self.added)


# --- Rows -------------------------------------------------------------------------------------------------------------


def row_of_experiment(experiment: Experiment) -> Row:
    """The row of a try; what was not measured is empty, never 0."""
    return _row(
        {
            "experiment_id": experiment.name,
            "timestamp": experiment.began,
            "mode": experiment.mode.value,
            "model": experiment.base,
            "score": _figure(experiment.score),
            "baseline": _figure(experiment.baseline),
            "result": experiment.result.value,
            "train_loss": _figure(experiment.train_loss),
            "val_loss": _figure(experiment.val_loss),
            "elapsed_s": f"{experiment.elapsed_seconds:.0f}",
            "config": "; ".join(experiment.changes) or "as it is",
            "night": experiment.night,
            "lane": experiment.lane,
            "run": experiment.run_id or "",
            "build": experiment.build_id or "",
            "evaluation": experiment.evaluation_id or "",
        }
    )


def row_of_decision(project: Project, decision: Decision) -> Row:
    """The row of a cycle: what it trained by its recipe, and what the gate said of it.

    Its seconds are those of training the candidate and of asking it the suite.
    """
    store = project.store
    run = None if decision.run_id is None else store.record(decision.run_id, Run)
    arms = {arm: one for arm, name in decision.arms for one in store.kept_records([name], Evaluation)}
    candidate = arms.get(Arm.CANDIDATE)
    build = None if candidate is None else candidate.build_id
    trained = 0.0 if run is None else run.wall_seconds
    asked = 0.0 if candidate is None else candidate.wall_seconds
    held_out = [] if run is None else [point.eval_loss for point in run.curve if point.eval_loss is not None]
    return _row(
        {
            "experiment_id": decision.id.partition(":")[2][:12],
            "timestamp": store.saved_at(decision.id),
            "mode": "cycle",
            "model": project.base.name if run is None or run.base_digest == project.base.digest else run.base_digest,
            "score": _mean(candidate),
            "baseline": _mean(arms.get(Arm.CHAMPION)),
            "result": "kept" if decision.outcome is Outcome.PROMOTE else _refused(run, decision),
            "train_loss": _figure(run.curve[-1].loss if run is not None and run.curve else None),
            "val_loss": _figure(held_out[-1] if held_out else None),
            "elapsed_s": f"{trained + asked:.0f}",
            "config": "none" if run is None else run.recipe,
            "decision": decision.id,
            "run": decision.run_id or "",
            "build": build or decision.build_id or "",
            "evaluation": "" if candidate is None else candidate.id,
        }
    )


def rows_on_record(project: Project) -> Iterator[Row]:
    """The row of every cycle and every try, in the order in which they were kept."""
    store = project.store
    kept = [
        *((sequence, row_of_decision(project, one)) for sequence, one in store.each(Decision)),
        *((sequence, row_of_experiment(one)) for sequence, one in store.each(Experiment)),
    ]
    yield from (row for _, row in sorted(kept))


def _row(told: Mapping[str, str]) -> Row:
    return tuple(" ".join(told.get(column, "").split()) for column in COLUMNS)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _mean(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return ""
    unit = "pair" if any(outcome.pair for outcome in evaluation.outcomes) else "item"
    return _figure(mean_of(unit_scores(evaluation.outcomes, unit)).value)


def _refused(run: Run | None, decision: Decision) -> str:
    if run is None:
        return "failed" if decision.build_id is None else "reverted"
    status = run.status.value
    return "reverted" if status == "finished" else status.replace("_", " ")


# --- The file ---------------------------------------------------------------------------------------------------------


def append_row(project: Project, row: Row) -> None:
    """Add a row behind the last one, unless one of its id is there; a torn last row is completed first.

    A file of another header, which a person may have given it, is filled by the names of its columns.
    """
    path = project.folder / RESULTS
    data = _read_sound(path)
    addition = _to_complete(data, lambda: rows_on_record(project))
    header, *lines = _text(data + addition).splitlines()
    if all(_id(line) != row[0] for line in lines):
        addition += _encoded(_arranged(row, header))
    if addition:
        with path.open("ab") as stream:
            stream.write(addition)
            stream.flush()
            os.fsync(stream.fileno())


def check_results(project: Project) -> ByHand:
    """What a person changed in the file, took out of it and added to it, held against the store."""
    path = project.folder / RESULTS
    header, *lines = read_lines(path) if path.exists() else [_line(COLUMNS)]
    known = {row[0]: row for row in rows_on_record(project)}
    found = {_id(line): line.split("\t") for line in lines}
    return ByHand(
        changed=tuple(name for name, cells in found.items() if name in known and _differ(cells, known[name], header)),
        missing=tuple(name for name in known if name not in found) if path.exists() else (),
        added=tuple(line for line in lines if line.strip() and _id(line) not in known),
    )


def rebuild_results(project: Project) -> Path | None:
    """Write the file anew from the store; gives where a file that a person had changed was set aside, if it was."""
    path, aside = project.folder / RESULTS, None
    if path.exists() and check_results(project):
        aside = _free_name(path)
        os.link(path, aside)
    rows = list(rows_on_record(project))
    publish_bytes(path, b"".join(map(_encoded, (COLUMNS, *rows))))
    project.store.note(_REBUILT, {"rows": str(len(rows)), "set aside": "" if aside is None else aside.name})
    return aside


def read_lines(path: Path) -> list[str]:
    """The lines of such a file, header first; an empty one has the header of ours."""
    return _text(path.read_bytes().rstrip(b"\0")).splitlines() or [_line(COLUMNS)]


def _read_sound(path: Path) -> bytes:
    """The file's bytes, its header the newest of ours where it had an earlier one.

    Zeros at the end are what some file systems leave of an append when the power goes; they are cut off.
    """
    raw = path.read_bytes() if path.exists() else b""
    data = raw.rstrip(b"\0")
    if len(data) < len(raw):
        os.truncate(path, len(data))
    earlier = _encoded(_EARLIER)
    if data.startswith(earlier):
        data = _encoded(COLUMNS) + data.removeprefix(earlier)
        publish_bytes(path, data)
    return data


def _to_complete(data: bytes, on_record: Callable[[], Iterable[Row]]) -> bytes:
    """What is missing behind a file's last line, or the header where there is nothing yet."""
    if _encoded(COLUMNS).startswith(data):
        return _encoded(COLUMNS)[len(data) :]
    if data.endswith(b"\n"):
        return b""
    header, torn = _text(data).splitlines()[0], data.rpartition(b"\n")[2]
    whole = (_encoded(_arranged(row, header)) for row in on_record())
    return next((line[len(torn) :] for line in whole if line.startswith(torn)), b"\n")


def _arranged(row: Row, header: str) -> Row:
    """A row's cells in the order of a header; a file without the first column's name has no header of ours."""
    names = header.split("\t")
    told = dict(zip(COLUMNS, row, strict=True))
    return tuple(told.get(name, "") for name in names) if COLUMNS[0] in names else row


def _differ(found: Sequence[str], known: Row, header: str) -> bool:
    """Whether a cell says something else; one that is empty or not there is an older file's.

    Of a cycle neither the base's name nor the seconds are held against anybody: no record holds the name, and earlier
    versions counted the seconds of the command.
    """
    by_column = dict(zip(header.split("\t"), found, strict=False))
    untold = {"model", "elapsed_s"} if known[COLUMNS.index("decision")] else set()
    told = {column: text for column, text in zip(COLUMNS, known, strict=True) if column not in untold}
    return any(by_column.get(column, "") not in {"", text} for column, text in told.items())


def _id(line: str) -> str:
    return line.partition("\t")[0]


def _line(row: Iterable[str]) -> str:
    return "\t".join(row)


def _encoded(row: Iterable[str]) -> bytes:
    return f"{_line(row)}\n".encode()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_suffix(f".by-hand-{number}{path.suffix}")).exists():
        number += 1
    return aside
