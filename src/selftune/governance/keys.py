"""Signatures by the project's machine key: on builds and on statements. They prove continuity, not a person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.records.signatures import is_signed, seal_message

if TYPE_CHECKING:
    from selftune.ledger.keys import MachineKey
    from selftune.records import Build, Statement


def seal_build(build: Build, key: MachineKey) -> Build:
    """The build with its digest signed; what answers is covered, how it was made is not."""
    return replace(build, manifest_signature=key.sign(seal_message(build)))


def sign_statement(statement: Statement, key: MachineKey) -> Statement:
    """The statement with everything in it signed."""
    return replace(statement, signature=key.sign(_statement_message(statement)))


def statement_is_signed(statement: Statement, public_key: str) -> bool:
    """Whether the statement is signed by this key, as it stands; an unsigned one is not."""
    return is_signed(_statement_message(statement), statement.signature, public_key)


def _statement_message(statement: Statement) -> bytes:
    # The id covers salted digests of text and author, so the signature outlives an erasure.
    return f"selftune statement {replace(statement, signature=None).id}".encode()
