"""Signatures on builds and statements: the machine's proves continuity, a person's proves that they held their key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.records import has_words
from selftune.records.signatures import is_signed, seal_message

if TYPE_CHECKING:
    from selftune.governance.people.keys import PersonKey
    from selftune.ledger.keys import MachineKey
    from selftune.records import Build, Statement


def seal_build(build: Build, key: MachineKey) -> Build:
    """The build with its digest signed; what answers is covered, how it was made is not."""
    return replace(build, manifest_signature=key.sign(seal_message(build)))


def sign_statement(statement: Statement, key: MachineKey) -> Statement:
    """The statement with everything in it signed."""
    return replace(statement, signature=key.sign(_statement_message(statement)))


def statement_is_signed(statement: Statement, public_key: str) -> bool:
    """Whether the statement is signed by this key, as it stands; an unsigned one is not.

    Nor is one whose words were erased: nobody can say any more who spoke, so it allows and ends nothing.
    """
    return has_words(statement) and is_signed(_statement_message(statement), statement.signature, public_key)


def sign_as_person(statement: Statement, key: PersonKey) -> Statement:
    """The statement with its author's signature; the machine signs after that, and so covers it."""
    unsigned = replace(statement, signature=None, key_signature=None, key=key.public)
    return replace(unsigned, key_signature=key.sign(_person_message(unsigned)))


def person_has_signed(statement: Statement) -> bool:
    """Whether the statement bears the signature of the key that it names, as it stands; whose it is the roster says."""
    if statement.key is None or not has_words(statement):
        return False
    return is_signed(_person_message(statement), statement.key_signature, statement.key)


def _person_message(statement: Statement) -> bytes:
    return f"selftune said {replace(statement, signature=None, key_signature=None).id}".encode()


def _statement_message(statement: Statement) -> bytes:
    # The id covers salted digests of text and author, so the signature outlives an erasure.
    return f"selftune statement {replace(statement, signature=None).id}".encode()
