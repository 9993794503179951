"""Whether something bears a project's signature: anyone may look who has the public half of its machine key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.records.build import Build


def seal_message(build: Build) -> bytes:
    """What the seal of a build signs: what answers, not how it was made."""
    return f"selftune build {build.digest}".encode()


def build_is_sealed(build: Build, public_key: str) -> bool:
    """Whether the build's signature is by this key and fits its digest; an unsigned build is not sealed."""
    return is_signed(seal_message(build), build.manifest_signature, public_key)


def is_signed(message: bytes, signature: str | None, public_keys: str) -> bool:
    """Whether it is an Ed25519 signature (RFC 8032) of the message, in hex, by this key or one of several.

    Args:
        message: What was signed.
        signature: 128 hex digits; None is none.
        public_keys: 64 hex digits each, with white space between them.
    """
    return signature is not None and any(_is_by(key, message, signature) for key in public_keys.split())


def _is_by(public_key: str, message: bytes, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
