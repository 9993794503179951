"""Attempts by the ways of Python itself."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt


def _try(name: str, program: str, *, short: bool = False) -> Attempt:
    return Attempt(name=name, family="python", program=program, short=short)


PYTHON: Final = (
    _try("calls the C library", "ctypes.CDLL(None).system(('cat ' + facts['readable_file']).encode())"),
    _try(
        "finds installed packages",
        """
for folder in facts["packages"]:
    with contextlib.suppress(OSError):
        if os.listdir(folder):
            got_out(folder)
""",
    ),
    _try(
        "has installed packages on its path",
        "if [name for name in sys.path if 'packages' in name]:\n    got_out()",
        short=True,
    ),
    _try("is led astray by a variable", "import evil_twin"),
    _try(
        "unpacks an object that runs a command",
        """
import pickle
class Bait:
    def __reduce__(self):
        return os.system, ("cat " + facts["readable_file"],)
pickle.loads(pickle.dumps(Bait()))
""",
    ),
    _try(
        "starts a program that makes its user root",
        """
child = subprocess.Popen(["/usr/bin/su"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
end = time.monotonic() + 3
while time.monotonic() < end and child.poll() is None:
    with open("/proc/%d/status" % child.pid) as lines:
        if next(line for line in lines if line.startswith("Uid:")).split()[2] == "0":
            got_out()
            break
    time.sleep(0.01)
child.kill()
""",
    ),
    _try(
        "builds a sandbox of its own around everything",
        "subprocess.run(['bwrap', '--unshare-user', '--ro-bind', '/', '/', 'cat', facts['readable_file']])",
    ),
    _try(
        "changes the program that it came from",
        "os.close(os.open(sys.argv[0], os.O_WRONLY)); got_out()",
        short=True,
    ),
)
