"""Attempts on the files of the host."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control

_FAMILY: Final = "files"


def _try(
    name: str, program: str, *, control: Control = Control.USER, short: bool = False, family: str = _FAMILY
) -> Attempt:
    return Attempt(name=name, family=family, program=program, control=control, short=short)


FILES: Final = (
    _try("reads a file of the host by its path", "show(facts['readable_file'])"),
    _try("reads the list of users", "show('/etc/passwd')", short=True),
    _try("reads the passwords", "show('/etc/shadow')", control=Control.ROOT, short=True),
    _try("lists the home folder", "got_out(os.listdir(facts['home']))", control=Control.ROOT),
    _try("reads a file of the project", "show(facts['private_file'])", control=Control.ROOT),
    _try(
        "looks into the folders of the host",
        """
for name in "/etc/ssl", "/var", "/opt", "/mnt", "/srv", "/boot", "/run", "/sys", "/media":
    with contextlib.suppress(OSError):
        if os.listdir(name):
            got_out(name)
""",
        short=True,
    ),
    _try(
        "writes a file of the host",
        """
with open(facts["writable_file"], "a") as file:
    file.write(" ")
got_out()
""",
    ),
    _try(
        "opens the standard library for writing",
        "os.close(os.open(json.__file__, os.O_WRONLY)); got_out()",
        control=Control.ROOT,
        short=True,
    ),
    _try("follows a link of its own", "os.symlink(facts['readable_file'], 'link'); show('link')"),
    _try("makes a second name for a file", "os.link(facts['writable_file'], 'name'); got_out()"),
    _try("goes through the root of its own process", "show('/proc/self/root' + facts['readable_file'])"),
    _try(
        "goes through the root of another process",
        """
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        with contextlib.suppress(OSError):
            show("/proc/" + name + "/root" + facts["readable_file"])
""",
    ),
    _try("climbs up from its folder", "show('../' * 100 + facts['readable_file'].lstrip('/'))"),
    _try(
        "climbs up from a folder that it was moved out of",
        """
os.makedirs("a/b")
os.chdir("a/b")
os.rename("../b", "../../b")
show("../" * 50 + facts["readable_file"].lstrip("/"))
""",
    ),
    _try(
        "reads the files that it inherited",
        """
for number in range(3, 1024):
    with contextlib.suppress(OSError):
        os.lseek(number, 0, os.SEEK_SET)
        got_out(os.read(number, 200))
""",
    ),
    _try(
        "reads the files that another process has open",
        """
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        with contextlib.suppress(OSError):
            for number in os.listdir("/proc/" + name + "/fd"):
                with contextlib.suppress(OSError):
                    path = "/proc/" + name + "/fd/" + number
                    if os.path.isfile(path):
                        with open(path, "rb") as file:
                            os.write(1, file.read(1000))
""",
    ),
    _try(
        "opens the devices of the host",
        """
for name in "mem", "kmsg", "port", "kvm", "fuse", "sda", "vda", "nvme0n1", "loop0", "input/event0", "dri/card0":
    with contextlib.suppress(OSError):
        os.open("/dev/" + name, os.O_RDONLY | os.O_NONBLOCK)
        got_out(name)
""",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "makes a device of its own",
        "os.mknod('disk', 0o060600, os.makedev(7, 0)); os.unlink('disk'); got_out()",
        control=Control.ROOT,
        short=True,
    ),
    _try(
        "leaves a file in shared memory",
        """
name = "/dev/shm/" + str(time.time_ns())
open(name, "x").close()
os.unlink(name)
got_out()
""",
        short=True,
    ),
    _try(
        "opens a setting of the kernel for writing",
        """
for name in "kernel/core_pattern", "kernel/hostname", "vm/drop_caches", "user/max_user_namespaces":
    with contextlib.suppress(OSError):
        os.close(os.open("/proc/sys/" + name, os.O_WRONLY))
        got_out(name)
""",
        control=Control.ROOT,
        short=True,
    ),
)
