"""A proposal to change the codex, from a person or from a deliberation: held against the codex, and put on record."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.codex.changes import changes
from selftune.codex.linting import left_to_fill_in
from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError, IntegrityError, UsageError
from selftune.governance.amendments.bounds import forbidden_changes, told_changes
from selftune.governance.amendments.standing import PROPOSED
from selftune.governance.keys import sign_statement
from selftune.governance.statements import say
from selftune.interactions.door import redact_words
from selftune.ledger.keys import load_machine_key
from selftune.loop.amending.standing import require_adopted, standing_in
from selftune.loop.hearing import hear_project
from selftune.loop.incoming.privacy import door_of
from selftune.records import Amendment, Codex, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.governance.amendments.standing import Edition
    from selftune.loop.opened import Project
    from selftune.records import Refutation, Statement

EVENT: Final = "codex amendment proposed"
REFUSED: Final = "codex amendment refused"
_CODE: Final = "selftune"
_HOURS: Final = 24.0
_MOST_HOURS: Final = 24.0 * 366


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What somebody wants of the codex, before it is held against anything.

    Attributes:
        text: The whole file as it is to be.
        author: Who proposes it: a person, or the model that deliberated.
        against: What speaks against it; a proposal against which nothing speaks was not thought through.
        dialogue: Id of the interaction in which it was deliberated.
    """

    text: str
    author: str
    because: str
    against: tuple[str, ...]
    expected: str
    refutation: Refutation
    author_is_model: bool = False
    evidence: tuple[str, ...] = ()
    dialogue: str | None = None
    deliberated_by: tuple[str, ...] = ()


def propose(project: Project, draft: Draft, sign: Callable[[Statement], Statement]) -> Amendment:
    """Put a proposal on record. One that the codex forbids is kept too, with the refusal; nobody can approve it.

    Args:
        project: Where.
        draft: What is proposed.
        sign: Adds the proposer's own signature where the project asks for one; never asked for what is forbidden.

    Raises:
        UsageError: words are missing, or it changes nothing.
        ConfigError: the text is no sound codex or one that is not written to its end, or [amendment] makes no sense.
        IntegrityError: what is in force can't be told.
    """
    edition = _edition(project)
    before = project.store.record(edition.codex_id, Codex)
    after = parse_codex(draft.text, "the proposed codex")
    refuse_unwritten(after)
    _refuse_thoughtless(draft)
    if before == after:
        raise UsageError(
            "the proposed codex says what the one in force says.", next_step="Change something in it first."
        )
    against = forbidden_changes(before, after)
    amendment = _amendment(project, draft, edition, after, against)
    said = _proposal(project, amendment, sign=None if against else sign)
    refusal = (_refusal(project, amendment),) if against else ()
    event = REFUSED if against else EVENT
    project.store.save([after, amendment, said, *refusal], event=event, detail={"changes": amendment.codex_before})
    return amendment


def cools_until(project: Project, amendment: Amendment) -> str:
    """Until when a proposal cools off: as it says, and never less than [amendment] asks since it was put on record.

    Raises:
        ConfigError: the config names no such times.
    """
    return max(amendment.cools_until, _times(project, project.store.saved_at(amendment.id))[0])


def _needs_two(project: Project, draft: Draft) -> bool:
    """Whether two people must stand behind a change here: as the config says, else in a team.

    In a team only a person's signature over a proposal can say that one suffices, and no model signs.
    """
    wanted, is_team = project.config.amendment.second_person, hear_project(project).roster.is_team
    return is_team if wanted is None else wanted or (is_team and draft.author_is_model)


def refuse_unwritten(codex: Codex) -> None:
    """Return where no place of a codex still waits to be written.

    Raises:
        ConfigError: one does.
    """
    for left in left_to_fill_in(codex):
        raise ConfigError(f"the proposed codex is not written to its end: {left}", next_step="Write that place first.")


