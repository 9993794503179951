"""Attempts on what others keep to themselves."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control


def _try(name: str, program: str, *, control: Control = Control.USER, short: bool = False) -> Attempt:
    return Attempt(name=name, family="secrets", program=program, control=control, short=short)


_READ_ALL: Final = """
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        with contextlib.suppress(OSError):
            with open("/proc/" + name + "/{file}", "rb") as file:
                os.write(1, file.read())
"""

SECRETS: Final = (
    _try("reads the environment", "print(dict(os.environ))"),
    _try(
        "has an environment",
        "names = set(os.environ) - {'PWD', 'LC_CTYPE'}\nif names:\n    got_out(names)",
        short=True,
    ),
    _try("reads the environment of other processes", _READ_ALL.format(file="environ")),
    _try("reads the command lines of other processes", _READ_ALL.format(file="cmdline")),
    _try(
        "knows the name of the machine",
        "if os.uname().nodename != 'box':\n    got_out(os.uname().nodename)",
        short=True,
    ),
    _try("knows the names of the users", "import pwd\nif pwd.getpwall():\n    got_out()", short=True),
    _try(
        "reads what the kernel holds",
        """
for name in "kcore", "kmsg", "kpagecount", "slabinfo", "vmallocinfo", "timer_list":
    with contextlib.suppress(OSError):
        os.open("/proc/" + name, os.O_RDONLY | os.O_NONBLOCK)
        got_out(name)
""",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "knows where the kernel lies",
        "with open('/proc/kallsyms') as lines:\n    if int(next(lines).split()[0], 16):\n        got_out()",
        control=Control.ROOT,
        short=True,
    ),
    _try("reads the messages of the kernel", "call('syslog', 10, 0, 0) or got_out()", control=Control.ROOT, short=True),
    _try("reads how the machine was started", "show('/proc/cmdline')", short=True),
    _try(
        "reads what the kernel tells of the machine",
        """
for name in "modules", "interrupts", "partitions", "diskstats", "swaps", "keys", "timer_list":
    with contextlib.suppress(OSError):
        show("/proc/" + name)
""",
        short=True,
    ),
    _try(
        "changes what it was given",
        "os.ftruncate(0, 1 << 20); got_out()",
        short=True,
    ),
)
