"""People and their keys from the command line: made, revoked, put on the roster, and listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.app.doubting import speaker
from selftune.app.reporting.pages.plain import plain
from selftune.app.signing import key_of, keys_folder
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import known_keys, load_person_key
from selftune.governance.people.roster import KEEPER, KEY, Person, against_entry, fold
from selftune.governance.statements import PROJECT, say
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Release, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.doubts import Hearing
    from selftune.governance.people.keys import Ask
    from selftune.governance.people.roster import Member, Roster
    from selftune.loop.project import Project


def add_person(project: Project, person: Person, *, author: str, because: str, ask: Ask) -> Statement:
    """Put somebody new on the roster: the first by their own signature, everybody else by a keeper's.

    Raises:
        UsageError: it is the name of a model that is known here.
        WaitingForPersonError: the entry would not count; the message says why.
        MissingFileError: the key that must sign is not on this machine.
    """
    hearing = hear_project(project)
    if not person.is_model:
        _refuse_model(project, person.name)
    first = not hearing.roster.members
    entered = replace(person, roles=tuple(dict.fromkeys((*person.roles, KEEPER)))) if first else person
    by = person.name if first else speaker(project, author)
    return _enter(project, hearing, entered, None, author=by, because=because or "added", ask=ask)


def change_person(
    project: Project, name: str, changes: dict[str, Any], *, author: str, because: str, ask: Ask
) -> Statement:
    """Change what the roster says of somebody; who they were stays on record, and they stay the same person.

    Raises:
        UsageError: nobody on the roster is called so, or they would get the name of a model.
        WaitingForPersonError: the change would not count; the message says why.
        MissingFileError: the key that must sign is not on this machine.
    """
    hearing = hear_project(project)
    member = _member(hearing.roster, name)
    changed = replace(member.now, **changes)
    if changed.roles and not changed.is_model:
        _refuse_model(project, changed.name)
    by = speaker(project, author)
    return _enter(project, hearing, changed, member, author=by, because=because or "changed", ask=ask)


def revoke_key(project: Project, name: str, because: str, *, since: str, author: str) -> Statement:
    """Put on record that a key is no longer to be trusted: from here on, or from an earlier statement on.

    Nobody has to sign it: who lost their key can't, and it takes nothing but trust away.

    Raises:
        UsageError: no reason is given, or there is no such key.
        UnknownNameError: there is no such statement.
    """
    roster = hear_project(project).roster
    public = _public_key(roster, name)
    said = say(
        StatementKind.REVOCATION,
        f"{KEY}{public}",
        speaker(project, author),
        because,
        project.context(),
        door_of(project),
    )
    evidence = (project.store.record(since, Statement).id,) if since else ()
    return put_on_record(project, replace(said, evidence=evidence), event="key revoked")


def describe_people(hearing: Hearing) -> Iterator[str]:
    """Everybody on the roster, what does not count, and which keys are revoked."""
    roster = hearing.roster
    for member in roster.members:
        one = member.now
        marks = [
            *(["has left"] if one.gone else []),
            *(["a model: holds no role"] if one.is_model else []),
            *([f"reports to {one.reports_to}"] if one.reports_to else []),
            *([f"logs in as {one.account}"] if one.account else []),
            *([f"once {', '.join(old)}"] if (old := _old_names(member)) else []),
            *(["key revoked"] if one.key in roster.revoked else []),
        ]
        told = f"; {'; '.join(marks)}" if marks else ""
        yield plain(f"{one.name}: {', '.join(one.roles) or 'no role'}; key {one.key[:16]}{told}")
    if not roster.members:
        yield "Nobody is on the roster: one person works here, without a key."
    for statement, why in roster.refused:
        yield plain(f"does not count: {statement.id[:18]} by {statement.author}: {why}")
    if roster.is_team:
        yield "A team: approvals, closings and lifts count only with the key of the person who gives them."


def _enter(
    project: Project, hearing: Hearing, person: Person, member: Member | None, *, author: str, because: str, ask: Ask
) -> Statement:
    """Keep an entry that counts; one that would not is refused before it is kept."""
    said = say(StatementKind.ROSTER, PROJECT, author, because, project.context(), door_of(project))
    entry = replace(
        said,
        before=None if member is None else member.now.as_words,
        after=person.as_words,
        supersedes=None if member is None else member.ids[-1],
    )
    # What can be told without a key is told before anybody types a passphrase.
    key = _own_key(person, ask) if not hearing.roster.members else key_of(hearing, author, ask)
    signed = sign_as_person(entry, key)
    against = against_entry(signed, person, hearing.roster, project.store.last_sequence() + 1)
    if against:
        raise WaitingForPersonError(
            f"{person.name} is not entered: {against}.", next_step="Look at the roster with `selftune people list`."
        )
    return put_on_record(project, signed, event="roster changed")


def _own_key(person: Person, ask: Ask) -> Any:
    for name, public in known_keys(keys_folder()):
        if public == person.key:
            return load_person_key(keys_folder(), name, ask)
    raise UsageError(
        "the first person on a roster signs for themselves, and that key is not on this machine.",
        next_step="Make one with `selftune key new NAME`.",
    )


def _member(roster: Roster, name: str) -> Member:
    found = roster.member(name)
    if found is None:
        raise UsageError(f"nobody on the roster is called {name!r}.", next_step="See `selftune people list`.")
    return found


def _old_names(member: Member) -> list[str]:
    names = dict.fromkeys(person.name for _, person in member.history)
    return [name for name in names if name != member.now.name]


def _public_key(roster: Roster, name: str) -> str:
    """The public key that a name means: of somebody on the roster, of a file here, or the key itself."""
    member = roster.member(name)
    if member is not None:
        return member.now.key
    local = dict(known_keys(keys_folder()))
    if name in local:
        return local[name]
    if any(f"{KEY}{name}" in one.tokens for one in roster.members):
        return name
    raise UsageError(f"{name!r} names no key.", next_step="See `selftune people list` and `selftune key list`.")


def _refuse_model(project: Project, name: str) -> None:
    """No model holds a role, under none of the names by which models are known here."""
    config = project.config
    known = {project.base.name, config.base.name, config.judge.model, "selftune"}
    known |= {part for _, release in project.store.each(Release) for part in (release.alias, release.version)}
    if fold(name) in {fold(one) for one in known if one}:
        raise UsageError(
            f"{name} is the name of a model here, and a model holds no role.",
            next_step="Name a person, or use --model.",
        )
