"""Keys of persons: Ed25519, kept in this user's own folder behind a passphrase that only a terminal may give.

No variable, flag or pipe gives the passphrase: what runs by itself must not be able to sign as a person. The file is
PKCS8 in PEM, encrypted as the library `cryptography` does best; who has the file can still guess a short passphrase.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from getpass import getpass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import DamagedFileError, MissingFileError, UsageError
from selftune.platforms import is_read_by_others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[[str], str]

_NAME: Final = re.compile(r"[\w][\w. -]{0,63}")
_SHORTEST: Final = 8


@dataclass(frozen=True, kw_only=True)
class PersonKey:
    """A person's unlocked key; `public` is 64 hex digits. Its secret half is shown nowhere."""

    name: str
    public: str
    _key: Any = field(repr=False)

    def sign(self, message: bytes) -> str:
        """Ed25519 signature (RFC 8032), 128 hex digits."""
        return str(self._key.sign(message).hex())


def ask_on_terminal(prompt: str) -> str:
    """What a person types unseen.

    Raises:
        UsageError: nobody sits at a terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "a passphrase is taken from a terminal only, and there is none here.",
            next_step="Run the command yourself in a terminal.",
        )
    return getpass(prompt)


def make_person_key(folder: Path, name: str, ask: Ask = ask_on_terminal) -> PersonKey:
    """A new key: `NAME.pem`, which only its owner may read, and `NAME.pub` to hand to others.

    Raises:
        UsageError: there is one of that name, the name is no file's, or the passphrase is short or typed differently.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private, public = _files(folder, name)
    if private.exists():
        raise UsageError(f"there is a key named {name!r} already.", next_step="Use it, or choose another name.")
    passphrase = ask(f"New passphrase for {name}: ")
    if len(passphrase) < _SHORTEST:
        raise UsageError(
            f"the passphrase has fewer than {_SHORTEST} characters.", next_step="Take a longer one; several words do."
        )
    if ask("The same once more: ") != passphrase:
        raise UsageError("the two passphrases differ.", next_step="Run the command again.")
    made = Ed25519PrivateKey.generate()
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(private, pem)
    key = PersonKey(name=name, public=made.public_key().public_bytes_raw().hex(), _key=made)
    public.write_text(f"{key.public}\n", encoding="ascii")
    return key


def load_person_key(folder: Path, name: str, ask: Ask = ask_on_terminal) -> PersonKey:
    """The key of this name, unlocked.

    Raises:
        MissingFileError: there is none.
        UsageError: others may read it, or the passphrase is wrong.
        DamagedFileError: the file is no key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private, _ = _files(folder, name)
    if not private.exists():
        raise MissingFileError(
            f"there is no key named {name!r} on this machine.", next_step=f"Make one with `selftune key new {name}`."
        )
    if is_read_by_others(private):
        raise UsageError(f"{private} can be read by other users.", next_step=f"Run `chmod 600 {private}`.")
    pem = private.read_bytes()
    if b"ENCRYPTED PRIVATE KEY" not in pem:
        raise DamagedFileError(f"{private} is no key behind a passphrase.", next_step="Restore it from your backup.")
    try:
        key = serialization.load_pem_private_key(pem, ask(f"Passphrase of {name}: ").encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"the key of {name} was not unlocked.",
            next_step="Type its passphrase again, or restore it from your backup.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise DamagedFileError(f"{private} is no Ed25519 key.", next_step="Restore it from your backup.")
    return PersonKey(name=name, public=key.public_key().public_bytes_raw().hex(), _key=key)


def known_keys(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and public half, 64 hex digits, of each key on this machine."""
    for path in sorted(folder.glob("*.pub")):
        yield path.stem, path.read_text(encoding="ascii", errors="replace").strip()


def read_public_key(text: str) -> str:
    """The public key that was typed, or that stands in the file that was named.

    Raises:
        UsageError: it is neither.
    """
    from pathlib import Path

    found = Path(text).read_text(encoding="ascii", errors="replace").strip() if Path(text).is_file() else text.strip()
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise UsageError(
            f"{text} is neither a public key nor a file with one.",
            next_step="Give the .pub file of that person, or what it holds; `selftune key list` prints those of here.",
        )
    return found


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be a key's name.", next_step="Use up to 64 letters, digits, dots, dashes and spaces."
        )
    return folder / f"{name}.pem", folder / f"{name}.pub"


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
