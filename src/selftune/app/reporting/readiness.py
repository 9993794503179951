"""The readiness page: every reason against, every doubt word for word, and the history beside each check (E4, E5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.doubts_page import as_data
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Page, Said, Section, Table, Transcript
from selftune.app.reporting.post_training import phase_parts
from selftune.governance.alarms.base import Verdict
from selftune.governance.signing.claims import unlinked_figures
from selftune.governance.signing.reasons import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.readiness import CheckHistory, Readiness
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.governance.alarms.base import Look
    from selftune.governance.doubts import Doubt
    from selftune.records import Statement

_ID: Final = 24
_WORDS: Final = {Weight.INVALID: "does not verify", Weight.AGAINST: "spoken against", Weight.WAITING: "waiting"}
_TINTS: Final = {Weight.INVALID: "bad", Weight.AGAINST: "bad", Weight.WAITING: "unsure"}


def readiness_page(readiness: Readiness, *, signed_later: bool = False) -> Page:
    """The page as things stand now; the one that goes into a bundle is made before anybody signs it."""
    return Page(
        title=f"Readiness of {readiness.subject.name}",
        outcome=outcome_of(readiness),
        lead=tuple(_lead(readiness)),
        sections=tuple(_sections(readiness, with_signatures=not signed_later)),
        foot=f"About {readiness.subject.id}. Worked out now from what is on record."
        f"{' Signatures come after it.' if signed_later else ''}",
    )


def outcome_of(readiness: Readiness) -> str:
    """The one word: what the gravest reason asks for."""
    weights = [finding.weight for finding in readiness.findings]
    gravest = next((weight for weight in (Weight.INVALID, Weight.AGAINST, Weight.WAITING) if weight in weights), None)
    return "ready" if gravest is None else _WORDS[gravest]


def _lead(readiness: Readiness) -> Iterator[str]:
    found = readiness.findings
    yield (
        f"{figures.counted(len(found), 'reason')}: {', '.join(dict.fromkeys(one.reason.value for one in found))}."
        if found
        else "Nothing that was looked at speaks against it, and nothing is missing."
    )
    stand = [doubt.statement.text for doubt in readiness.doubts if doubt.stands]
    yield f"{figures.counted(len(stand), 'open concern')}: {'; '.join(stand)}" if stand else "No open concern."
    charter = readiness.signatures.chain.charter
    signed = [one.role for one in readiness.signatures.chain.counted]
    if charter.chain:
        wanted = ", ".join(link.role for link in charter.chain)
        yield f"Charter {charter.name} ({charter.digest}): {wanted}; signed by {', '.join(signed) or 'nobody'}."


def _sections(readiness: Readiness, *, with_signatures: bool) -> Iterator[Section]:
    if readiness.findings:
        yield Section(title="Reasons", parts=(_reasons(readiness),))
    yield Section(title="Concerns", parts=tuple(concern_parts(readiness)))
    if readiness.checks:
        yield Section(title="Checks and their history", parts=(_checks(readiness.checks),))
    yield Section(title="Alarms", parts=tuple(_alarms(readiness)))
    if readiness.phases is not None:
        yield Section(title="All phases", parts=phase_parts(readiness.phases))
    if readiness.assessed:
        yield Section(title="What was said to bear it out", parts=tuple(map(assessed_by, readiness.assessed)))
    if with_signatures and readiness.signatures.chain.charter.chain:
        yield Section(title="Signatures", parts=signature_parts(readiness))


def _reasons(readiness: Readiness) -> Table:
    rows: tuple[Row, ...] = tuple(
        (
            one.reason.value,
            Cell(text=_WORDS[one.weight], tint=_TINTS[one.weight]),
            one.told,
            one.about[:_ID] or "-",
        )
        for one in readiness.findings
    )
    return Table(caption="Why it is not ready", head=("reason", "asks for", "what was found", "about"), rows=rows)


def concern_parts(readiness: Readiness) -> Iterator[Part]:
    """Every doubt about it, word for word; that one was closed is no review of what it was about."""
    if not readiness.doubts:
        yield Said(text="Nobody has a concern about it or anything it rests on.")
    yield from map(_doubt, readiness.doubts)


def _doubt(doubt: Doubt) -> Transcript:
    said = doubt.statement
    marks = [
        doubt.state.value,
        *([f"gravity {said.gravity.value}"] if said.gravity is not None else []),
        *(["it broke off there"] if said.unfinished else []),
        *([f"settled by {doubt.settled_by.author}: {doubt.settled_by.text}"] if doubt.settled_by is not None else []),
        *(f"not ended by {one.author}: {why}" for one, why in doubt.refused),
    ]
    return Transcript(
        name=f"{said.kind.value} {said.id[:_ID]} by {said.author}",
        note=f"{said.said_at}, about {said.subject[:_ID]}; {'; '.join(marks)}",
        asked=((said.author, said.text), *((one.author, one.text) for one in doubt.answers)),
        answers=(),
    )


def _checks(checks: tuple[CheckHistory, ...]) -> Table:
    rows: tuple[Row, ...] = tuple(
        (
            one.name,
            one.now.value,
            ", ".join(f"{count} {status}" for status, count in one.before) or "never asked before",
            str(one.near),
            one.detail,
        )
        for one in checks
    )
    head = ("check", "now", "in the decisions before", "nearer passes before", "detail")
    return Table(caption="Each check with how it came out before", head=head, rows=rows)


def _alarms(readiness: Readiness) -> Iterator[Part]:
    if readiness.sessions:
        yield Said(
            text=f"{readiness.retried:,} of {readiness.sessions:,} sessions were tried again until they were kept."
        )
    if not readiness.looks:
        yield Said(text="There is nothing yet that an alarm could look at.")
        return
    rows: tuple[Row, ...] = tuple(_look_row(look) for look in readiness.looks)
    head = ("alarm", "looked at", "verdict", "what was found", "n")
    yield Table(caption="Every look for success that is suspicious, the quiet ones too", head=head, rows=rows)


def _look_row(look: Look) -> Row:
    tint = {Verdict.HOLD: "bad", Verdict.ADVISE: "unsure"}.get(look.verdict, "")
    return look.alarm.value, look.about, Cell(text=look.verdict.value, tint=tint), look.told, str(look.n)


def assessed_by(said: Statement) -> Transcript:
    """Words that bear something out, with each fact behind them, and the figures that have none."""
    unlinked = unlinked_figures(said)
    told = [
        *(f"{fact.query}{_arguments(fact.arguments)} = {fact.value} (n = {fact.n})" for fact in said.facts),
        *([f"not linked to any query: {', '.join(unlinked)}"] if unlinked else []),
    ]
    model = " (a model)" if said.author_is_model else ""
    role = f" as {said.role}" if said.role else ""
    return Transcript(
        name=f"{said.kind.value} {said.id[:_ID]} by {said.author}{model}{role}",
        note=f"{said.said_at}; {'; '.join(told) or 'no fact is linked'}",
        asked=((said.author, said.text),),
        answers=(),
    )


def _arguments(arguments: tuple[tuple[str, str], ...]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in arguments)})"


def signature_parts(readiness: Readiness) -> tuple[Part, ...]:
    """Who has signed, who is still to sign, and every signature that does not count."""
    chain = readiness.signatures.chain
    counted = {one.role: one.statement for one in chain.counted}
    rows: list[Row] = []
    for link in chain.charter.chain:
        said = counted.get(link.role)
        waits = Cell(text="not signed", tint="unsure")
        rows.append(
            (link.role, waits, "-", "-") if said is None else (link.role, said.author, said.said_at, said.id[:_ID])
        )
    bundle = "no bundle yet" if chain.bundle is None else chain.bundle.id
    told: list[Part] = [
        Table(caption=f"Over {bundle}", head=("role", "by", "at", "statement"), rows=tuple(rows)),
    ]
    if chain.refused:
        refused: tuple[Row, ...] = tuple(
            (said.role or "-", said.author, finding.reason.value, finding.told, said.id[:_ID])
            for said, finding in chain.refused
        )
        head = ("role", "by", "reason", "why", "statement")
        told.append(Table(caption="Signatures that do not count", head=head, rows=refused))
    return tuple(told)


def readiness_as_data(readiness: Readiness) -> dict[str, Any]:
    """The same for a program."""
    chain = readiness.signatures.chain
    counted = {one.role: one.statement for one in chain.counted}
    return {
        "subject": readiness.subject.id,
        "name": readiness.subject.name,
        "charter": chain.charter.name,
        "ready": readiness.is_ready,
        "exit_code": int(readiness.exit_code),
        "reasons": [
            {"reason": one.reason.value, "weight": one.weight.value, "told": one.told, "about": one.about}
            for one in readiness.findings
        ],
        "concerns": [as_data(doubt) for doubt in readiness.doubts],
        "bundle": None if chain.bundle is None else chain.bundle.id,
        "bundle_is_current": chain.is_current,
        "chain": [
            {
                "role": link.role,
                "signed_by": counted[link.role].author if link.role in counted else None,
                "statement": counted[link.role].id if link.role in counted else None,
                "at": counted[link.role].said_at if link.role in counted else None,
            }
            for link in chain.charter.chain
        ],
        "looks": readiness.looks,
    }
