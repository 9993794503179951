"""A person's signature under what they say, where the roster has several people; alone nobody is asked for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.bases.registry import default_home
from selftune.errors import MissingFileError
from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import known_keys, load_person_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.governance.doubts import Hearing
    from selftune.governance.people.keys import Ask, PersonKey
    from selftune.records import Bundle, Statement


def keys_folder() -> Path:
    """Where persons' keys lie: in this user's own data, never in a project."""
    return default_home() / "keys"


def speak(hearing: Hearing, statement: Statement, ask: Ask) -> Statement:
    """The statement signed by its author, where a team's roster asks for that; else as it is.

    Raises:
        MissingFileError: the author has no key on this machine.
        UsageError: nobody sits at a terminal, or the passphrase is wrong.
    """
    if not hearing.roster.is_team:
        return statement
    return sign_as_person(statement, key_of(hearing, statement.author, ask))


def lines_of_bundle(bundle: Bundle) -> Iterator[str]:
    """What people sign: everything that it covers, and its documents."""
    yield f"to be signed for {bundle.subject}: selftune readiness {bundle.subject[:20]}"
    yield from (f"covers {name}: {value}" for name, value in bundle.evidence)
    yield from (f"document {name}: {digest}" for name, digest in bundle.documents)
    yield f"charter {bundle.charter} {bundle.charter_digest}"
    yield f"ledger of {bundle.ledger_size} entries, root {bundle.ledger_root}"


def lines_of_facts(statement: Statement) -> Iterator[str]:
    """The role in which somebody spoke, and what they put to the records."""
    if statement.role:
        yield f"as {statement.role}"
    for fact in statement.facts:
        told = ", ".join(f"{name}={value}" for name, value in fact.arguments)
        yield f"fact {fact.query}({told}) = {fact.value}, n = {fact.n}"


def key_of(hearing: Hearing, name: str, ask: Ask) -> PersonKey:
    """The unlocked key of a person on the roster, under whatever name it lies here.

    Raises:
        MissingFileError: it is not on this machine.
    """
    member = hearing.roster.member(name)
    wanted = None if member is None else member.now.key
    for file_name, public in known_keys(keys_folder()):
        if public == wanted:
            return load_person_key(keys_folder(), file_name, ask)
    if member is None:
        raise MissingFileError(
            f"{name} is not on the roster, and this project has a team.",
            next_step="Name yourself with --author, or have a keeper run `selftune people add`.",
        )
    raise MissingFileError(
        f"the key of {name} is not on this machine.", next_step="Run this where it lies, or bring it here."
    )
