"""Attempts to talk to anybody."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control


def _try(name: str, program: str, *, control: Control = Control.USER, short: bool = False) -> Attempt:
    return Attempt(name=name, family="network", program=program, control=control, short=short)


_HEAR: Final = """
def hear(family, kind, address):
    with socket.socket(family, kind) as there:
        there.settimeout(2)
        there.connect(address)
        there.send(b"?")
        got_out(there.recv(100))
"""

NETWORK: Final = (
    _try("connects to this machine", _HEAR + "hear(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', facts['tcp']))"),
    _try(
        "connects to any address of this machine",
        _HEAR + "hear(socket.AF_INET, socket.SOCK_STREAM, ('0.0.0.0', facts['tcp']))",
    ),
    _try(
        "connects to where clouds keep their keys",
        _HEAR + "hear(socket.AF_INET, socket.SOCK_STREAM, tuple(facts['other_address']))",
    ),
    _try("sends a packet", _HEAR + "hear(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', facts['udp']))"),
    _try("asks for the address of a name", "got_out(socket.getaddrinfo('localhost', 80))", short=True),
    _try("connects to a socket in a folder", _HEAR + "hear(socket.AF_UNIX, socket.SOCK_STREAM, facts['unix'])"),
    _try(
        "connects to a socket without a folder",
        _HEAR + r"hear(socket.AF_UNIX, socket.SOCK_STREAM, '\0' + facts['abstract'])",
    ),
    _try(
        "opens a raw socket",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); got_out()",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "listens to every packet",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768); got_out()",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "asks the kernel about the network",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); got_out()",
        short=True,
    ),
    _try("waits for a caller", "socket.create_server(('127.0.0.1', 0)); got_out()", short=True),
    _try("makes a pair of sockets", "socket.socketpair(); got_out()", short=True),
    _try(
        "opens a socket of any kind",
        """
for family in range(1, 46):
    for kind in 1, 2, 3, 5:
        with contextlib.suppress(OSError):
            socket.socket(family, kind)
            got_out((family, kind))
""",
        short=True,
    ),
    _try(
        "sees a network device",
        """
with open("/proc/net/dev") as lines:
    names = [line.split(":")[0].strip() for line in lines if ":" in line]
with open("/proc/net/tcp") as lines:
    talks = len(list(lines)) - 1
if names not in ([], ["lo"]) or talks:
    got_out((names, talks))
""",
    ),
)
