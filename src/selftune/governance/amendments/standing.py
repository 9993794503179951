"""Which codex is in force: the adoption, each accepted amendment and each rollback, folded in the ledger's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from selftune.governance.amendments.bounds import forbidden_changes
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import Refusal, Signer, roster_of, signer_of
from selftune.records import StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.governance.people.roster import Roster
    from selftune.records import Amendment, Codex, Statement

    Placed = tuple[int, Statement]

ADOPTED: Final = "adopted"
PROPOSED: Final = "proposed"
APPROVED: Final = "approved"
UNDONE: Final = "rolled back"
CONFIRMED: Final = "confirmed"
"""What a statement of the kind `amendment` says, by its category."""

NOT_SIGNED_HERE: Final = "this machine did not sign it"
_TWO: Final = 2


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A codex in force.

    Attributes:
        codex_id: Its id; `text` is its file, word for word.
        since: Id of the statement that put it in force, or that confirmed it; `place` is where that stands.
        amendment_id: The amendment that made it; empty for the one that was adopted.
        by: Who signed for it; empty for the adoption, which nobody signs.
    """

    codex_id: str
    text: str
    since: str
    place: int
    amendment_id: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is in force and how it came to be.

    Attributes:
        editions: The one in force last, and below it those to which one can roll back.
        accepted: By amendment, the statement that put it in force; `undone` the one that took it back.
        waiting: By amendment, who has signed it so far where one more is wanted.
        refused: What was to change the codex and does not, each with the reason.
    """

    editions: tuple[Edition, ...]
    accepted: Mapping[str, str] = field(default_factory=dict)
    undone: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: tuple[tuple[Statement, str], ...] = ()

    @property
    def now(self) -> Edition:
        """The one in force."""
        return self.editions[-1]


@dataclass(frozen=True, kw_only=True)
class Said:
    """All that decides which codex is in force.

    Attributes:
        statements: Every statement with its place, oldest first.
        amendments: Every proposal by id, with its place.
        codex: The codex of an id; None where it is not kept.
        public_key: The machine's: what it did not sign does not count, and it signs for nobody.
    """

    statements: Sequence[Placed]
    amendments: Mapping[str, tuple[int, Amendment]]
    codex: Callable[[str], Codex | None]
    public_key: str


def standing_of(said: Said) -> Standing | None:
    """What is in force by the record; None before anything was adopted."""
    fold = _Fold(said)
    for place, one in said.statements:
        fold.take(place, one)
    return fold.standing()


def against_approval(said: Said, standing: Standing, approval: Statement, place: int) -> str:
    """Why a statement that would stand at this place does not approve its amendment; empty where it does.

    One more signature may be wanted nevertheless.
    """
    found = said.amendments.get(approval.subject)
    if found is None or found[0] >= place:
        return "there is no such proposal on record before it"
    signer = _signer(said, roster_of(said.statements, public_key=said.public_key), approval, place)
    return signer if isinstance(signer, str) else _against_amendment(said, standing, found[1], approval, place)


class _Fold:
    """The walk over the record, statement by statement."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._roster = roster_of(said.statements, public_key=said.public_key)
        self._editions: list[Edition] = []
        self._signed: dict[str, dict[str, Signer]] = {}
        self._proposers: dict[str, frozenset[str]] = {}
        self._behind: dict[str, set[str]] = {}
        self._accepted: dict[str, str] = {}
        self._undone: dict[str, str] = {}
        self._refused: list[tuple[Statement, str]] = []

    def standing(self) -> Standing | None:
        if not self._editions:
            return None
        waiting = {
            name: tuple(sorted(signer.person.name for signer in signers.values()))
            for name, signers in self._signed.items()
            if name not in self._accepted
        }
        return Standing(
            editions=tuple(self._editions),
            accepted=self._accepted,
            undone=self._undone,
            waiting=waiting,
            refused=tuple(self._refused),
        )

    def take(self, place: int, one: Statement) -> None:
        if one.kind is not StatementKind.AMENDMENT:
            return
        if not statement_is_signed(one, self._said.public_key):
            self._refused.append((one, NOT_SIGNED_HERE))
            return
        taken = {
            ADOPTED: self._adopt,
            PROPOSED: self._propose,
            APPROVED: self._approve,
            UNDONE: self._undo,
            CONFIRMED: self._confirm,
        }
        against = taken[one.category](place, one) if one.category in taken else "it says nothing that is known here"
        if against:
            self._refused.append((one, against))

    def _adopt(self, place: int, one: Statement) -> str:
        if self._editions:
            return "a codex was adopted already, and only a signed amendment changes it"
        self._editions.append(Edition(codex_id=one.subject, text=one.after or "", since=one.id, place=place))
        return ""

    def _propose(self, place: int, one: Statement) -> str:
        # Whoever was ever named as its author is nobody else, so that no second name makes them another person.
        self._proposers[one.subject] = self._proposers.get(one.subject, frozenset()) | self._roster.known_as(one)
        signer = _signer(self._said, self._roster, one, place)
        if isinstance(signer, Signer):
            self._behind.setdefault(one.subject, set()).add(signer.member.ids[0])
        return ""

    def _approve(self, place: int, one: Statement) -> str:
        found = self._said.amendments.get(one.subject)
        if not self._editions or found is None or found[0] >= place:
            return "there is no such proposal on record before it"
        signer = _signer(self._said, self._roster, one, place)
        if isinstance(signer, str):
            return signer
        amendment = found[1]
        against = _against_amendment(self._said, self._so_far(), amendment, one, place)
        if against:
            return against
        signers = self._signed.setdefault(amendment.id, {})
        signers[signer.member.ids[0]] = signer
        if self._is_enough(amendment, place):
            self._accepted[amendment.id] = one.id
            by = tuple(sorted(each.person.name for each in signers.values()))
            self._push(amendment.codex_after, amendment.text_after, one, place, amendment.id, by)
        return ""

    def _undo(self, place: int, one: Statement) -> str:
        signer = _signer(self._said, self._roster, one, place)
        if isinstance(signer, str):
            return signer
        against = _against_rollback(self._editions, one)
        if against:
            return against
        undone, below = self._editions.pop(), self._editions.pop()
        self._undone[undone.amendment_id] = one.id
        self._push(below.codex_id, below.text, one, place, below.amendment_id, (signer.person.name,))
        return ""

    def _confirm(self, place: int, one: Statement) -> str:
        signer = _signer(self._said, self._roster, one, place)
        if isinstance(signer, str):
            return signer
        now = self._editions[-1] if self._editions else None
        if now is None or (one.subject, one.links) != (now.codex_id, (now.since,)):
            return "it confirms another edition than the one in force"
        self._editions.pop()
        self._push(now.codex_id, now.text, one, place, now.amendment_id, (signer.person.name,))
        return ""

    def _push(
        self, codex_id: str, text: str, one: Statement, place: int, amendment_id: str, by: tuple[str, ...]
    ) -> None:
        self._editions.append(
            Edition(codex_id=codex_id, text=text, since=one.id, place=place, amendment_id=amendment_id, by=by)
        )

    def _so_far(self) -> Standing:
        return Standing(editions=tuple(self._editions), accepted=self._accepted, undone=self._undone)

    def _is_enough(self, amendment: Amendment, place: int) -> bool:
        """Whether those who signed until now suffice: in a team somebody other than who proposed it is among them.

        That one suffices in a team, somebody has to have signed: what a proposal says of itself is not enough.
        """
        signers = self._signed[amendment.id]
        proposers = self._proposers.get(amendment.id, frozenset()) | self._roster.named(amendment.author)
        others = [name for name, signer in signers.items() if not signer.member.tokens & proposers]
        is_team, behind = _is_team(self._said, place), self._behind.get(amendment.id, set())
        if is_team and not others:
            return False
        wants_two = amendment.second_person or (is_team and not behind)
        return len(behind | signers.keys()) >= (_TWO if wants_two else 1)


