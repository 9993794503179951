"""From a name on the command line to the page it means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.auditing import audit_named
from selftune.app.refereeing import Wishes, read_arm
from selftune.app.reporting.answers import sheet_of_evaluation, sheet_of_judged_file
from selftune.app.reporting.audits import page_of_audit
from selftune.app.reporting.cards import card_page
from selftune.app.reporting.changes.find import find_changes
from selftune.app.reporting.changes.sections import changes_page
from selftune.app.reporting.compliance import compliance_page
from selftune.app.reporting.decisions import decision_page, decision_sections, tell_decision
from selftune.app.reporting.deprecation import deprecation_page
from selftune.app.reporting.dossiers import gather_dossier
from selftune.app.reporting.escalations import escalations_page, gather_corrections, gather_escalations
from selftune.app.reporting.evaluations import evaluation_page
from selftune.app.reporting.nights import gather_nights, nights_page
from selftune.app.reporting.overview import Everything, gather_everything, overview_page
from selftune.app.reporting.pages.parts import Said, Section
from selftune.app.reporting.published import load_published
from selftune.app.reporting.raw import left_out
from selftune.app.reporting.runs import run_page
from selftune.app.reporting.scores import PAIRS, TERMS, pairs_section, scores_page
from selftune.app.reporting.sheets import sheets_page
from selftune.app.reporting.spending import gather_spending, spending_page
from selftune.app.reporting.suites import KnownSuites
from selftune.app.reporting.trials import baseline_of, runs_page
from selftune.app.scores.foundry import JudgedAnswers
from selftune.app.scores.ours import sheet_of as scores_of
from selftune.app.tracing import find
from selftune.errors import UnknownNameError, UsageError
from selftune.records import Dataset, Decision, Evaluation, Release, Run, decode_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.app.reporting.answers import AnswerSheet
    from selftune.app.reporting.pages.parts import Page
    from selftune.app.reporting.raw import RawDiff
    from selftune.gate.referee.verdict import Terms
    from selftune.loop.project import Project
    from selftune.records import Record


def page_of(project: Project, names: Sequence[str]) -> Page:
    """The page of a record: a decision, an evaluation, a run or a release; of several evaluations side by side.

    Without a name it is the last decision.

    Raises:
        UsageError: several names are not all evaluations, or a record of this kind has no page.
        UnknownNameError: no record begins like that.
    """
    suites = KnownSuites(project)
    if len(names) > 1:
        evaluations = [(_name(one), one) for one in (_evaluation(project, name) for name in names)]
        return evaluation_page(evaluations, suites, [_pairs_of_evaluations(evaluations)])
    record = _find(project, names[0] if names else "")
    if isinstance(record, Release) and record.decision_id is not None:
        record = project.store.record(record.decision_id, Decision)
    match record:
        case Decision():
            return decision_page(tell_decision(project, record, suites), suites)
        case Evaluation():
            return evaluation_page([(_name(record), record)], suites)
        case Run():
            return _run(project, record, suites)
        case Release():
            raise UsageError(
                f"{record.version} rests on no decision: {record.reason}.",
                next_step="Read what came after it: selftune report --all",
            )
        case _:
            raise UsageError(
                f"a {record.KIND} has no report.",
                next_step=f"Name a decision, an evaluation, a run or a version; or: selftune why {record.id[:24]}",
            )


def _name(evaluation: Evaluation) -> str:
    """What an evaluation is called on a page: the same however it was asked for, or no page could be made again."""
    return f"build {evaluation.build_id[6:14]}, {evaluation.id[11:17]}"


def _find(project: Project, name: str) -> Record:
    try:
        return find(project, name)
    except UnknownNameError:
        if ":" in name:
            raise
        # Without a kind there is nothing near to offer.
        raise UsageError(
            f"{name} is no file, no version and no record.",
            next_step="Name a record by kind and beginning of its id (decision:3f2a), a version (v1.1) or a file.",
        ) from None


def page_of_everything(project: Project | None) -> Page:
    """All that a project measured, beside what others published; without a project the latter alone."""
    found = Everything() if project is None else gather_everything(project, KnownSuites(project))
    name = "Results" if project is None else f"Results of {project.config.project.name}"
    return overview_page(found, load_published(), name)


def page_of_changes(project: Project | None, champion: str, candidate: str) -> Page:
    """What changed from one evaluation or file of answers to another.

    Raises:
        UsageError: a name is no file of answers, and no evaluation of the project.
    """
    sheets = (sheet_of(project, champion), sheet_of(project, candidate))
    kept = not any(Path(name).is_file() for name in (champion, candidate))
    again = " ".join(("changes", *(sheet.identity for sheet in sheets))) if kept else ""
    return replace(changes_page(find_changes(*sheets)), again=again)


def page_of_runs(project: Project, baseline: str | None = None) -> Page:
    """Runs side by side against one of them, the one behind what serves unless it is named.

    Raises:
        UsageError: the baseline is no run.
        UnknownNameError: no record begins like that.
    """
    return runs_page(project, KnownSuites(project), baseline_of(project, baseline))


def page_of_costs(project: Project) -> Page:
    """What each run cost, and the sum so far."""
    return spending_page(gather_spending(project))


def page_of_nights(project: Project) -> Page:
    """All nights and every try, what did not help first."""
    return nights_page(gather_nights(project))


def page_of_escalations(project: Project) -> Page:
    """Who set which rule aside, and what came of it."""
    return escalations_page(gather_escalations(project), gather_corrections(project))


def page_of_audit_named(project: Project, name: str) -> Page:
    """An audit as it stands today; without a name the newest one."""
    return page_of_audit(project, audit_named(project, name))


def page_of_compliance(project: Project, name: str) -> Page:
    """All that is on record about a record, a model, a programme (`programme:NAME`) or the whole `project`."""
    return compliance_page(gather_dossier(project, name))


def what_was_left_out(project: Project, name: str, path: Path) -> RawDiff:
    """What is on record about it and does not stand in a report."""
    return left_out(gather_dossier(project, name), path)


def page_of_card(project: Project, name: str) -> Page:
    """The card of a model.

    Raises:
        UsageError: what is named is no model, no release, no build and no run.
    """
    return card_page(project, gather_dossier(project, name), KnownSuites(project))


def page_made_again(project: Project, arguments: Sequence[str]) -> Page:
    """The page that `selftune report` makes of these arguments, as a page's foot names them."""
    first, *named = arguments or [""]
    if not named and first in _OF_ALL:
        return _OF_ALL[first](project)
    if named and first in _OF_ONE:
        return _OF_ONE[first](project, " ".join(named))
    match arguments:
        case ["runs", *others]:
            return page_of_runs(project, others[-1] if others else None)
        case ["changes", champion, candidate]:
            return page_of_changes(project, champion, candidate)
        case _:
            return page_of(project, arguments)


