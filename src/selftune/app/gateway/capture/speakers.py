"""Whose words a key asks: by the key, and by the user it names where it may name one.

The owner's key, called `default`, and keys called like a name under `[capture] owners` may say for whom they ask, as a
web client for a household does. Any other key speaks for itself: if it could name users, whoever has it could be as
many people as it likes, and the share that one person may have of a training set would hold nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.gateway.capture.reading import Speaker
from selftune.app.gateway.keys import DEFAULT, read_keys

if TYPE_CHECKING:
    from pathlib import Path

_NOBODY = Speaker()


class Speakers:
    """Who speaks, by the file of keys; it is read again when a key turns up that was not in it."""

    def __init__(self, hidden: Path, owners: tuple[str, ...]) -> None:
        self._hidden = hidden
        self._trusted = frozenset((DEFAULT, *owners))
        self._names: dict[str, str] = {}

    def of(self, key_id: str | None, user: str | None) -> Speaker:
        """Who is taken for the author; nobody without a key.

        Raises:
            DamagedFileError: the file of keys can't be read.
        """
        if key_id is None:
            return _NOBODY
        if key_id not in self._names:
            self._names = {key.id: key.name for key in read_keys(self._hidden)}
        name = self._names.get(key_id, key_id)
        if name not in self._trusted:
            return Speaker(name=name)
        return Speaker(name=user) if user else Speaker(name=name, owner=True)
