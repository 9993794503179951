"""Concerns and stays: open until somebody whom they do not question has closed them, or lifted them with a reason.

What adds doubt counts whether it is signed or not; what takes doubt away counts only signed by this machine, and in a
team by a person's key. Who writes an invalid closing into the store by hand has closed nothing. One hearing answers for
the release, the page and the lists, so that no two of them can differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.governance.keys import statement_is_signed
from selftune.governance.matters import if_kept, matters, of_programme
from selftune.governance.people.roster import KEY, Refusal, Roster, fold, roster_of, signer_of
from selftune.governance.shredded import as_left
from selftune.governance.statements import PROJECT, STAYS
from selftune.judges.calibration.human import person_behind
from selftune.records import Gravity, Interaction, Judgement, Record, Session, Statement, StatementKind, has_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selftune.context import Reader
    from selftune.governance.matters import Matter
    from selftune.records import Decision

    Placed = tuple[int, Statement]

DOUBTS: Final = frozenset({StatementKind.CONCERN, StatementKind.HOLD})
_STAND_BEHIND: Final = frozenset({StatementKind.APPROVAL, StatementKind.SIGN_OFF, StatementKind.AMENDMENT})
_LESSONS: Final = ("interaction:", "judgement:", "session:")
_NO_MATTER: Final[frozenset[str]] = frozenset()


class DoubtState(StrEnum):
    """What has become of a doubt."""

    OPEN = "open"
    CLOSED = "closed"
    LIFTED = "lifted"
    WITHDRAWN = "withdrawn by its author"


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A concern or a stay, and all that was said of it.

    Attributes:
        place: Where it stands in the order in which everything was kept.
        settled_by: What closed, lifted or withdrew it.
        answers: Replies; none of them closes it.
        refused: What was to end it and does not, each with the reason.
    """

    statement: Statement
    place: int
    state: DoubtState
    settled_by: Statement | None = None
    answers: tuple[Statement, ...] = ()
    refused: tuple[tuple[Statement, str], ...] = ()

    @property
    def stands(self) -> bool:
        """Whether it still counts; what was said to block does so until somebody independent has closed it."""
        withdrawn = self.state is DoubtState.WITHDRAWN and self.statement.gravity is Gravity.BLOCKING
        return self.state is DoubtState.OPEN or withdrawn

    @property
    def blocks(self) -> bool:
        """Whether it keeps what it is about from being released."""
        return self.stands and (self.statement.kind in STAYS or self.statement.gravity is Gravity.BLOCKING)


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """All that must be known to say of a doubt whether it stands.

    Attributes:
        said: Every statement with its place, oldest first.
        matters: What belongs together.
        exists: Whether there is a record of this id.
        runner: Who runs what is questioned, by the name of their account.
        public_key: The machine's; None: signatures are not asked for.
        alone: Whether one person works here by themselves.
        behind: Who said or judged each single lesson that is doubted, as the records name them.
        within: Of each session that is doubted, what its programme is called among the records of a matter.
        pseudonym: What the records call a person of this name.
    """

    said: tuple[Placed, ...]
    roster: Roster
    matters: tuple[Matter, ...]
    exists: Callable[[str], bool]
    runner: str | None
    public_key: str | None
    alone: bool
    behind: Mapping[str, str]
    pseudonym: Callable[[str], str]
    within: Mapping[str, str] = field(default_factory=dict)


def hear(
    read: Reader,
    *,
    profile: str,
    runner: str | None,
    public_key: str | None = None,
    pseudonym: Callable[[str], str] = str,
) -> Hearing:
    """What is on record about all doubts.

    Args:
        read: The project's records.
        profile: `solo` or `team`, as the config says; a roster of several people makes a team of both.
        runner: Who runs the cycle.
        public_key: Where it is given, nothing that it did not sign takes a doubt away.
        pseudonym: What the door makes of a name, so that whose words a lesson holds is known again.
    """
    said = as_left(read)
    roster = roster_of(said, public_key=public_key)
    by_id = {one.id: one for _, one in said}
    subjects = {subject for _, one in said if one.kind in DOUBTS | STAYS for subject in _subjects(one, by_id)}
    # Only a doubt about a single lesson needs the lessons of every dataset.
    lessons = any(subject.startswith(_LESSONS) for subject in subjects)
    return Hearing(
        said=said,
        roster=roster,
        matters=matters(read, lessons=lessons) if subjects else (),
        exists=lambda record_id: if_kept(read, record_id, Record) is not None,
        runner=runner,
        public_key=public_key,
        alone=profile == "solo" and not roster.is_team,
        behind={subject: name for subject in subjects if (name := _who_is_behind(read, subject)) is not None},
        pseudonym=pseudonym,
        within={subject: of_programme(name) for subject in subjects if (name := _programme(read, subject)) is not None},
    )


