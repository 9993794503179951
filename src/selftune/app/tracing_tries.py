"""Why a training was done and what came of it: of a run, a try and a night, each artefact with its path and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.nights_report import effect_text
from selftune.app.reporting.pages import figures
from selftune.errors import DamagedFileError, IntegrityError
from selftune.loop.experiments.record_keeping.eval_results import folder_of
from selftune.loop.experiments.record_keeping.keeping import find_experiment
from selftune.loop.experiments.record_keeping.memory_notes import find_note
from selftune.loop.lessons.beginning import beginning_of
from selftune.records import Build, Dataset, Decision, Evaluation, Experiment, Night, Run, StudyNight
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import FileDigest

_GONE: Final = "not there"
_POINTS: Final = 8
"""So many points of a curve fit a line; all of them have a command of their own."""


def find_try(project: Project, name: str) -> Experiment | Night | None:
    """The night or the try of this name; None where there is none."""
    nights = (night for _, night in project.store.each(Night) if night.name == name)
    return next(nights, None) or find_experiment(project, name)


def lines_of_try(project: Project, record: Run | Experiment | Night, *, with_words: bool = True) -> Iterator[str]:
    """What is known of a training, a try or a night, in plain lines; without words, no proposer's reason."""
    match record:
        case Run():
            yield from lines_of_run(project, record)
        case Experiment():
            yield from lines_of_experiment(project, record, with_words=with_words)
        case Night():
            yield from lines_of_night(project, record)


def lines_of_run(project: Project, run: Run) -> Iterator[str]:
    """What set it off, what it learnt from, its curve, scores before and after, and every file that came of it."""
    yield f"{run.recipe}: {run.status.value} after {run.steps} of {run.planned_steps} steps; {run.passes:.1f} passes"
    if run.reason:
        yield f"ended: {run.reason}"
    yield from _set_off_by(project, run)
    if run.codex_id:
        yield f"under {run.codex_id}"
    yield from _data(project, run.dataset_id)
    yield from _curve(run)
    yield f"took {figures.seconds(run.wall_seconds)}, cost {figures.dollars(run.cost_usd or None)}"
    yield from _before_and_after(project, run)
    yield "files:"
    yield from _blobs(project, "adapter", run.adapter)
    for _, build in project.store.each(Build):
        if build.run_id == run.id:
            yield from _blobs(project, f"{build.form.value} {build.quantisation}, {build.id[:18]}", build.files)


def lines_of_experiment(project: Project, experiment: Experiment, *, with_words: bool = True) -> Iterator[str]:
    """What was tried and why, what came of it against its baseline, and where everything of it lies."""
    one = experiment
    yield f"{one.name}: {one.result.value}. {one.why}"
    yield f"set off by {f'night {one.night}' if one.night else 'a person'}, proposed by {one.proposer or 'a person'}"
    if one.reason and with_words:
        yield f"  because: {one.reason}"
    yield f"tried ({one.lane}): {', '.join(one.changes) or 'nothing changed'}"
    yield f"on {one.base} {one.base_digest} ({one.mode.value}, {one.node})"
    yield f"screen {one.suite} {one.suite_digest}: {_score(one.baseline)} before, {_score(one.score)} after"
    yield f"difference {effect_text(one.effect)}"
    yield from (f"  {part.name}: {part.baseline:.3f} to {part.score:.3f}, n {part.n}" for part in one.parts)
    for rung in one.rungs:
        went_on = "went on" if rung.stayed else "ended there"
        yield f"  after {rung.steps} steps {effect_text(rung.effect)}: {went_on}"
    if one.dataset_id is not None:
        yield from _data(project, one.dataset_id)
    yield f"losses: training {_loss(one.train_loss)}, held out {_loss(one.val_loss)}; neither decides"
    training, evaluation, data = (figures.dollars(usd or None) for usd in one.costs_usd)
    yield f"took {figures.seconds(one.elapsed_seconds)}; training {training}, evaluation {evaluation}, data {data}"
    told = (("run", one.run_id), ("build", one.build_id), ("evaluation", one.evaluation_id))
    baseline = (("baseline's run", one.baseline_run_id), ("baseline's evaluation", one.baseline_evaluation_id))
    yield from (f"{name} {record_id}" for name, record_id in (*told, *baseline) if record_id is not None)
    yield "files:"
    note = find_note(project.folder, one)
    folder = folder_of(project, one)
    kept = sorted(folder.iterdir()) if folder.is_dir() else []
    yield from (_file(project, path) for path in (*kept, *(() if note is None else (note,))))


def lines_of_night(project: Project, night: Night) -> Iterator[str]:
    """When it ran, what ended it, and what its tries and the gate came to."""
    yield f"night {night.name}: {night.began} to {night.ended}, until {night.until or 'no hour'}: {night.ended_by}"
    yield f"on {night.base} {night.base_digest} ({night.mode.value}, {night.node})"
    for one in project.store.records(night.experiments, Experiment):
        yield f"  {one.name}: {one.result.value}, {effect_text(one.effect)}; {', '.join(one.changes)}; {one.id[:24]}"
    yield f"winner {night.winner or 'none'}"
    yield f"decision {night.decision_id or 'none: the gate was not asked'}"
    if night.release_id is not None:
        yield f"release {night.release_id}"
    yield from (f"  {sentence}" for sentence in night.told)