_OF_ALL: Final[Mapping[str, Callable[[Project], Page]]] = {
    "--all": page_of_everything,
    "costs": page_of_costs,
    "nights": page_of_nights,
    "escalations": page_of_escalations,
    "deprecation": deprecation_page,
}
_OF_ONE: Final[Mapping[str, Callable[[Project, str], Page]]] = {
    "audit": page_of_audit_named,
    "compliance": page_of_compliance,
    "card": page_of_card,
}


def _evaluation(project: Project, name: str) -> Evaluation:
    record = _find(project, name)
    if not isinstance(record, Evaluation):
        raise UsageError(
            f"{name} is a {record.KIND}; only evaluations can stand side by side.", next_step="Name one at a time."
        )
    return record


def _run(project: Project, run: Run, suites: KnownSuites) -> Page:
    decisions = [decision for _, decision in project.store.each(Decision) if decision.run_id == run.id]
    further = tuple(decision_sections(tell_decision(project, decisions[-1], suites), suites)) if decisions else ()
    return run_page(run, project.store.record(run.dataset_id, Dataset), decisions, further)


def page_of_files(names: Sequence[str], terms: Terms = TERMS) -> Page:
    """The page of files of scores (`FILE`, or `FILE#ARM` of one that holds several), with the answers they hold.

    Several stand side by side, every two of them with the referee's verdict. Evaluations of ours alone give the same
    page as by their ids.

    Raises:
        UsageError: a file holds no scores, or two are scored on different scales.
        IntegrityError: the record in a file is damaged.
    """
    paths, several = [Path(name) for name in names], len(names) > 1
    evaluations = [(path.stem, one) for path in paths if path.is_file() and (one := _evaluation_in(path)) is not None]
    if len(evaluations) == len(paths):
        page = evaluation_page(
            evaluations, KnownSuites(), [_pairs_of_evaluations(evaluations, terms)] if several else []
        )
        return replace(page, foot=f"{page.foot} They are of {page.again}.", again="")
    scores = [read_arm(name, "", Wishes()) for name in names]
    if all(sheet.facts.format == JudgedAnswers.name for sheet in scores):
        return sheets_page(
            [sheet_of_judged_file(path) for path in paths], [pairs_section(scores, terms)] if several else []
        )
    return scores_page(scores, terms)


def _pairs_of_evaluations(evaluations: Sequence[tuple[str, Evaluation]], terms: Terms = TERMS) -> Section:
    """Every two evaluations by the referee; where it can't count them, that and why."""
    try:
        return pairs_section([scores_of(evaluation, name) for name, evaluation in evaluations], terms)
    except UsageError as error:
        return Section(title=PAIRS, parts=(Said(text=f"No verdict: {error}"),))


def sheet_of(project: Project | None, name: str) -> AnswerSheet:
    """Answers by the file they stand in, or by the id of an evaluation in the project.

    Raises:
        UsageError: the file holds no answers, or the record is no evaluation.
        IntegrityError: the record in the file is damaged.
    """
    path, called = Path(name), ""
    if path.is_file():
        evaluation, called = _evaluation_in(path), path.stem
        if evaluation is None:
            return sheet_of_judged_file(path)
    elif project is None:
        raise UsageError(
            f"there is no file {name}, and no project here.", next_step="Check the path, or name --project."
        )
    else:
        evaluation = _evaluation(project, name)
    return sheet_of_evaluation(evaluation, called or _name(evaluation), KnownSuites(project).items_of(evaluation))


def _evaluation_in(path: Path) -> Evaluation | None:
    """The evaluation that a file holds; None where it holds something else."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(found, dict) and found.get("record") == Evaluation.KIND
    return decode_record(text, Evaluation) if ours else None
