"""`selftune forms`: a run of the project in every serving form, measured as served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.reporting.pages import figures
from selftune.app.trainings import NEWEST, find_run
from selftune.builds.config import FORMS, BuildConfig
from selftune.gate.rules.leakage import LEAKAGE
from selftune.loop.configured import make_evaluation
from selftune.loop.deciding.forms import AGAINST, Comparison, compare_forms
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.measuring.further import further_suites
from selftune.loop.project import open_project
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build
from selftune.release.config_edit import edit_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.gate.ladder.forms import CategoryChange
    from selftune.gate.statistics.paired import Difference
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
        asked = make_evaluation(project)
        wanted = Comparison(
            layout=_layout(project),
            asked=asked,
            # What a run recites of its lessons is the run's own, in whatever form.
            further=tuple(one for one in further_suites(project, asked.suite) if one.suite.name != LEAKAGE),
            policy=policy_of(project),
            largest_bytes=largest_bytes,
        )
        for name in names:
            wanted.layout.laid_out_as(name)
        found = compare_forms(
            find_run(project, run or NEWEST),
            names or tuple(FORMS),
            wanted,
            make_executor(project, observer),
            project.context(),
        )
        detail = {one.name: one.evaluation.id for one in found.tried if one.evaluation is not None}
        project.store.note(CHOSEN, detail | {"run": found.run.id, "chosen": found.choice.climb.chosen or "none"})
        return found


def use_form(folder: Path, name: str) -> str:
    """Have every candidate from now on built in the form of this name; returns what `selftune.toml` says of it now."""
    form, quantisation = FORMS[name]
    values = {"form": form.value, "quantisation": quantisation.value}
    edit_section(folder, "build", values)
    return " and ".join(f'{key} = "{value}"' for key, value in values.items())


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
                "further": {suite.name: evaluation.id for suite, evaluation in one.further},
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


def next_step(name: str) -> str:
    """What to set so that candidates are built in this form."""
    form, quantisation = FORMS[name]
    wanted = f'form = "{form.value}" and quantisation = "{quantisation.value}"'
    return f"Next: set {wanted} under [build] in selftune.toml, or add --use; the next candidate is built so."


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
    beside = "".join(f", and on suite {suite.name!r}" for suite, _ in found.tried[0].further)
    return f"{run.id[:24]} in {len(found.tried)} forms, held against the {AGAINST} apart, on {units} units{beside}."


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
    """One line for each suite and each category: units, and how far each other form lies from the adapter."""
    others = [one for one in found.choice.forms if one.name != found.choice.against]
    if not others:
        return
    yield _changes("all", [one.change for one in others])
    yield from _rows_of_parts("", [one.categories for one in others])
    for place, suite in enumerate(others[0].further):
        beside = [one.further[place] for one in others]
        yield _changes(f"{suite.suite}: all", [one.change for one in beside])
        yield from _rows_of_parts(f"{suite.suite}: ", [one.categories for one in beside])


def _rows_of_parts(prefix: str, forms: Sequence[tuple[CategoryChange, ...]]) -> Iterator[tuple[str, ...]]:
    for column in zip(*forms, strict=True):
        yield _changes(f"{prefix}{column[0].category}", [one.change for one in column])


def _changes(name: str, changes: Sequence[Difference | None]) -> tuple[str, ...]:
    counted = next((str(one.n) for one in changes if one is not None), "0")
    cells = (figures.NOTHING if one is None else _change(one.mean, one.interval) for one in changes)
    return name, counted, *cells


def _change(mean: float, interval: tuple[float, float]) -> str:
    return f"{figures.signed(mean)}\n{figures.signed_interval(interval)}"