def _edition(project: Project) -> Edition:
    """What is in force; a project that never adopted a codex adopts the one it has."""
    if standing_in(project) is None:
        require_adopted(project)
    standing = standing_in(project)
    if standing is None:
        raise IntegrityError(
            "statements speak of a codex, and none of them puts one in force.",
            next_step="Run `selftune ledger verify`, and restore .selftune from a backup.",
        )
    return standing.now


def _amendment(project: Project, draft: Draft, edition: Edition, after: Codex, against: tuple[str, ...]) -> Amendment:
    context, door = project.context(), door_of(project)
    now = context.now()
    cools, lapses = _times(project, now)
    before = project.store.record(edition.codex_id, Codex)
    return Amendment(
        salt=context.draw_salt(),
        author=draft.author,
        author_is_model=draft.author_is_model,
        because=redact_words(draft.because, door),
        against=tuple(redact_words(one, door) for one in draft.against),
        expected=redact_words(draft.expected, door),
        refutation=draft.refutation,
        codex_before=edition.codex_id,
        codex_after=after.id,
        text_before=edition.text,
        text_after=draft.text,
        changes=told_changes(changes(before, after)),
        follows=edition.since,
        proposed_at=now,
        cools_until=cools,
        lapses_at=lapses,
        evidence=draft.evidence,
        dialogue=draft.dialogue,
        deliberated_by=draft.deliberated_by,
        second_person=_needs_two(project, draft),
        forbidden=against,
    )


def _times(project: Project, now: str) -> tuple[str, str]:
    """Until when it cools off, and when it lapses.

    Raises:
        ConfigError: the config names no such times.
    """
    policy = project.config.amendment
    hours, lapses = policy.cooling_hours, policy.lapse_days * _HOURS
    if not all(map(math.isfinite, (hours, lapses))) or not 0 <= hours < lapses <= _MOST_HOURS:
        raise ConfigError(
            "[amendment]: cooling_hours must be 0 or more and less than lapse_days, which may be up to a year.",
            next_step="Correct it in selftune.toml.",
        )
    moment = datetime.fromisoformat(now)
    return tuple((moment + timedelta(hours=one)).isoformat(timespec="seconds") for one in (hours, lapses))  # type: ignore[return-value] # two in, two out


def _proposal(project: Project, amendment: Amendment, sign: Callable[[Statement], Statement] | None) -> Statement:
    said = say(
        StatementKind.AMENDMENT,
        amendment.id,
        amendment.author,
        amendment.because,
        project.context(),
        door_of(project),
        author_is_model=amendment.author_is_model,
    )
    placed = replace(said, category=PROPOSED, links=(amendment.follows,), evidence=amendment.evidence)
    signed = placed if sign is None or amendment.author_is_model else sign(placed)
    return sign_statement(signed, load_machine_key(project.hidden / "keys"))


def _refusal(project: Project, amendment: Amendment) -> Statement:
    """The codex's own no, in words."""
    words = f"The codex in force does not let itself be changed so: {'; '.join(amendment.forbidden)}."
    said = say(
        StatementKind.REFUSAL, amendment.id, _CODE, words, project.context(), door_of(project), author_is_model=True
    )
    return sign_statement(said, load_machine_key(project.hidden / "keys"))


def _refuse_thoughtless(draft: Draft) -> None:
    """Return where reasons, counter-arguments, an expectation and a test are there.

    Raises:
        UsageError: one is missing.
    """
    refutation = draft.refutation
    wants = {
        "a reason": draft.because.strip(),
        "a counter-argument": all(one.strip() for one in draft.against) and draft.against,
        "what is expected of it": draft.expected.strip(),
        "a test that could show it wrong": 0 <= refutation.at_most < 1 and refutation.at_least_n > 0,
    }
    for what, there in wants.items():
        if not there:
            raise UsageError(
                f"the proposal lacks {what}.",
                next_step="Give --because, --against, --expected and --at-most, a share below 1.",
            )
