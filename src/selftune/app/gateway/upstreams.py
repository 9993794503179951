"""Which models a client may ask for by name: the champion, and the endpoints of others that the config names."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, RESERVED, Route
from selftune.errors import ConfigError, ServingError, UnknownNameError
from selftune.interactions.config import REDACTED
from selftune.judges.config import Judging
from selftune.judges.endpoint import appoint_endpoint
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.release.note import NOTE, ended_idle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.app.gateway.exchange import Exchange
    from selftune.loop.fronting import GatewayUpstream

STARTING: Final = (sys.executable, "-P", "-m", "selftune", "start", "--project")
_LOOK_SECONDS: Final = 5.0
_START: Final = "Run `selftune start` to start the active release."
_STARTING: Final = "It is being started: ask again in some seconds."
_START_AGAIN_SECONDS: Final = 60.0


def routes_of(
    upstreams: Sequence[GatewayUpstream], egress: Sequence[str], redacts: Sequence[str] = REDACTED
) -> dict[str, Route]:
    """The endpoints of others by name; of what one beyond this machine is sent, these kinds of secrets are taken out.

    Raises:
        ConfigError: a name is taken or empty, an endpoint is no address, lies beyond this machine without [egress], or
            its key is not set.
    """
    routes: dict[str, Route] = {}
    for upstream in upstreams:
        section = f"gateway.upstreams, {upstream.name!r}"
        if not upstream.name or upstream.name in RESERVED | routes.keys():
            raise ConfigError(
                f"[{section}]: this name is empty or taken.",
                next_step=f"Choose another; {', '.join(sorted(RESERVED))} are selftune's own.",
            )
        # The check that judges pass: a plain address, and beyond this machine only by [egress].
        endpoint = appoint_endpoint(
            Judging(
                name=upstream.name,
                endpoint=upstream.endpoint,
                model=upstream.model or upstream.name,
                api_key_env=upstream.api_key_env or None,
                egress=tuple(egress),
            ),
            section,
        )
        routes[upstream.name] = Route(
            upstream=upstream.name,
            address=endpoint.url,
            model=endpoint.model,
            authorization=None if endpoint.api_key is None else f"Bearer {endpoint.api_key}",
            redacts=None if endpoint.local else tuple(redacts),
        )
    return routes


class Champion:
    """Where the champion answers now: by the keeper's note, read again when it changed.

    One that ended because nobody asked is started by who asks; one that somebody stopped stays stopped.

    Args:
        folder: The project's.
        starting: The command that starts what is active, to which the folder is added.
    """

    def __init__(self, folder: Path, *, starting: tuple[str, ...] = STARTING) -> None:
        self._starting = (*starting, str(folder.resolve()))
        self._started: subprocess.Popen[bytes] | None = None
        self._start_again = 0.0
        self._live = LiveServer(Target(folder=str(folder.resolve()), project="", base=""))
        self._note = folder.resolve() / ".selftune" / NOTE
        self._seen: tuple[int, int] | None = None
        self._looked = 0.0
        self._route: Route | None = None
        self._why = ""

    def route(self) -> Route:
        """Where to ask it.

        Raises:
            ServingError: it does not serve now.
        """
        self._refresh()
        if self._route is None:
            raise ServingError(self._why, next_step=_STARTING if self._is_starting() else _START)
        return self._route

    def _is_starting(self) -> bool:
        """Whether it is under way; begun here where it only ended because nobody asked."""
        if self._started is not None and self._started.poll() is None:
            return True
        now = time.monotonic()
        if now < self._start_again or not ended_idle(self._note.parent):
            return False
        # What can't be started is not tried for every request.
        self._start_again = now + _START_AGAIN_SECONDS
        nothing = subprocess.DEVNULL
        self._started = subprocess.Popen(self._starting, stdin=nothing, stdout=nothing, stderr=nothing)
        return True

    def _refresh(self) -> None:
        try:
            state = self._note.stat()
        except FileNotFoundError:
            self._route, self._seen, self._why = None, None, "the champion does not serve now."
            return
        now = time.monotonic()
        if (state.st_mtime_ns, state.st_ino) == self._seen and now - self._looked < _LOOK_SECONDS:
            return
        self._seen, self._looked = (state.st_mtime_ns, state.st_ino), now
        status = self._live.status()
        if status is None or status.resting is not None or status.version is None:
            resting = status.resting if status is not None else None
            why = f": {resting}" if resting else ""
            self._route, self._why = None, f"the champion does not serve now{why}."
            return
        self._route = Route(upstream=CHAMPION, address=status.address, build_digest=status.build_digest)


class Upstreams:
    """The routing of a gateway without a canary: each name means one model."""

    def __init__(
        self,
        folder: Path,
        upstreams: Sequence[GatewayUpstream],
        egress: Sequence[str],
        redacts: Sequence[str] = REDACTED,
    ) -> None:
        self.champion = Champion(folder)
        self._others = routes_of(upstreams, egress, redacts)

    def aliases(self) -> tuple[str, ...]:
        """The champion, and the endpoints of others."""
        return (CHAMPION, *self._others)

    def pick(self, alias: str, sticky: str) -> Route:
        """Where a request under this name goes, whoever asks.

        Raises:
            UnknownNameError: no model has this name.
            ServingError: the champion does not serve now.
        """
        del sticky
        if alias == CHAMPION:
            return self.champion.route()
        route = self._others.get(alias)
        if route is None:
            if alias == CANDIDATE:
                raise ServingError("no candidate serves now.", next_step="Ask for the champion.")
            raise UnknownNameError("model", alias, self.aliases())
        return route

    def observe(self, exchange: Exchange) -> None:
        """Nothing: there is nothing to compare with."""
