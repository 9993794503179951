"""What only POSIX has stays in one module; the rest of the house can be imported where there is none of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from selftune.platforms import is_wsl, peak_memory_bytes, sync_path, windows_host, windows_mount

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "selftune"
THE_ONE = SOURCES / "platforms.py"
# Runs on Linux alone: found by `find_sandbox`, or started inside a box.
LINUX = (SOURCES / "toolforge" / "sandbox", SOURCES / "toolforge" / "inside.py")
MODULES = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "posix"}
CALLS = {
    "os": {
        *("fork", "forkpty", "killpg", "setsid", "getuid", "geteuid", "getgid", "statvfs", "getpgid", "setpgid"),
        *("nice", "mkfifo", "sysconf", "uname", "wait", "waitid", "getloadavg", "sched_getaffinity", "fchmod"),
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGSTOP", "SIGCONT", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm", "setitimer"},
}
# What others import of the sandbox while they are imported themselves.
DOOR = tuple(SOURCES / "toolforge" / "sandbox" / name for name in ("__init__.py", "base.py", "finding.py"))
WORDS = "|".join([*MODULES, *(name for names in CALLS.values() for name in names)])
SUSPECT = re.compile(rf"\b(?:import |from |os\.|signal\.)(?:{WORDS})\b")


def used_of_posix(path: Path) -> list[str]:
    """What a file imports or calls that Windows has not."""
    found, text = [], path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if SUSPECT.search(text) else ():
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [f"{node.value.id}.{node.attr}"] if node.attr in CALLS.get(node.value.id, ()) else []
    return found


def test_only_one_module_calls_what_only_posix_has():
    assert {"os.sched_getaffinity", "resource", "termios", "tty", "signal.SIGKILL"} <= set(used_of_posix(THE_ONE))
    others = {path for path in SOURCES.rglob("*.py") if not any(map(path.is_relative_to, LINUX))} - {THE_ONE}
    assert {path.name: used for path in (*others, *DOOR) if (used := used_of_posix(path))} == {}


def test_nobody_imports_the_inside_of_the_sandbox_before_it_was_found():
    outside = [path for path in SOURCES.rglob("*.py") if not any(map(path.is_relative_to, LINUX))]
    inner = re.compile(r"^from selftune\.toolforge\.(?:inside|sandbox\.(?!base |finding ))", flags=re.MULTILINE)
    assert [path.name for path in (*outside, *DOOR) if inner.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("release", "inside"),
    [("5.15.153.1-microsoft-standard-WSL2", True), ("4.4.0-19041-Microsoft", True), ("6.8.0-45-generic", False)],
)
def test_linux_inside_windows_is_told_by_its_kernel(release, inside):
    assert is_wsl(release) is inside


MOUNTS = r"""/dev/sdc / ext4 rw,relatime 0 0
none /mnt/wsl tmpfs rw,relatime 0 0
C:\134 /mnt/c 9p rw,noatime,dirsync,aname=drvfs;path=C:\;uid=1000;gid=1000,access=client,msize=65536,trans=fd 0 0
D: /mnt/d drvfs rw,noatime 0 0
none /usr/lib/wsl/drivers 9p ro,nosuid,aname=drivers;fmask=222;dmask=222 0 0
C:\134 /home/me/my\040windows 9p rw,aname=drvfs;path=C:\ 0 0
/dev/sdd /mnt/c/linux ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "mount"),
    [
        ("/home/me/project", None),
        ("/mnt/c/Users/me/project", "/mnt/c"),
        ("/mnt/d/project", "/mnt/d"),
        ("/mnt/wsl/project", None),
        ("/usr/lib/wsl/drivers/x", None),
        ("/home/me/my windows/project", "/home/me/my windows"),
        ("/mnt/c/linux/project", None),
        ("/mnt/cc/project", None),
    ],
)
def test_a_folder_on_a_drive_of_windows_is_told_by_its_mount(tmp_path, folder, mount):
    (tmp_path / "mounts").write_text(MOUNTS, encoding="utf-8")
    assert windows_mount(Path(folder), tmp_path / "mounts") == mount
    assert windows_mount(Path(folder), tmp_path / "no such file") is None


def test_windows_has_the_address_of_the_gateway(tmp_path):
    head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
    routes = tmp_path / "route"
    routes.write_text(f"{head}eth0\t0010A8C0\t00000000\t1\t0\t0\t0\tF\neth0\t00000000\t011017AC\t3\t0\t0\t0\t0\n")
    assert windows_host(routes) == "172.23.16.1"
    routes.write_text(head)
    assert windows_host(routes) is None


def test_files_and_folders_are_made_durable_and_memory_is_counted_in_bytes(tmp_path):
    (tmp_path / "file").write_text("kept")
    sync_path(tmp_path / "file")
    sync_path(tmp_path)
    assert (tmp_path / "file").read_text() == "kept"
    assert 10**6 < peak_memory_bytes() < 10**12
