"""The page of everything: what was measured here, and what others reported, in the same tables and never mixed up."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import PLACES, SCALE, ArmView, view
from selftune.app.reporting.files import files_section, gather_files
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_forest
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Said, Section, Table, heat
from selftune.app.reporting.published import MEASURED
from selftune.app.reporting.published.sections import progression_rows, published_sections
from selftune.app.reporting.study import study_generations, study_section
from selftune.app.reporting.trends import tell_trend
from selftune.records import Arm, Build, Dataset, Decision, Evaluation, JudgementStatus, Release, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.files import LyingFile
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.app.reporting.published import Published
    from selftune.app.reporting.study import GenerationStudy
    from selftune.app.reporting.suites import KnownSuites
    from selftune.loop.project import Project

_PROGRESSION: Final = (
    "run", "method", "score", "interval", "n", "critical failures", "basis", "date", "base", "asked or learnt", "note",
)  # fmt: skip
_OUTCOMES: Final = {"promote": "good", "reject": "bad", "invalid": "bad"}
BY_CODE: Final = "by code"
BY_JUDGE: Final = "by a judge"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One evaluation of the project, and the build that it is of; its answers are summed up and let go.

    Attributes:
        id: Of the evaluation.
        build: None where it was evaluated and not kept, as a control that is nothing but a prompt.
    """

    id: str
    arm: ArmView
    build: Build | None
    kept_at: str

    @property
    def method(self) -> str:
        """Who scored it."""
        return BY_JUDGE if self.arm.evaluation.scorer_lineage else BY_CODE


