"""What started this program as a service hears how it goes: datagrams as sd_notify(3) has them, by Python alone."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

log = logging.getLogger("selftune.up")

_NAMES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, kw_only=True)
class ServiceManager:
    """Who is told; nobody where a person started it by hand.

    Attributes:
        address: Of its socket: a path, or a name behind `@`; empty where nobody listens.
        watchdog_seconds: After so long without a word it takes the program for hung; None where it does not watch.
    """

    address: str = ""
    watchdog_seconds: float | None = None

    def tell(self, *words: str) -> bool:
        """Say these words, such as `READY=1`; False where they can't be said just now, and the program goes on."""
        if not self.address:
            return True
        place = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
                # Whoever does not listen must not hold up what is to be kept running.
                speaking.settimeout(0)
                speaking.sendto("\n".join(words).encode(), place)
        except OSError as error:
            # It is said again soon: a warning each time would fill the log.
            log.info("the service manager can't be told: %s", error)
            return False
        return True


def take_service_manager(environment: MutableMapping[str, str]) -> ServiceManager:
    """Who started this program, by what stands in its environment; taken out there, so that no child speaks for it."""
    address, microseconds, watched = (environment.pop(name, "") for name in _NAMES)
    if not address.startswith(("/", "@")):
        return ServiceManager()
    watches = microseconds.isdecimal() and int(microseconds) > 0 and watched in {"", str(os.getpid())}
    return ServiceManager(address=address, watchdog_seconds=int(microseconds) / 1e6 if watches else None)
