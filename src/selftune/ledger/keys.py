"""The machine key: made once by `init`, signs checkpoints and build manifests. It proves continuity, not a person.

`machine.pub` holds its public half and, below it, those of the keys before it: what they signed still counts here.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError, MissingFileError, UsageError
from selftune.failpoints import reach
from selftune.platforms import is_read_by_others

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE: Final = "machine.key"
PUBLIC: Final = "machine.pub"
NEXT: Final = "machine.next"
IMPORT_KEY: Final = "import.key"
"""The file of the secret by which a project recognises what came in, beside the machine's key."""
_SEED_BYTES: Final = 32


@dataclass(frozen=True, kw_only=True)
class MachineKey:
    """An Ed25519 key; its secret half is shown nowhere.

    Attributes:
        public: 64 hex digits.
        earlier: The same of the keys that it took over from, newest first.
    """

    public: str
    earlier: tuple[str, ...] = ()
    _seed: bytes = field(repr=False)

    @property
    def trusted(self) -> str:
        """Every key whose signature still counts in this project, as `is_signed` takes them."""
        return " ".join((self.public, *self.earlier))

    def sign(self, message: bytes) -> str:
        """Ed25519 signature (RFC 8032), 128 hex digits."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._seed).sign(message).hex()


def make_machine_key(folder: Path) -> MachineKey:
    """A new key in `folder`: `machine.key`, which only its owner may read, and `machine.pub` beside it.

    A key that is there already is kept: with another one, the ledger would no longer verify.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / PRIVATE).exists():
        write_secret(folder / PRIVATE, os.urandom(_SEED_BYTES))
    key = _key_of(read_secret(folder / PRIVATE))
    if not (folder / PUBLIC).exists():
        (folder / PUBLIC).write_text(f"{key.public}\n", encoding="ascii")
    return load_machine_key(folder)


def load_machine_key(folder: Path) -> MachineKey:
    """The key that `make_machine_key` left in `folder`, or the one that took over from it.

    Raises:
        MissingFileError: there is none.
        UsageError: others may read it, or another key was about to take over.
        DamagedFileError: it is no key, or not the one whose public half lies beside it.
    """
    if (folder / NEXT).exists():
        raise UsageError(
            "a change of the machine key was begun and not ended.", next_step="Run `selftune ledger succeed` again."
        )
    try:
        key = _key_of(read_secret(folder / PRIVATE))
    except MissingFileError as error:
        raise MissingFileError(
            error.message,
            next_step="Restore it from a backup of the project; if there is none, run `selftune ledger succeed lost`.",
        ) from error
    public = read_public(folder)
    if public[:1] != (key.public,):
        raise DamagedFileError(
            f"{folder / PUBLIC} is not the public half of {PRIVATE}.",
            next_step="Restore both files from the same backup.",
        )
    return replace(key, earlier=public[1:])


def read_public(folder: Path) -> tuple[str, ...]:
    """The public keys of `machine.pub`, the one in force first; none where there is no such file."""
    try:
        return tuple((folder / PUBLIC).read_text(encoding="ascii").split())
    except (FileNotFoundError, UnicodeDecodeError):
        return ()


def prepare_next(folder: Path) -> MachineKey:
    """The key that is about to take over, made if it is not there; until `take_over` nothing else may sign."""
    if not (folder / NEXT).exists():
        write_secret(folder / NEXT, os.urandom(_SEED_BYTES))
    return _key_of(read_secret(folder / NEXT))


def take_over(folder: Path, following: MachineKey) -> None:
    """Put the prepared key in force; the secret half of the one before is gone, its public half is kept.

    Repeated after a crash anywhere within, it ends the same.
    """
    earlier = [key for key in read_public(folder) if key != following.public]
    draft = folder / f"{PUBLIC}.draft"
    draft.write_text("".join(f"{key}\n" for key in (following.public, *earlier)), encoding="ascii")
    draft.replace(folder / PUBLIC)
    reach("key-named")
    (folder / NEXT).replace(folder / PRIVATE)


def write_secret(path: Path, secret: bytes) -> None:
    """Write 32 secret bytes as hex into a new file that only its owner may read, durably.

    Raises:
        FileExistsError: there is a file already.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{secret.hex()}\n")
        stream.flush()
        os.fsync(stream.fileno())


def derive_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, from a secret: the same at each call, telling nothing of it (HMAC, RFC 2104)."""
    return hmac.digest(secret, purpose.encode(), "sha256")


def read_secret(path: Path) -> bytes:
    """The 32 bytes that `write_secret` wrote.

    Raises:
        MissingFileError: there is no such file.
        UsageError: others may read it.
        DamagedFileError: it does not hold 32 bytes in hex.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} is missing.", next_step="Restore it from a backup of the project.") from error
    if is_read_by_others(path):
        raise UsageError(f"{path} can be read by other users.", next_step=f"Run `chmod 600 {path}`.")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != _SEED_BYTES:
        raise DamagedFileError(f"{path} is no key.", next_step="Restore it from a backup of the project.")
    return secret


def _key_of(seed: bytes) -> MachineKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()
    return MachineKey(public=public, _seed=seed)
