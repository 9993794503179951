"""The compliance report: what is on record about a subject, what speaks against it first, all words as they were said.

It judges nothing: whether something is ready is for `selftune readiness` and the gate. It leaves nothing out either:
`--diff-raw` holds any copy or summary of it against the same records.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.audits import audit_sections, coverage_in_words
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Page, Said, Section, Table
from selftune.app.reporting.sayings import doubts_told, facts_told, said_by
from selftune.gate.statistics.shares import clopper_pearson
from selftune.governance.alarms.base import Verdict
from selftune.records import CheckStatus, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.reporting.dossiers import Dossier
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.governance.registry.entries import End, Entry
    from selftune.records import Check, Decision, Statement

_ID: Final = 24
_PLACES: Final = 3
_LEVEL: Final = 0.95
_TINTS: Final = {CheckStatus.FAIL: "bad", Verdict.HOLD: "bad"}
_SIGNING: Final = frozenset(
    {
        StatementKind.APPROVAL,
        StatementKind.REFUSAL,
        StatementKind.SIGN_OFF,
        StatementKind.REVOCATION,
        StatementKind.AMENDMENT,
    }
)


def compliance_page(found: Dossier) -> Page:
    """The whole page."""
    return Page(
        title=f"Compliance report on {found.name}",
        outcome=f"{figures.counted(_count_against(found), 'finding')} against it",
        lead=tuple(_lead(found)),
        sections=tuple(compliance_sections(found)),
        foot=f"About {found.subject.id}. Read from the records when this page is made; it judges nothing.",
        again=f"compliance {found.subject.id}",
    )


def compliance_sections(found: Dossier) -> Iterator[Section]:
    """Everything below the lead."""
    yield Section(title="What speaks against it", parts=(_summary(found),))
    yield Section(title="Doubts, word for word", parts=tuple(doubt_parts(found)))
    yield Section(title="Checks that were not passed", parts=tuple(check_parts(found)))
    yield Section(title="What the alarms saw", parts=tuple(_alarms(found)))
    yield Section(title="Who approved, refused and signed", parts=tuple(_signatures(found)))
    yield Section(title="Audits", parts=tuple(_audits(found)))
    for view in found.audits:
        for one in audit_sections(view):
            yield Section(title=f"Audit by {view.audit.auditor}: {one.title}", parts=one.parts, folded=one.folded)
    yield Section(title="Remarks, word for word", parts=tuple(_remarks(found)))
    yield Section(title="Models and how they ended", parts=tuple(model_parts(found)))
    yield Section(title="What the archive holds", parts=tuple(programme_parts(found)))
    yield Section(title="What no record here says", parts=tuple(_unknown(found)))


def doubt_parts(found: Dossier) -> Iterator[Part]:
    """Every doubt with its answers and with what was to end it, open ones first; none is shortened."""
    if not found.doubts:
        yield Said(text="Nobody put a doubt on record.")
    yield from doubts_told(found.doubts)


def check_parts(found: Dossier) -> Iterator[Part]:
    """Every check of its decisions that failed, was not shown or not measured."""
    if not found.decisions:
        yield Said(text="No decision of the gate is on record.")
        return
    outcomes = Counter(one.outcome.value for one in found.decisions)
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    yield Said(text=f"{figures.counted(len(found.decisions), 'decision')}: {told}.")
    if not found.against:
        yield Said(text="Every check of every decision was passed.")
        return
    head = ("check", "decision", "status", "measured", "threshold", "interval", "n", "detail")
    yield Table(caption="Checks that were not passed", head=head, rows=tuple(_check_row(*one) for one in found.against))


def model_parts(found: Dossier) -> Iterator[Part]:
    """Names, parents and ends of the models that it is of."""
    for name, lineage in found.lineages:
        if lineage is None:
            yield Said(text=f"{name}: nobody entered it, and its lineage is not known.")
        elif lineage.open:
            yield Said(text=f"{name}: nobody recorded what {', '.join(one[:_ID] for one in lineage.open)} was made of.")
    if not found.entries:
        yield Said(text="The registry has no entry of it.")
        return
    head = ("model", "was called", "made of", "what became of it", "its end lacks", "entry")
    yield Table(caption="Of the same lineage or programme", head=head, rows=tuple(map(_model_row, found.entries)))
    yield from (said_by(one) for one in _of(found, {StatementKind.NAMING}) if one.text)
    for one in found.entries:
        if one.end is not None:
            yield said_by(one.end.retirement, f"the end of {one.name}{lacking(one.end)}")


def lacking(end: End) -> str:
    """What the record of a model's end lacks, in words; nothing where it is full."""
    return f", abbreviated: it lacks {', '.join(end.lacks)}" if end.lacks else ""


def _model_row(one: Entry) -> Row:
    lacks = () if one.end is None else one.end.lacks
    return (
        one.name,
        ", ".join(one.names[:-1]) or figures.NOTHING,
        ", ".join(parent[:_ID] for parent in one.model.parents) or "not on record",
        one.disposition,
        Cell(text=", ".join(lacks) or figures.NOTHING, tint="bad" if lacks else ""),
        one.model.id[:_ID],
    )


def programme_parts(found: Dossier) -> Iterator[Part]:
    """How many sessions are archived of each programme, and how many of them are flagged."""
    if not found.programmes:
        yield Said(text="No archived programme belongs to it.")
    for one, flagged in found.programmes:
        low, high = clopper_pearson(flagged, one.sessions, _LEVEL)
        yield Said(
            text=f"{one.name}: {one.sessions:,} sessions, {one.first:,} to {one.last:,}, from "
            f"{one.began_at or 'no time on record'} to {one.ended_at or 'no time on record'}; {flagged:,} flagged, "
            f"{flagged / one.sessions:.1%} [{low:.1%}, {high:.1%}]."
        )


