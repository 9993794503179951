"""Attempts on other processes, and to leave one behind."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control
from selftune.toolforge.sandbox.base import EndedBy, Limits

_FEW: Final = Limits(processes=24, wall_seconds=30)
_SHORT: Final = Limits(wall_seconds=0.6)


def _try(
    name: str,
    program: str,
    *,
    control: Control = Control.USER,
    limits: Limits | None = None,
    ends: EndedBy | None = None,
    outlives: bool = False,
    short: bool = False,
) -> Attempt:
    return Attempt(
        name=name,
        family="processes",
        program=program,
        control=control,
        limits=limits,
        ends=ends,
        outlives=outlives,
        short=short,
    )


# A child that calls itself by the name, in a session of its own, deaf to whoever asks it to end.
_DAEMON: Final = """
def leave_behind():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
                signal.signal(number, signal.SIG_IGN)
            ctypes.CDLL(None).prctl(15, facts["name"].encode(), 0, 0, 0)
            os.closerange(0, 64)
            time.sleep(60)
        os._exit(0)
"""

PROCESSES: Final = (
    _try(
        "forks more often than it may",
        """
children = []
with contextlib.suppress(OSError):
    while len(children) < 40:
        child = os.fork()
        if child == 0:
            time.sleep(20)
            os._exit(0)
        children.append(child)
if len(children) == 40:
    got_out()
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
""",
        limits=_FEW,
    ),
    _try(
        "starts more threads than it may",
        """
end = threading.Event()
threads = [threading.Thread(target=end.wait, args=(5,), daemon=True) for _ in range(40)]
with contextlib.suppress(RuntimeError):
    for thread in threads:
        thread.start()
    got_out()
end.set()
""",
        limits=_FEW,
    ),
    _try(
        "forks from every child",
        """
def grow(depth):
    for _ in range(2):
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                if depth:
                    grow(depth - 1)
                time.sleep(20)
                os._exit(0)
def relatives():
    found = 0
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            found += os.getpgid(int(name)) == os.getpgid(0)
    return found
grow(4)
end = time.monotonic() + 3
while time.monotonic() < end:
    if relatives() > 40:
        got_out()
        break
    time.sleep(0.1)
os.killpg(0, signal.SIGKILL)
""",
        limits=_FEW,
    ),
    _try("leaves a process behind when it ends", _DAEMON + "leave_behind(); time.sleep(0.1)", outlives=True),
    _try(
        "leaves a process behind when it is killed",
        _DAEMON + "leave_behind(); time.sleep(2)",
        limits=_SHORT,
        ends=EndedBy.WALL,
        outlives=True,
    ),
    _try("sends a signal to a process of the same user", "os.kill(facts['pid'], 0); got_out()"),
    _try("sends a signal to everybody", "os.kill(-1, 0); got_out()"),
    _try(
        "sees other processes",
        """
with open("/proc/loadavg"):
    names = [name for name in os.listdir("/proc") if name.isdigit()]
if len(names) > 4:
    got_out(len(names))
""",
        short=True,
    ),
    _try(
        "writes into the memory of another process",
        # Into that of the first process of its box it may: see the box.
        """
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()):
        with contextlib.suppress(OSError):
            os.close(os.open("/proc/" + name + "/mem", os.O_RDWR))
            got_out(name)
""",
        control=Control.ROOT,
    ),
    _try(
        "takes precedence over others",
        """
with contextlib.suppress(OSError):
    os.nice(-5)
    got_out("nice")
with contextlib.suppress(OSError):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    got_out("real time")
""",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "raises its own limits",
        """
for kind in resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE:
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY:
            got_out("there is none")
        resource.setrlimit(kind, (hard + 1, hard + 1))
        got_out(kind)
""",
        control=Control.ROOT,
        short=True,
    ),
)
