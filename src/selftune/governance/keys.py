"""Signatures by the project's machine key: on builds and on statements. They prove continuity, not a person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.ledger.keys import MachineKey
    from selftune.records import Build, Statement


def seal_build(build: Build, key: MachineKey) -> Build:
    """The build with its digest signed; what answers is covered, how it was made is not."""
    return replace(build, manifest_signature=key.sign(_build_message(build)))


def build_is_sealed(build: Build, public_key: str) -> bool:
    """Whether the build's signature is by this key and fits its digest; an unsigned build is not sealed."""
    return _verifies(build.manifest_signature, _build_message(build), public_key)


def sign_statement(statement: Statement, key: MachineKey) -> Statement:
    """The statement with everything in it signed."""
    return replace(statement, signature=key.sign(_statement_message(statement)))


def statement_is_signed(statement: Statement, public_key: str) -> bool:
    """Whether the statement is signed by this key, as it stands; an unsigned one is not."""
    return _verifies(statement.signature, _statement_message(statement), public_key)


def _build_message(build: Build) -> bytes:
    return f"selftune build {build.digest}".encode()


def _statement_message(statement: Statement) -> bytes:
    # The id covers salted digests of text and author, so the signature outlives an erasure.
    return f"selftune statement {replace(statement, signature=None).id}".encode()


def _verifies(signature: str | None, message: bytes, public_key: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
