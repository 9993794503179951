"""The roster: who the people of a project are, by the statements of kind `roster` that count.

Each statement holds one person as JSON; a change names the statement that it follows, so that another name, key or role
is still the same person. The first person enters by their own signature, everybody else by that of a keeper.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.governance.keys import person_has_signed, statement_is_signed
from selftune.records import Statement, StatementKind
from selftune.settings import from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Placed = tuple[int, Statement]

KEEPER: Final = "keeper"
"""The role that may change the roster."""

KEY: Final = "key:"
_TEAM: Final = 2


@dataclass(frozen=True, kw_only=True)
class Person:
    """What the roster says of one person.

    Attributes:
        key: Their public key, 64 hex digits.
        roles: What they may do, as the charter calls it; a model has none.
        reports_to: Name of who is set over them.
        account: Under which name the machine knows them, where that is another one.
        is_model: It is a program. It may be named, and holds no role.
        gone: They have left; what they said before still stands.
    """

    name: str
    key: str
    roles: tuple[str, ...] = ()
    reports_to: str = ""
    account: str = ""
    is_model: bool = False
    gone: bool = False

    @property
    def as_words(self) -> str:
        """The JSON that a statement holds."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person through time; `history` has the place of each change, oldest first, and `ids` its statements."""

    history: tuple[tuple[int, Person], ...]
    ids: tuple[str, ...]

    @property
    def now(self) -> Person:
        """As the roster has them today."""
        return self.history[-1][1]

    def at(self, place: int) -> Person | None:
        """As the roster had them just before this place; None before they came."""
        return next((person for since, person in reversed(self.history) if since < place), None)

    @property
    def tokens(self) -> frozenset[str]:
        """All names, accounts and keys that they ever had."""
        people = [person for _, person in self.history]
        names = {fold(name) for one in people for name in (one.name, one.account) if name}
        return frozenset({*names, *(f"{KEY}{one.key}" for one in people)})


class Refusal(StrEnum):
    """Why a signature is nobody's."""

    UNSIGNED = "no person's key has signed it"
    FORGED = "the signature in it does not fit what it says"
    STRANGER = "its key is nobody's on the roster"
    REVOKED = "its key was revoked"
    OUTDATED = "its key was not, or no longer, that person's when it was said"
    ANOTHER = "it is signed with another person's key than its author's"
    MODEL = "its author is a model"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A person who has signed, as the roster had them then."""

    person: Person
    member: Member


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The people of a project.

    Attributes:
        revoked: From which place on nothing that a key signed counts.
        refused: Statements of the roster that do not count, and why.
        is_team: Whether a second person was ever added; who leaves, or a revoked key, makes nobody the only one again.
    """

    members: tuple[Member, ...] = ()
    revoked: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[tuple[Statement, str], ...] = ()
    is_team: bool = False

    def member(self, name: str) -> Member | None:
        """Who is called so today."""
        return next((one for one in self.members if fold(one.now.name) == fold(name)), None)

    def known_as(self, statement: Statement) -> frozenset[str]:
        """All that the author of a statement is known by: names and keys, through the roster older and newer ones."""
        key = () if statement.key is None else (f"{KEY}{statement.key}",)
        return self._with_others({fold(statement.author), *key})

    def named(self, name: str) -> frozenset[str]:
        """All that somebody of this name is known by."""
        return self._with_others({fold(name)})

    def superiors(self, tokens: frozenset[str]) -> frozenset[str]:
        """All that those are known by who were ever set over who is known so, and over those in turn."""
        found: set[str] = set()
        waiting = [name for member in self.members if member.tokens & tokens for name in _set_over(member)]
        while waiting:
            above = self.named(waiting.pop())
            if not above <= found:
                found |= above
                waiting += [name for member in self.members if member.tokens & above for name in _set_over(member)]
        return frozenset(found)

    def _with_others(self, tokens: set[str]) -> frozenset[str]:
        return frozenset(tokens.union(*(member.tokens for member in self.members if member.tokens & tokens)))