def doubts(hearing: Hearing, kinds: frozenset[StatementKind] = DOUBTS) -> tuple[Doubt, ...]:
    """Every doubt ever raised, in the order in which they were, and what has become of it."""
    return tuple(_look_at(hearing, place, one) for place, one in hearing.said if one.kind in kinds)


def doubts_of_decision(hearing: Hearing, decision: Decision) -> tuple[Doubt, ...]:
    """The doubts about a decision, anything that it rests on, what was said of these, or the whole project."""
    return doubts_about(hearing, decision.id)


def doubts_about(hearing: Hearing, subject: str, programme: str | None = None) -> tuple[Doubt, ...]:
    """The doubts about a decision or a model, its matter, its programme's sessions, or the whole project."""
    about = next((one.records for one in hearing.matters if one.decision_id == subject), _NO_MATTER)
    wanted = {*about, subject, PROJECT, *(() if programme is None else (of_programme(programme),))}
    by_id = {one.id: one for _, one in hearing.said}
    return tuple(doubt for doubt in doubts(hearing) if wanted & _reached(hearing, doubt.statement, by_id))


def standing(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements that their authors have not withdrawn, in the order they were said.

    For what takes no doubt away; whether a doubt stands is for `doubts` to say.
    """
    said = tuple(statements)
    by_id = {statement.id: statement for statement in said}
    withdrawn = {
        later.supersedes
        for later in said
        if later.kind is StatementKind.WITHDRAWAL
        and later.supersedes in by_id
        and fold(by_id[later.supersedes].author) == fold(later.author)
    }
    return tuple(statement for statement in said if statement.id not in withdrawn)


def against_ending(hearing: Hearing, doubt: Statement, ending: Statement, place: int) -> str:
    """Why a closing, lift or withdrawal does not end this doubt; empty where it does."""
    general = _against_speaker(hearing, ending, place)
    if general:
        return general
    if ending.kind is StatementKind.WITHDRAWAL:
        return _against_withdrawal(hearing, doubt, ending)
    own = bool(_known_as(hearing, ending) & _known_as(hearing, doubt))
    if ending.kind is StatementKind.LIFT:
        # Who put up a stop sign may take it down; alone, a person has nobody else to ask about a machine's.
        free = own or (hearing.alone and doubt.author_is_model)
        return "" if free else against_person(hearing, doubt, ending)
    if own:
        return f"{ending.author} raised it, and only somebody else can close it"
    return against_person(hearing, doubt, ending) or _against_evidence(hearing, doubt, ending)


def against_person(hearing: Hearing, doubt: Statement, ending: Statement) -> str:
    """Why this doubt is not for the author of an ending to judge; empty where it is."""
    tokens = _known_as(hearing, ending)
    for why, party in _questioned(hearing, doubt):
        if tokens & party:
            return f"it questions {ending.author}, who {why}"
    if tokens & hearing.roster.superiors(_known_as(hearing, doubt)):
        return f"{ending.author} is set over who raised it"
    return ""


def questioned(hearing: Hearing, doubt: Statement) -> tuple[tuple[str, str], ...]:
    """Who may not judge a doubt because it is about what they did, and what that is."""
    return tuple(dict.fromkeys((name, why) for name, why, _ in _parties(hearing, doubt)))


def _known_as(hearing: Hearing, statement: Statement) -> frozenset[str]:
    """All that the author of a statement is known by, as the door calls them too.

    Of words that were erased only that is left; whoever on the roster it is the hash of is meant.
    """
    known = hearing.roster.known_as(statement)
    if has_words(statement):
        return known | _hashed(hearing, known)
    everybody = [*(member.tokens for member in hearing.roster.members)]
    if hearing.runner is not None:
        everybody.append(hearing.roster.named(hearing.runner))
    return known.union(*(tokens for tokens in everybody if known & _hashed(hearing, tokens)))


def _hashed(hearing: Hearing, tokens: frozenset[str]) -> frozenset[str]:
    return frozenset(fold(hearing.pseudonym(one)) for one in tokens if not one.startswith(KEY))


def _look_at(hearing: Hearing, place: int, doubt: Statement) -> Doubt:
    """What has become of one doubt."""
    ends, refused = list[Statement](), list[tuple[Statement, str]]()
    answers = tuple(one for _, one in hearing.said if one.kind is StatementKind.ANSWER and one.subject == doubt.id)
    for later, one in _endings(hearing, doubt):
        against = against_ending(hearing, doubt, one, later)
        if against:
            refused.append((one, against))
        else:
            ends.append(one)
    # What somebody else closed is settled; a withdrawal beside it is less, for its author may have been pressed.
    settled = min(ends, key=lambda one: one.kind is StatementKind.WITHDRAWAL, default=None)
    states = {
        StatementKind.CLOSING: DoubtState.CLOSED,
        StatementKind.LIFT: DoubtState.LIFTED,
        StatementKind.WITHDRAWAL: DoubtState.WITHDRAWN,
    }
    return Doubt(
        statement=doubt,
        place=place,
        state=DoubtState.OPEN if settled is None else states[settled.kind],
        settled_by=settled,
        answers=answers,
        refused=tuple(refused),
    )


def _endings(hearing: Hearing, doubt: Statement) -> Iterator[Placed]:
    """What was to end a doubt and was not taken back, oldest first."""
    kept = {one.id for one in standing(one for _, one in hearing.said)}
    wanted = StatementKind.LIFT if doubt.kind in STAYS else StatementKind.CLOSING
    for place, one in hearing.said:
        ends = one.kind is wanted and one.subject == doubt.id
        withdraws = one.kind is StatementKind.WITHDRAWAL and one.supersedes == doubt.id
        if (ends or withdraws) and one.id in kept:
            yield place, one


def _against_speaker(hearing: Hearing, ending: Statement, place: int) -> str:
    if hearing.public_key is not None and not statement_is_signed(ending, hearing.public_key):
        return "it is not signed in this project"
    if ending.author_is_model:
        return "a model ends no doubt"
    if not has_words(ending):
        return "its words were erased, and with them who ended it and why"
    if ending.unfinished or not ending.text.strip():
        return "it broke off" if ending.unfinished else "it gives no reason"
    if hearing.roster.is_team:
        signer = signer_of(ending, hearing.roster, place=place)
        if isinstance(signer, Refusal):
            return str(signer)
    return ""


def _against_withdrawal(hearing: Hearing, doubt: Statement, ending: Statement) -> str:
    # Exactly so: who takes doubt away is asked for more than who adds it.
    same = ending.author == doubt.author
    if hearing.roster.is_team or doubt.key is not None:
        keys = {token for token in hearing.roster.known_as(ending) if token.startswith(KEY)}
        same = bool(hearing.roster.known_as(doubt) & keys) and ending.key is not None
    return "" if same else "only its author withdraws it"


def _against_evidence(hearing: Hearing, doubt: Statement, ending: Statement) -> str:
    if not ending.evidence:
        return "it names no evidence"
    missing = [one for one in ending.evidence if not hearing.exists(one)]
    if missing:
        return f"its evidence {missing[0]} is not on record"
    own = {one.id for _, one in hearing.said if fold(one.author) == fold(ending.author)}
    if set(ending.evidence) <= own | {doubt.id}:
        return "its only evidence is its author's own word"
    return ""


def _questioned(hearing: Hearing, doubt: Statement) -> Iterator[tuple[str, frozenset[str]]]:
    return ((why, tokens) for _, why, tokens in _parties(hearing, doubt))


def _parties(hearing: Hearing, doubt: Statement) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Name of each whom a doubt questions, what they did, and all that they are known by.

    Everything that was ever said counts, also what was taken back: an approval is not undone by its withdrawal.
    """
    roster = hearing.roster
    if hearing.runner is not None:
        yield hearing.runner, "runs what it is about", roster.named(hearing.runner)
    by_id = {one.id: one for _, one in hearing.said}
    doubted = _reached(hearing, doubt, by_id)
    about = set(doubted)
    for matter in hearing.matters:
        if doubted & matter.records:
            about |= matter.records
    for name in (hearing.behind[one] for one in doubted if one in hearing.behind):
        yield name, "said or judged what it is about", frozenset({fold(name)})
    for _, one in hearing.said:
        if one.id in doubted:
            yield one.author, "said what it is about", _known_as(hearing, one)
        elif one.kind in _STAND_BEHIND and one.subject in about:
            yield one.author, f"gave the {one.kind.value.replace('_', '-')} of it", _known_as(hearing, one)


def _who_is_behind(read: Reader, subject: str) -> str | None:
    """Whose a single lesson is: who spoke, or the person who judged; None for models and for nobody known."""
    if not subject.startswith(_LESSONS):
        return None
    lesson = if_kept(read, subject, Record)
    if isinstance(lesson, Judgement):
        return person_behind(lesson.judge)
    return lesson.author if isinstance(lesson, Interaction | Session) else None


def _programme(read: Reader, subject: str) -> str | None:
    """Of which programme a session is; None for what is none."""
    session = if_kept(read, subject, Session) if subject.startswith(f"{Session.KIND}:") else None
    return None if session is None else session.programme


def _reached(hearing: Hearing, statement: Statement, by_id: dict[str, Statement]) -> set[str]:
    """What a statement is about, one behind the other, and the programme of each session among them."""
    found = set(_subjects(statement, by_id))
    return found | {hearing.within[one] for one in found if one in hearing.within}


def _subjects(statement: Statement, by_id: dict[str, Statement]) -> Iterator[str]:
    """What a statement is about, and where that is a statement, what that one is about, and so on."""
    subject = statement.subject
    while True:
        yield subject
        if subject not in by_id:
            return
        subject = by_id[subject].subject
