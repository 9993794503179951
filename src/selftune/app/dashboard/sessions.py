"""Who may look: links that work once, and the sessions they begin, as files beside the store.

A file is called by the digest of its secret, so that nothing in the folder opens a door. They are files, and not this
process's memory, so that a dashboard that was started again goes on, and another process can make a link for it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER: Final = "dashboard"
ADDRESS: Final = "address.json"
"""Where a running dashboard says its port and its process."""
LINK_HOURS: Final = 24.0
_SECRET_BYTES: Final = 32
_LONGEST: Final = 200  # letters of a secret that anybody looks at


class Sessions:
    """The links and sessions of one project."""

    def __init__(self, hidden: Path, *, hours: float, clock: Callable[[], float] = time.time) -> None:
        self._links = hidden / FOLDER / "links"
        self._sessions = hidden / FOLDER / "sessions"
        self._seconds = hours * 3600
        self._clock = clock

    def new_link(self) -> str:
        """The secret of a new link; it begins one session, within a day."""
        self._sweep()
        return self._put(self._links)

    def enter(self, link: str) -> str | None:
        """Begin a session: the link is used up by it. None where the link was used, is too old, or never was one."""
        file = self._file(self._links, link)
        fresh = self._is_fresh(file, LINK_HOURS * 3600)
        try:
            # Of two who come with one link at once, one finds the file gone.
            file.unlink()
        except OSError:
            return None
        return self._put(self._sessions) if fresh else None

    def knows(self, secret: str) -> bool:
        """Whether this is the secret of a session that goes on."""
        return self._is_fresh(self._file(self._sessions, secret), self._seconds)

    def leave(self, secret: str) -> None:
        """End a session."""
        self._file(self._sessions, secret).unlink(missing_ok=True)

    def _put(self, folder: Path) -> str:
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        folder.mkdir(parents=True, exist_ok=True)
        for made in (folder.parent, folder):
            made.chmod(0o700)
        self._file(folder, secret).write_text(f"{self._clock():.3f}", encoding="ascii")
        return secret

    def _file(self, folder: Path, secret: str) -> Path:
        return folder / hashlib.sha256(secret[:_LONGEST].encode("utf-8", "replace")).hexdigest()

    def _is_fresh(self, file: Path, seconds: float) -> bool:
        try:
            began = float(file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return False
        return 0 <= self._clock() - began + 1 <= seconds

    def _sweep(self) -> None:
        for folder, seconds in ((self._links, LINK_HOURS * 3600), (self._sessions, self._seconds)):
            for file in folder.glob("*"):
                if not self._is_fresh(file, seconds):
                    with suppress(OSError):
                        file.unlink()


def form_token(session: str) -> str:
    """What each form of a session carries: another site can send a form here, and can't know this."""
    return hmac.new(session.encode(), b"selftune dashboard form", hashlib.sha256).hexdigest()


def is_form_token(session: str, token: str) -> bool:
    """Whether a form is one of that session's, in constant time."""
    return hmac.compare_digest(form_token(session).encode(), token.encode("utf-8", "replace"))
