"""`selftune forms`: a run of the project in every serving form, measured as served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.reporting.pages import figures
from selftune.builds.config import FORMS, BuildConfig
from selftune.errors import UsageError
from selftune.loop.deciding.forms import AGAINST, Comparison, compare_forms
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.planning import make_evaluation
from selftune.loop.project import open_project
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.loop.deciding.forms import ComparedForms, TriedForm
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.scoring.units import Mean

CHOSEN: Final = "serving form compared"


def forms_of(
    folder: Path, run: str, names: Sequence[str], observer: Observer, *, largest_bytes: int | None = None
) -> ComparedForms:
    """Build, serve and ask a run in these forms, or in all; what was built or asked before is not done again.

    Raises:
        UsageError: nothing was trained yet.
        UnknownNameError: no run or no form bears that name.
        ConfigError: the run left no adapter, or was made on another base.
        ParityError: the adapter apart does not answer as what was trained.
        ServingError: it can't be served.
        LockedError: another runner has the project.
    """
    with open_project(folder) as project, hold_lease(project):
        project.check_base_files()
        wanted = Comparison(
            layout=_layout(project),
            asked=make_evaluation(project),
            policy=policy_of(project),
            largest_bytes=largest_bytes,
        )
        for name in names:
            wanted.layout.laid_out_as(name)
        found = compare_forms(
            find_run(project, run), names or tuple(FORMS), wanted, make_executor(project, observer), project.context()
        )
        detail = {one.name: one.evaluation.id for one in found.tried if one.evaluation is not None}
        project.store.note(CHOSEN, detail | {"run": found.run.id, "chosen": found.choice.climb.chosen or "none"})
        return found


def find_run(project: Project, name: str) -> Run:
    """The run of this id, of a unique beginning of it, or the last one where no name is given.

    Raises:
        UsageError: nothing was trained yet.
        UnknownNameError: none begins so, or several do.
    """
    last = project.store.last(Run)
    if last is None:
        raise UsageError("nothing was trained yet.", next_step="Run `selftune train` or `selftune cycle` first.")
    prefix = f"{Run.KIND}:"
    return project.store.record(name if name.startswith(prefix) else prefix + name, Run) if name else last


def _layout(project: Project) -> BuildConfig:
    """As the cycle builds a candidate, so that what it built is found."""
    champion = project.store.record(serving_release(project).build_id, Build)
    return BuildConfig(prompting=champion.prompting)


def as_document(found: ComparedForms) -> dict[str, Any]:
    """The comparison as `--json` prints it."""
    judged = {one.name: one for one in found.choice.forms}
    return {
        "run": found.run.id,
        "against": found.choice.against,
        "chosen": found.choice.climb.chosen,
        "shown": found.choice.climb.shown,
        "reason": found.choice.climb.reason,
        "forms": [
            {
                "name": one.name,
                "build": one.build.id if one.build else None,
                "evaluation": one.evaluation.id if one.evaluation else None,
                "size_bytes": one.build.size_bytes if one.build else None,
                "tokens_per_second": one.tokens_per_second,
                "distance": one.build.distance if one.build else None,
                "broken": one.broken,
                "unfit": one.unfit,
                "figures": judged.get(one.name),
            }
            for one in found.tried
        ],
        "leads": found.choice.climb.leads,
    }


def notes_on(found: ComparedForms) -> Iterator[str]:
    """What to know beside the tables: the choice and why, what was refused and why, and what to do next."""
    climb = found.choice.climb
    yield f"Chosen: {climb.chosen or 'none'}. {climb.reason}"
    for one in found.choice.forms:
        if one.refused is not None:
            yield f"Refused: {one.name}: {one.refused}."
    for tried in found.tried:
        if tried.broken is not None:
            yield f"Broken: {tried.name}: {tried.broken}"
        if tried.build is not None and tried.evaluation is None:
            yield f"Not asked: {tried.name}: {tried.unfit}."
        if (told := _undone(tried)) is not None:
            yield f"Beware: {told}"
    if climb.chosen is not None:
        form, quantisation = FORMS[climb.chosen]
        wanted = f'form = "{form.value}" and quantisation = "{quantisation.value}"'
        yield f"Next: set {wanted} under [build] in selftune.toml; the next candidate is built so."


def _undone(tried: TriedForm) -> str | None:
    """That writing the weights down changed as much as the training did."""
    distance = tried.build.distance if tried.build is not None else None
    if distance is None or distance.effect is None or not distance.outweighs_training:
        return None
    return (
        f"{tried.name} lies {distance.divergence:.3g} nats from what was trained, which lies {distance.effect:.3g} "
        f"from the base (n = {distance.n} tokens): it changed more than the training did."
    )


def heading(found: ComparedForms) -> str:
    """What was compared."""
    run, forms = found.run, found.choice.forms
    units = max((one.score.n for one in forms), default=0)
    return f"{run.id[:24]} in {len(found.tried)} forms, held against the {AGAINST} apart, on {units} units."


def rows_of_forms(found: ComparedForms) -> Iterator[tuple[str, ...]]:
    """One line for each form that was built: size, speed, distance, score, change, critical failures."""
    judged = {one.name: one for one in found.choice.forms}
    for tried in found.tried:
        if tried.build is None:
            continue
        own, distance = judged.get(tried.name), tried.build.distance
        speed = tried.tokens_per_second
        yield (
            tried.name,
            figures.size(tried.build.size_bytes),
            figures.NOTHING if speed is None else f"{speed:.0f}",
            figures.NOTHING if distance is None else f"{distance.divergence:.2g}\n{_between(distance.interval)}",
            figures.NOTHING if own is None else _beneath(own.score),
            figures.NOTHING if own is None else str(own.critical),
            "" if own is None else "refused" if own.refused else _mark(found, own.name),
        )


def _beneath(score: Mean) -> str:
    return f"{figures.number(score.value, 3)}\n{figures.interval(score.interval, 3)}"


def _between(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:.2g}, {bounds[1]:.2g}]"


def _mark(found: ComparedForms, name: str) -> str:
    return "chosen" if name == found.choice.climb.chosen else ""


def rows_of_categories(found: ComparedForms) -> Iterator[tuple[str, ...]]:
    """One line for each category: its units, and each other form's change against the adapter with its interval."""
    others = [one for one in found.choice.forms if one.name != found.choice.against]
    if not others:
        return
    yield (
        "all",
        str(others[0].change.n if others[0].change else 0),
        *(_change(one.change.mean, one.change.interval) if one.change else figures.NOTHING for one in others),
    )
    for place, category in enumerate(others[0].categories):
        changes = [one.categories[place].change for one in others]
        counted = next((str(one.n) for one in changes if one is not None), "0")
        cells = (figures.NOTHING if one is None else _change(one.mean, one.interval) for one in changes)
        yield category.category, counted, *cells


def _change(mean: float, interval: tuple[float, float]) -> str:
    return f"{figures.signed(mean)}\n{figures.signed_interval(interval)}"
