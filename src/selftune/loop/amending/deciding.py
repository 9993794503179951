"""A person's word about a proposal to change the codex: a yes, a no, a yes taken back; all of it on record first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError, IntegrityError, UsageError, WaitingForPersonError
from selftune.failpoints import reach
from selftune.governance.amendments.bounds import against_its_words
from selftune.governance.amendments.standing import APPROVED, CONFIRMED, UNDONE, against_approval
from selftune.governance.amendments.states import AmendmentState, state_of
from selftune.governance.statements import refuse, say
from selftune.loop.amending.proposing import cools_until
from selftune.loop.amending.standing import (
    finish_writing,
    has_fallen,
    refuse_fallen,
    said_in,
    set_aside,
    standing_in,
    text_of_file,
    whole_standing,
    write_codex,
)
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Amendment, Codex, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.governance.amendments.standing import Standing
    from selftune.loop.opened import Project
    from selftune.records import Statement

    Sign = Callable[[Statement], Statement]

SIGNED: Final = "codex amendment signed"
TURNED_DOWN: Final = "codex amendment refused"
ROLLED_BACK: Final = "codex rolled back"
RESTORED: Final = "codex restored"
CONFIRMED_AGAIN: Final = "codex confirmed"


@dataclass(frozen=True, kw_only=True)
class Approved:
    """A signature on record.

    Attributes:
        in_force: Whether the codex changed by it; else one more person is wanted.
        aside: Where a text lies now that stood in the file and is on no record; None where there was none.
    """

    statement: Statement
    in_force: bool
    aside: Path | None = None


def refuse_unapprovable(project: Project, amendment: Amendment) -> None:
    """Return where a person could approve this proposal now; asked before anybody types a passphrase.

    Raises:
        WaitingForPersonError: not yet, or never; the message says why.
        IntegrityError: it is not what it says of itself, or the project's file holds a third text, which would be lost.
    """
    now, cools = project.now(), cools_until(project, amendment)
    state = state_of(said_in(project), standing_in(project), amendment, now)
    if state is AmendmentState.COOLING or (state.is_open and now < cools):
        raise WaitingForPersonError(
            f"the proposal cools off until {cools}.",
            next_step="Approve it after that; [amendment] cooling_hours says for how long.",
        )
    if not state.is_open:
        raise WaitingForPersonError(
            f"the proposal can't be approved: it is {state.value}.",
            next_step="Look at it with `selftune codex amendments`, or propose it anew.",
        )
    untrue = against_its_words(project.store.record(amendment.codex_before, Codex), amendment)
    if untrue:
        raise IntegrityError(
            f"the proposal is not what it says of itself: {untrue}.",
            next_step="Refuse it with `selftune codex refuse`, and propose anew what you want.",
        )
    _refuse_third_text(project, amendment)


def approve(project: Project, amendment: Amendment, *, author: str, text: str, sign: Sign) -> Approved:
    """Put a person's signed yes on record; where it is the last one that was wanted, the codex changes.

    Raises:
        WaitingForPersonError: it does not count; the message says why.
        IntegrityError: the project's file holds a third text, which would be lost.
    """
    refuse_unapprovable(project, amendment)
    said = say(StatementKind.AMENDMENT, amendment.id, author, text or "approved", project.context(), door_of(project))
    signed = sign(replace(said, category=APPROVED, links=(amendment.follows,)))
    against = against_approval(said_in(project), _in_force(project), signed, project.store.last_sequence() + 1)
    if against:
        raise WaitingForPersonError(
            f"this approval does not count: {against}.",
            next_step="Look at the roster with `selftune people list`, and at the proposal with "
            "`selftune codex amendments`.",
        )
    kept = put_on_record(project, signed, event=SIGNED)
    reach("amendment-signed")
    standing = _in_force(project)
    aside = finish_writing(project, standing)
    return Approved(statement=kept, in_force=standing.now.amendment_id == amendment.id, aside=aside)


def turn_down(project: Project, amendment: Amendment, *, author: str, text: str, sign: Sign) -> Statement:
    """Put a person's no on record, with the reason; the proposal can't be approved any more.

    Raises:
        UsageError: it is settled already, or no reason is given.
    """
    state = state_of(said_in(project), standing_in(project), amendment, project.now())
    if not state.is_open:
        raise UsageError(
            f"there is nothing to refuse: the proposal is {state.value}.",
            next_step="Take an accepted one back with `selftune codex rollback`.",
        )
    said = refuse(amendment.id, author=author, text=text, context=project.context(), door=door_of(project))
    return put_on_record(project, sign(said), event=TURNED_DOWN)


def roll_back(project: Project, *, author: str, text: str, sign: Sign) -> Standing:
    """Take back the last change, on record and signed, and write the codex of before; its file need not be sound.

    Raises:
        UsageError: nothing was changed since the adoption.
        WaitingForPersonError: the signature does not count.
    """
    before = _in_force(project)
    if not before.now.amendment_id:
        raise UsageError(
            "there is nothing to roll back: no change of the codex is in force.",
            next_step="Put an edited file right with `selftune codex restore`.",
        )
    said = say(
        StatementKind.AMENDMENT,
        before.now.amendment_id,
        author,
        text or "rolled back",
        project.context(),
        door_of(project),
    )
    signed = sign(replace(said, category=UNDONE, links=(before.now.since,)))
    kept = put_on_record(project, signed, event=ROLLED_BACK)
    reach("rollback-signed")
    after = _counted(project, kept, "nothing was rolled back")
    finish_writing(project, after)
    return after


def waits_for_confirmation(project: Project) -> bool:
    """Whether the edition in force is one that nobody has signed for since a key was revoked."""
    standing, written = whole_standing(project)
    return standing is not None and has_fallen(standing, written)


def confirm(project: Project, *, author: str, text: str, sign: Sign) -> Path | None:
    """Put a person's signed word on record that what the record says since a key was revoked is to be in force.

    Returns:
        Where a text lies now that stood in the file and is on no record; None where there was none.

    Raises:
        UsageError: nothing was adopted yet.
        WaitingForPersonError: the signature does not count.
    """
    now = _in_force(project).now
    said = say(StatementKind.AMENDMENT, now.codex_id, author, text or "confirmed", project.context(), door_of(project))
    signed = sign(replace(said, category=CONFIRMED, links=(now.since,)))
    kept = put_on_record(project, signed, event=CONFIRMED_AGAIN)
    return finish_writing(project, _counted(project, kept, "nothing was confirmed"))


def restore(project: Project) -> Path | None:
    """Put the file of the codex in force in its place; returns where what stood there lies now, None where nothing was.

    Nobody signs for it: it brings back what was signed.

    Raises:
        UsageError: nothing was adopted yet.
        IntegrityError: a key was revoked since, and nobody has signed for what would be in force again.
    """
    standing = _in_force(project)
    refuse_fallen(standing, whole_standing(project)[1])
    aside = set_aside(project, {standing.now.text})
    write_codex(project, standing.now.text)
    project.store.note(RESTORED, {"codex": standing.now.codex_id})
    return aside


def _counted(project: Project, kept: Statement, otherwise: str) -> Standing:
    """What a signed statement has put in force.

    Raises:
        WaitingForPersonError: the statement does not count.
    """
    after = _in_force(project)
    if after.now.since != kept.id:
        why = next((reason for one, reason in after.refused if one.id == kept.id), "it does not count")
        raise WaitingForPersonError(f"{otherwise}: {why}.", next_step="Look at the roster with `selftune people list`.")
    return after


def _in_force(project: Project) -> Standing:
    standing = standing_in(project)
    if standing is None:
        raise UsageError("no codex was adopted here yet.", next_step="Adopt the one you have: selftune codex adopt")
    return standing


def _refuse_third_text(project: Project, amendment: Amendment) -> None:
    """Return where the file holds the codex before or after: only these two may be written over."""
    try:
        found = parse_codex(text_of_file(project), "the codex").id
    except ConfigError:
        found = "no sound codex"
    if found not in {amendment.codex_before, amendment.codex_after}:
        raise IntegrityError(
            f"the file of the codex holds neither what is in force nor what is proposed ({found[:22]}).",
            next_step="Put the one in force back with `selftune codex restore`; yours is set aside.",
        )