def _set_off_by(project: Project, run: Run) -> Iterator[str]:
    """The try that it was for; else what was new since the run before."""
    tried = next(
        (one for _, one in project.store.each(Experiment) if run.id in {one.run_id, one.baseline_run_id}), None
    )
    if tried is not None:
        part = "as the baseline of" if tried.run_id != run.id else "for"
        yield f"set off by {f'night {tried.night}' if tried.night else 'a person'}, {part} {tried.name}"
        return
    earlier: set[str] = set()
    for _, one in project.store.each(Run):
        if one.id == run.id:
            break
        earlier |= _learnt(project, one.dataset_id)
    now = _learnt(project, run.dataset_id)
    yield f"set off by {figures.counted(len(now - earlier), 'lesson')} that no run before had learnt, of {len(now)}"
    yield f"condition: {_condition(project, run)}"


def _condition(project: Project, run: Run) -> str:
    """What had to be so before it might begin: as it was written down at the time, else as the config says now."""
    night = next((one for _, one in project.store.each(StudyNight) if one.run_id == run.id), None)
    if night is not None:
        of_study = f"night {night.number} of a study, {night.date}{', in simulated time' if night.simulated else ''}"
        return f"{night.trigger} ({of_study})"
    noted = beginning_of(project.store, run)
    if noted:
        told = f"{noted['trigger']}; {noted['golden']} golden in all, content {noted['content']}"
        return f"{told}, as was noted {noted['at']} before it began"
    trigger = project.config.curation.trigger
    enough = figures.counted(trigger, "new lesson") if trigger else "as many new lessons as the gate can see"
    return f"{enough} or more, as [curation] trigger says now; or a person who asked for it"


def _learnt(project: Project, dataset_id: str) -> set[str]:
    dataset = _dataset(project, dataset_id)
    return set() if dataset is None else {example.interaction_id for example in dataset.taught}


def _dataset(project: Project, dataset_id: str) -> Dataset | None:
    """None for one that was erased, or that never was here."""
    try:
        return project.store.record(dataset_id, Dataset)
    except IntegrityError:
        return None


def _data(project: Project, dataset_id: str) -> Iterator[str]:
    dataset = _dataset(project, dataset_id)
    if dataset is None:
        yield f"dataset {dataset_id}, which can't be read any more"
        return
    lessons = figures.counted(len(dataset.taught), "lesson")
    yield f"dataset {dataset_id}: {lessons}, {len(dataset.holdout)} held out; the id is the digest of its content"


def _curve(run: Run) -> Iterator[str]:
    if not run.curve:
        return
    first, last = run.curve[0], run.curve[-1]
    yield f"loss {first.loss:.4f} at step {first.step}, {last.loss:.4f} at step {last.step}; {len(run.curve)} logged"
    points = [run.curve[round(place * (len(run.curve) - 1) / (_POINTS - 1))] for place in range(_POINTS)]
    yield f"curve, step and loss: {', '.join(dict.fromkeys(f'{one.step} {one.loss:.4f}' for one in points))}"
    held_out = [point.eval_loss for point in run.curve if point.eval_loss is not None]
    if held_out:
        yield f"loss on held-out lessons {held_out[0]:.4f} to {held_out[-1]:.4f}; it decides nothing"
    yield f"all of it: selftune train curves {run.id[:16]}"


def _before_and_after(project: Project, run: Run) -> Iterator[str]:
    """What the gate's suites gave before and after, for each decision about it."""
    store = project.store
    for _, decision in store.each(Decision):
        if decision.run_id != run.id:
            continue
        for arm, evaluation_id in decision.arms:
            for evaluation in store.kept_records([evaluation_id], Evaluation):
                yield f"{arm.value} on {evaluation.suite}: {_mean(evaluation)}"
        yield f"decided {decision.outcome.value}, {decision.id}"


def _mean(evaluation: Evaluation) -> str:
    unit = "pair" if any(one.pair for one in evaluation.outcomes) else "item"
    found = mean_of(unit_scores(evaluation.outcomes, unit))
    return f"{figures.mean(found.value, found.interval, 3)}, n {found.n}, {found.unscored} unscored"


def _score(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _loss(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"


def _blobs(project: Project, of: str, files: Iterable[FileDigest]) -> Iterator[str]:
    for file in files:
        try:
            where = project.blobs.path(file.digest).resolve().relative_to(project.folder.resolve()).as_posix()
        except DamagedFileError:
            where = _GONE
        yield f"  {of}: {file.name}, {figures.size(file.size_bytes)}, {where}"


def _file(project: Project, path: Path) -> str:
    return f"  {path.relative_to(project.folder).as_posix()}, {figures.size(path.stat().st_size)}"