@dataclass(frozen=True, kw_only=True)
class Everything:
    """What a project holds, oldest first; nothing where there is no project."""

    measured: tuple[Measured, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    releases: tuple[Release, ...] = ()
    runs: tuple[tuple[str, Run], ...] = ()
    datasets: tuple[Dataset, ...] = ()
    judges: tuple[tuple[str, int, int, float], ...] = ()
    studied: tuple[GenerationStudy, ...] = ()
    files: tuple[LyingFile, ...] = ()
    last_updated: str = ""


def gather_everything(project: Project, suites: KnownSuites) -> Everything:
    """Read what the page is made of; outcomes are summed up one evaluation at a time."""
    store = project.store
    releases = tuple(release for _, release in store.each(Release))
    versions = {release.build_id: release.version for release in reversed(releases)}
    builds = {build.id: build for _, build in store.each(Build)}
    measured = tuple(
        Measured(
            id=one.id,
            arm=_summed_up(view(versions.get(one.build_id, f"build {one.build_id[6:14]}"), one, suites.unit_of(one))),
            build=builds.get(one.build_id),
            kept_at=store.saved_at(one.id),
        )
        for _, one in store.each(Evaluation)
    )
    decisions = tuple((store.saved_at(one.id), one) for _, one in store.each(Decision))
    runs = tuple((store.saved_at(one.id), one) for _, one in store.each(Run))
    return Everything(
        measured=measured,
        decisions=decisions,
        releases=releases,
        runs=runs,
        datasets=tuple(one for _, one in store.each(Dataset)),
        judges=_judges(project),
        studied=study_generations(project, releases),
        files=gather_files(project, versions),
        last_updated=max((at for at, _ in (*decisions, *runs)), default=""),
    )


def _summed_up(arm: ArmView) -> ArmView:
    """The arm without its answers: there may be more evaluations than fit in memory."""
    return replace(arm, evaluation=replace(arm.evaluation, outcomes=()), units=())


def _judges(project: Project) -> tuple[tuple[str, int, int, float], ...]:
    """Each judge and rubric with its verdicts, those without a score, and what they cost."""
    counts, unscored, cost = Counter[str](), Counter[str](), defaultdict[str, float](float)
    for verdict in project.store.verdicts():
        name = f"{verdict.judge.name} {verdict.judge.version}, rubric {verdict.rubric_digest[7:15]}"
        counts[name] += 1
        unscored[name] += verdict.status is not JudgementStatus.SCORED
        cost[name] += verdict.cost_usd
    return tuple((name, count, unscored[name], cost[name]) for name, count in counts.items())


def overview_page(found: Everything, published: Sequence[Published], title: str) -> Page:
    """The whole page."""
    return Page(
        title=title,
        lead=tuple(_lead(found, published)),
        sections=(
            Section(title="Progression", parts=tuple(_progression(found, published))),
            *_own_sections(found),
            *(section for page in published for section in published_sections(page)),
        ),
        foot="Last updated: " + "; ".join(_dates(found, published)) + ". Whatever is measured is reckoned from records "
        "when this page is made.",
        again="--all",
    )


def _dates(found: Everything, published: Sequence[Published]) -> Iterator[str]:
    yield f"measured {found.last_updated or 'nothing yet'}"
    yield from (f"{page.name} {page.last_updated or 'undated'}, as reported" for page in published)


def _lead(found: Everything, published: Sequence[Published]) -> Iterator[str]:
    outcomes = Counter(decision.outcome.value for _, decision in found.decisions)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"
    evaluations = figures.counted(len(found.measured), "evaluation")
    yield f"Measured here: {evaluations}; {figures.counted(len(found.decisions), 'decision')} ({told})."
    if published:
        names = "; ".join(f"{page.name}, {page.source}" for page in published)
        yield f"Reported by others, with no items to reckon again: {names}."
    yield "Scores of different suites, scales or methods stand in one table and prove nothing of each other."


def _progression(found: Everything, published: Sequence[Published]) -> Iterator[Part]:
    rows = [*map(_measured_row, found.measured), *(row for page in published for row in progression_rows(page))]
    yield Table(
        caption="Every evaluation: what was measured here, then what others reported",
        head=_PROGRESSION,
        rows=tuple(rows),
    )
    yield from _generations(found)


def _measured_row(one: Measured) -> Row:
    overall, worst = one.arm.summary.overall, one.arm.summary.lowest
    return (
        one.arm.name, one.method, Cell(text=figures.number(overall.value, PLACES), tint=heat(overall.value, SCALE)),
        figures.interval(overall.interval, PLACES) or figures.NOTHING, str(overall.n),
        str(one.arm.summary.critical_failures), MEASURED, one.kept_at[:10],
        one.build.base_digest[7:15] if one.build else figures.NOTHING,
        f"suite {one.arm.evaluation.suite}, {_form(one.build)}",
        f"lowest in {worst[0]}: {figures.number(worst[1].value, PLACES)}" if worst else figures.NOTHING,
    )  # fmt: skip


def _form(build: Build | None) -> str:
    return "build not kept" if build is None else f"{build.form.value} {build.quantisation}"


def _generations(found: Everything) -> Iterator[Part]:
    """The mean of each generation that served, in the evaluation that decided about it."""
    measured = {one.id: one.arm for one in found.measured}
    served = [
        (release, arm, mean)
        for release in found.releases
        if (arm := measured.get(_deciding(release, found))) is not None
        and arm.evaluation.build_id == release.build_id
        and (mean := arm.summary.overall.value) is not None
    ]
    spans = [
        Span(
            label=f"{release.version}, generation {release.generation}",
            value=mean,
            interval=arm.summary.overall.interval,
            n=arm.summary.overall.n,
        )
        for release, arm, mean in served
    ]
    if spans:
        told = "; ".join(f"{one.label} {figures.mean(one.value, one.interval, PLACES)}" for one in spans)
        drawn = draw_forest("Mean score of each generation", spans, zero=None, places=PLACES)
        yield Drawing(svg=drawn, alt=f"Mean score of each generation that served: {told}.")
        newest = served[-1][1].evaluation
        alike = [mean for _, arm, mean in served if arm.evaluation.suite_digest == newest.suite_digest]
        yield Said(text=tell_trend(alike, newest.suite))


def _deciding(release: Release, found: Everything) -> str:
    """The evaluation in which a release was promoted; of the base that of the first champion, of a rollback none."""
    made = dict(next((one.arms for _, one in found.decisions if one.id == release.decision_id), ()))
    first = dict(found.decisions[0][1].arms) if found.decisions and release.replaced is None else {}
    return made.get(Arm.CANDIDATE) or first.get(Arm.CHAMPION, "")


def _own_sections(found: Everything) -> Iterator[Section]:
    if not found.measured:
        return
    yield study_section(found.studied)
    yield Section(title="Categories and difficulty, measured", parts=tuple(_parts(found)))
    yield Section(title="Decisions", parts=(_decisions(found),))
    yield Section(title="Configurations, measured", parts=(_runs(found),))
    yield Section(title="Datasets, measured", parts=(_datasets(found),))
    yield Section(title="Judges, measured", parts=(_judge_table(found),))
    yield Section(title="Costs, measured", parts=tuple(_costs(found)))
    yield files_section(found.files)


def _parts(found: Everything) -> Iterator[Part]:
    """One table for each suite and each way to cut it: what was asked differently does not share one."""
    suites = dict.fromkeys((one.arm.evaluation.suite, one.arm.evaluation.suite_digest) for one in found.measured)
    for name, digest in suites:
        asked = [one for one in found.measured if one.arm.evaluation.suite_digest == digest]
        for what in ("category", "difficulty", "agent"):
            means = [dict(getattr(one.arm.summary, f"by_{what}")) for one in asked]
            places = sorted({place for one in means for place in one})
            if not places:
                continue
            rows: tuple[Row, ...] = tuple(
                (
                    one.arm.name,
                    *(
                        Cell(text=figures.number(value, PLACES), tint=heat(value, SCALE))
                        for place in places
                        for value in (mean[place].value if place in mean else None,)
                    ),
                    str(one.arm.summary.overall.n),
                    str(one.arm.summary.critical_failures),
                )
                for one, mean in zip(asked, means, strict=True)
            )
            caption = f"Means by {what} on {name} {digest[7:15]}, {MEASURED}"
            yield Table(caption=caption, head=("build", *places, "n", "critical failures"), rows=rows)


def _decisions(found: Everything) -> Table:
    rows = tuple(
        (
            at[:10],
            Cell(text=one.outcome.value, tint=_OUTCOMES.get(one.outcome, "unsure")),
            figures.signed(one.difference, PLACES),
            figures.signed_interval(one.interval, PLACES) or figures.NOTHING,
            str(one.n),
            one.reason,
            one.id[:24],
        )
        for at, one in found.decisions
    )
    head = ("date", "outcome", "difference", "interval", "n", "reason", "record")
    return Table(caption="Every decision, whatever it said", head=head, rows=rows)


def _runs(found: Everything) -> Table:
    rows = tuple(
        (
            one.id[4:12], at[:10], one.recipe, one.objective, one.backend, one.base_digest[7:15], str(one.examples),
            f"{one.steps} of {one.planned_steps}", figures.number(one.passes, 1), str(one.seed), one.status.value,
        )
        for at, one in found.runs
    )  # fmt: skip
    head = ("run", "date", "recipe", "objective", "back-end", "base", "examples", "steps", "passes", "seed", "status")
    return Table(caption="Every run, failed ones too", head=head, rows=rows)


def _datasets(found: Everything) -> Table:
    rows = tuple(
        (
            one.id[8:16],
            one.kind.value,
            str(len(one.train)),
            str(len(one.holdout)),
            str(len(one.rejects)),
            "not counted" if one.tokens is None else f"{one.tokens:,}",
            ", ".join(f"{share:.0%} {name}" for name, share in one.mixture),
        )
        for one in found.datasets
    )
    head = ("dataset", "kind", "lessons", "held out", "rejected", "tokens", "mixture")
    return Table(caption="Every dataset", head=head, rows=rows)


def _judge_table(found: Everything) -> Table:
    rows = tuple(
        (name, str(count), str(unscored), figures.dollars(cost)) for name, count, unscored, cost in found.judges
    )
    head = ("judge", "verdicts", "without a score", "cost")
    return Table(caption="Who judged the log, in the order of their first verdicts", head=head, rows=rows)


def _costs(found: Everything) -> Iterator[Part]:
    judging = sum(cost for *_, cost in found.judges)
    training = sum(run.cost_usd for _, run in found.runs)
    evaluating = sum(one.arm.evaluation.cost_usd for one in found.measured)
    times = (
        sum(run.wall_seconds for _, run in found.runs),
        sum(one.arm.evaluation.wall_seconds for one in found.measured),
    )
    rows: tuple[Row, ...] = (
        ("judging the log", figures.NOTHING, figures.dollars(judging)),
        ("training", figures.seconds(times[0]), figures.dollars(training)),
        ("evaluating", figures.seconds(times[1]), figures.dollars(evaluating)),
        ("together", figures.seconds(sum(times)), figures.dollars(judging + training + evaluating)),
    )
    yield Table(caption="Time and money on record", head=("what", "time", "cost"), rows=rows)