def fold(name: str) -> str:
    """A name as it is compared: case, width and spaces make nobody another person."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def roster_of(said: Sequence[Placed], *, public_key: str | None = None) -> Roster:
    """The roster by all statements, each with its place; with a key, only what the machine signed with it counts."""
    entries = [
        (place, one)
        for place, one in said
        if one.kind is StatementKind.ROSTER and (public_key is None or statement_is_signed(one, public_key))
    ]
    ever, _ = _fold(entries, {})
    revoked = dict(_revocations(said))
    members, refused = _fold(entries, revoked)
    people = sum(not member.now.is_model for member in ever)
    return Roster(members=members, revoked=revoked, refused=refused, is_team=people >= _TEAM)


def _fold(
    entries: Sequence[Placed], revoked: Mapping[str, int]
) -> tuple[tuple[Member, ...], tuple[tuple[Statement, str], ...]]:
    """The members after the last entry, and the entries that do not count, with the reason."""
    roster, refused = Roster(revoked=revoked), list[tuple[Statement, str]]()
    for place, statement in entries:
        person = read_person(statement)
        against = against_entry(statement, person, roster, place)
        if against or person is None:
            refused.append((statement, against))
        else:
            roster = Roster(members=_entered(roster.members, place, statement, person), revoked=revoked)
    return roster.members, tuple(refused)


def signer_of(statement: Statement, roster: Roster, *, place: int) -> Signer | Refusal:
    """Who signed a statement that stands at this place, by the roster as it was then."""
    against = _against_signature(statement, roster, place)
    if against is not None:
        return against
    owners = [member for member in roster.members if f"{KEY}{statement.key}" in member.tokens]
    if not owners:
        return Refusal.STRANGER
    person = owners[0].at(place)
    if person is None or person.gone or person.key != statement.key:
        return Refusal.OUTDATED
    if person.is_model:
        return Refusal.MODEL
    if fold(person.name) != fold(statement.author):
        return Refusal.ANOTHER
    return Signer(person=person, member=owners[0])


def against_entry(statement: Statement, person: Person | None, roster: Roster, place: int) -> str:
    """Why an entry into the roster does not count; empty where it does."""
    if person is None:
        return "it names no person"
    if person.is_model and person.roles:
        return "a model holds no role"
    return _against_place(statement, person, roster) or _against_author(statement, person, roster, place)


def _against_place(statement: Statement, person: Person, roster: Roster) -> str:
    """Whether the entry takes somebody else's place."""
    others = [one for one in roster.members if statement.supersedes not in one.ids]
    if len(others) == len(roster.members) and statement.supersedes is not None:
        return "it follows no entry of this roster"
    if any(f"{KEY}{person.key}" in one.tokens for one in others):
        return "its key is another person's already"
    if any(fold(person.name) in one.tokens for one in others):
        return "its name is another person's already"
    return ""


def read_person(statement: Statement) -> Person | None:
    """The person that an entry names; None where it names none."""
    try:
        held = json.loads(statement.after or "")
        person = from_mapping(Person, held, where="a roster entry")
    except (ValueError, TypeError, AttributeError, UsageError):
        return None
    return person if person.name.strip() and person.key else None


def _against_author(statement: Statement, person: Person, roster: Roster, place: int) -> str:
    if not roster.members:
        if person.is_model or person.gone or KEEPER not in person.roles:
            return f"the first on a roster is a person, and its {KEEPER}"
        if statement.key != person.key or fold(statement.author) != fold(person.name):
            return "the first person on a roster signs for themselves"
        found = _against_signature(statement, roster, place)
        return "" if found is None else str(found)
    signer = signer_of(statement, roster, place=place)
    if isinstance(signer, Refusal):
        return str(signer)
    return "" if KEEPER in signer.person.roles else f"only a {KEEPER} changes the roster"


def _against_signature(statement: Statement, roster: Roster, place: int) -> Refusal | None:
    if statement.author_is_model:
        return Refusal.MODEL
    if statement.key is None or statement.key_signature is None:
        return Refusal.UNSIGNED
    if not person_has_signed(statement):
        return Refusal.FORGED
    return Refusal.REVOKED if place >= roster.revoked.get(statement.key, place + 1) else None


def _revocations(said: Sequence[Placed]) -> Iterator[tuple[str, int]]:
    """Each revoked key and the earliest place that a revocation names: a place, for a clock may be set back."""
    places = {statement.id: place for place, statement in said}
    found: dict[str, int] = {}
    for place, statement in said:
        if statement.kind is StatementKind.REVOCATION and statement.subject.startswith(KEY):
            since = min([place, *(places[one] for one in statement.evidence if one in places)])
            key = statement.subject.removeprefix(KEY)
            found[key] = min(since, found.get(key, since))
    yield from found.items()


def _entered(members: tuple[Member, ...], place: int, statement: Statement, person: Person) -> tuple[Member, ...]:
    """The members with a new one, or with a change of one."""
    kept: list[Member] = []
    found = False
    for one in members:
        mine = statement.supersedes in one.ids
        found |= mine
        more = Member(history=(*one.history, (place, person)), ids=(*one.ids, statement.id))
        kept.append(more if mine else one)
    return tuple(kept) if found else (*kept, Member(history=((place, person),), ids=(statement.id,)))


def _set_over(member: Member) -> Iterator[str]:
    return (person.reports_to for _, person in member.history if person.reports_to)