# --- The pieces -------------------------------------------------------------------------------------------------------


def _count_against(found: Dossier) -> int:
    return sum(count for _, count in _against(found))


def _against(found: Dossier) -> Iterator[tuple[str, int]]:
    stand = [one for one in found.doubts if one.stands]
    yield "open doubts that block", sum(one.blocks for one in stand)
    yield "other open doubts", sum(not one.blocks for one in stand)
    yield "endings of doubts that do not count", sum(len(one.refused) for one in found.doubts)
    statuses = Counter(check.status for _, check in found.against)
    yield "checks that failed", statuses[CheckStatus.FAIL]
    yield "checks that were not measured, or showed nothing", statuses.total() - statuses[CheckStatus.FAIL]
    verdicts = Counter(look.verdict for _, look in found.suspicions)
    yield "alarms that hold", verdicts[Verdict.HOLD]
    yield "alarms that advise", verdicts[Verdict.ADVISE]
    yield "refusals", sum(one.kind is StatementKind.REFUSAL for one in found.said)
    yield "remarks that broke off", sum(one.unfinished for one in found.words)
    yield "ends of models with parts missing", len(found.abbreviated)
    yield "models whose lineage is not known", sum(one is None or bool(one.open) for _, one in found.lineages)
    yield "audits over records that nobody read", sum(not one.whole for one in found.audits)


def _summary(found: Dossier) -> Table:
    rows = tuple((name, Cell(text=str(count), tint="bad" if count else "")) for name, count in _against(found))
    return Table(caption="By kind; what it is stands below, each by itself", head=("what", "how many"), rows=rows)


def _lead(found: Dossier) -> Iterator[str]:
    stand = [one.statement for one in found.doubts if one.stands]
    counted = figures.counted(len(stand), "open doubt")
    yield f"{counted}: {'; '.join(one.text for one in stand)}" if stand else "No open doubt."
    if not found.audits:
        yield "Nobody audited it."
    yield from (f"Audit by {one.audit.auditor}: {one.state.value}; {coverage_in_words(one)}." for one in found.audits)


def _check_row(decision: Decision, check: Check) -> Row:
    return (
        check.name,
        decision.id[:_ID],
        Cell(text=check.status.value.replace("_", " "), tint=_TINTS.get(check.status, "unsure")),
        figures.number(check.measured, _PLACES),
        figures.number(check.threshold, _PLACES),
        figures.interval(check.interval, _PLACES) or figures.NOTHING,
        figures.NOTHING if check.n is None else str(check.n),
        check.detail,
    )


def _alarms(found: Dossier) -> Iterator[Part]:
    if not found.looks:
        yield Said(text="The alarms had no programme of it to look at. Of releases: selftune alarms")
        return
    looked = sum(len(one.looks) for one in found.looks)
    yield Said(text=f"{figures.counted(looked, 'look')}, {len(found.suspicions)} of them not quiet.")
    if found.suspicions:
        rows = tuple(
            (look.about, f"{look.alarm.value}, {subject}", Cell(text=look.verdict.value, tint=_tint(look.verdict)),
             look.told, str(look.n))
            for subject, look in found.suspicions
        )  # fmt: skip
        head = ("series", "alarm", "verdict", "what was found", "values")
        yield Table(caption="What was found suspicious", head=head, rows=rows)


def _tint(verdict: Verdict) -> str:
    return _TINTS.get(verdict, "unsure")


def _signatures(found: Dossier) -> Iterator[Part]:
    said = _of(found, _SIGNING)
    if not said:
        yield Said(text="Nobody approved, refused or signed it.")
    for one in said:
        key = "signed with a person's key" if one.key_signature else "no person's key has signed it"
        facts = f", {figures.counted(len(one.facts), 'fact')} with a query" if one.facts else ", no fact with a query"
        role = f"as {one.role}, " if one.role else ""
        yield said_by(one, f"{role}{key}{facts}")
        yield from facts_told(one)


def _audits(found: Dossier) -> Iterator[Part]:
    if not found.audits:
        yield Said(text="Nobody audited it: selftune audit start")
    for one in found.audits:
        yield Said(text=f"{one.audit.id[:_ID]} by {one.audit.auditor}: {one.state.value}; {coverage_in_words(one)}.")


def _remarks(found: Dossier) -> Iterator[Part]:
    """All words that stand nowhere else on the page."""
    told = {one.id for doubt in found.doubts for one in (doubt.statement, *doubt.answers)}
    told |= {one.id for doubt in found.doubts for one, _ in doubt.refused}
    told |= {doubt.settled_by.id for doubt in found.doubts if doubt.settled_by is not None}
    elsewhere = _SIGNING | {StatementKind.NAMING, StatementKind.RETIREMENT}
    left = [one for one in found.words if one.id not in told and one.kind not in elsewhere and one.text.strip()]
    if not left:
        yield Said(text="Nothing else was said.")
    superseded = {one.supersedes for one in found.said}
    for one in left:
        later = "another one took its place" if one.id in superseded else ""
        yield said_by(one, later)


def _unknown(found: Dossier) -> Iterator[Part]:
    if found.subject.models:
        yield Said(text=f"It is the work of {', '.join(one[:_ID] for one in found.subject.models)}.")
    else:
        yield Said(text="Nothing says which model's work this is.")
    yield Said(
        text="What was never put on record stands on no page. Whether the records are whole says "
        "`selftune ledger verify`; whether words were left out of a copy says --diff-raw."
    )


def _of(found: Dossier, kinds: frozenset[StatementKind] | set[StatementKind]) -> list[Statement]:
    return [one for one in found.said if one.kind in kinds]
