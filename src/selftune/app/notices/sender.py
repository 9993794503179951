"""The program that sends one message: `python -P -m selftune.app.notices.sender`, JSON in, a line of JSON out.

What a URL of Apprise reaches can't be read from the URL for each of its hundred services. So it is held where it
happens: this process can look up and reach this machine and the hosts that it was given, and no other.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


class _RefusedError(OSError):
    """A host that the project does not allow."""


class _Fence:
    """Hears of each look-up and connection of this process before it happens, and refuses all but the allowed ones."""

    def __init__(self, allowed: Collection[str]) -> None:
        self.refused: set[str] = set()
        self._allowed = {host.lower() for host in allowed}
        self._look_up = socket.getaddrinfo
        self._found: set[str] = set()

    def put_up(self) -> None:
        """From here on, for good: an audit hook (PEP 578) can't be taken away."""
        socket.getaddrinfo = self._noted
        sys.addaudithook(self._hear)

    def _noted(self, *arguments: Any, **keywords: Any) -> Any:
        """Addresses of an allowed name may be connected to."""
        found = self._look_up(*arguments, **keywords)
        self._found |= {str(one[4][0]) for one in found}
        return found

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self._check(_text(arguments[0]))
        elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"} and isinstance(arguments[1], tuple):
            host = _text(arguments[1][0])
            if host not in self._found:
                self._check(host)

    def _check(self, host: str) -> None:
        address = _as_address(host)
        if host.lower() in {"localhost", *self._allowed} or (address is not None and address.is_loopback):
            return
        self.refused.add(host)
        raise _RefusedError(f"{host} is not allowed")


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def send(wanted: dict[str, Any]) -> str:
    """Send what is wanted; why it did not go out, in words that hold nothing of the URL but its host."""
    fence = _Fence(wanted["allow"])
    fence.put_up()
    import apprise

    told = apprise.Apprise()
    if not told.add(os.environ[wanted["name"]]):
        return "that is no URL that Apprise knows"
    if told.notify(title=wanted["title"], body=wanted["body"]):
        return ""
    if fence.refused:
        hosts = ", ".join(sorted(fence.refused))
        return f"it reaches {hosts}, which lies beyond this machine and is not under [egress] allow"
    return "the service did not take it"


def main() -> int:
    """Exit 0 where it went out."""
    problem = send(json.loads(sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps({"problem": problem}) + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