def _signer(said: Said, roster: Roster, one: Statement, place: int) -> Signer | str:
    """The person who signed a statement, or why nobody did."""
    if one.key in said.public_key.split():
        return "it is signed with the machine's own key, which whatever runs here holds"
    signer = signer_of(one, roster, place=place)
    return str(signer) if isinstance(signer, Refusal) else signer


def _against_amendment(said: Said, standing: Standing, amendment: Amendment, approval: Statement, place: int) -> str:
    """Why this proposal can't be approved at this place, whoever does."""
    now = standing.now
    if amendment.id in standing.undone:
        return "it was rolled back; propose it again"
    if (amendment.follows, amendment.codex_before) != (now.since, now.codex_id):
        return "it was written for another edition of the codex than the one in force"
    if _refusal_of(said, amendment, place) is not None:
        return "a person refused it; propose it again"
    against = _against_content(said, amendment) or _against_time(amendment, approval.said_at)
    return against or ("" if _was_put_forward(said, amendment, place) else "no statement on record has put it forward")


def _was_put_forward(said: Said, amendment: Amendment, place: int) -> bool:
    """Whether a proposal came in as one: a record that says the same with a shorter wait has no such statement."""
    return any(
        one.category == PROPOSED and one.subject == amendment.id and statement_is_signed(one, said.public_key)
        for at, one in said.statements
        if at < place and one.kind is StatementKind.AMENDMENT
    )


def _against_content(said: Said, amendment: Amendment) -> str:
    before, after = said.codex(amendment.codex_before), said.codex(amendment.codex_after)
    if before is None or after is None:
        return "the codex that it speaks of is not on record"
    found = forbidden_changes(before, after)
    return f"the codex does not let itself be changed so: {found[0]}" if found else ""


def _against_time(amendment: Amendment, now: str) -> str:
    """Whether it still cools off or has lapsed at a moment; all times are UTC and so compare as text."""
    if now < amendment.cools_until:
        return f"it cools off until {amendment.cools_until}"
    return f"it lapsed at {amendment.lapses_at}" if now >= amendment.lapses_at else ""


def _against_rollback(editions: Sequence[Edition], one: Statement) -> str:
    if len(editions) < _TWO:
        return "there is nothing to roll back"
    if one.subject != editions[-1].amendment_id or one.links != (editions[-1].since,):
        return "it takes back another amendment than the last one in force"
    return ""


def _refusal_of(said: Said, amendment: Amendment, place: int) -> Statement | None:
    """The refusal of a proposal before this place; whether signed or not, for it only adds caution."""
    return next(
        (
            one
            for at, one in said.statements
            if at < place and one.kind is StatementKind.REFUSAL and one.subject == amendment.id
        ),
        None,
    )


def _is_team(said: Said, place: int) -> bool:
    """Whether the roster had several people just before this place."""
    before = [(at, one) for at, one in said.statements if at < place]
    return roster_of(before, public_key=said.public_key).is_team
