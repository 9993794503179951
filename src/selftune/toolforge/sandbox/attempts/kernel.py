"""Attempts to ask the kernel for what a program has no need of."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control, reach

_NEW_USER: Final = 0x10000000

KERNEL: Final = (
    reach("unshare", _NEW_USER, short=True, told=" for a user of its own"),
    reach("unshare", 0x00020000, control=Control.ROOT, told=" for mounts of its own"),
    reach("setns", -1, 0),
    Attempt(
        name="clones itself into a namespace of its own",
        family="kernel",
        program="""
child = ctypes.CDLL(None, use_errno=True).syscall(facts["calls"]["clone"], 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
if child > 0:
    got_out()
""",
        short=True,
    ),
    Attempt(
        name="mounts a folder",
        family="kernel",
        program="""
libc = ctypes.CDLL(None, use_errno=True)
os.mkdir("mounted")
if call("unshare", 0x00020000) == 0:
    # A control must show its mount to nobody else.
    libc.mount(None, b"/", None, 0x44000, None)
if libc.mount(b"none", b"mounted", b"tmpfs", 0, None) == 0:
    libc.umount(b"mounted")
    got_out()
""",
        control=Control.ROOT,
        short=True,
    ),
    reach("umount2", 0, 0, control=Control.ROOT),
    reach("pivot_root", 0, 0, control=Control.ROOT),
    reach("chroot", 0),
    reach("fsopen", 0, 0, control=Control.ROOT),
    reach("open_tree", -1, 0, 0),
    reach("move_mount", -1, 0, -1, 0, 0, control=Control.ROOT),
    reach("name_to_handle_at", -1, 0, 0, 0, 0),
    reach("open_by_handle_at", -1, 0, 0, control=Control.ROOT),
    reach("ptrace", 0, 0, 0, 0, short=True),
    reach("process_vm_readv", 1, 0, 0, 0, 0, 0),
    reach("process_vm_writev", 1, 0, 0, 0, 0, 0),
    reach("pidfd_open", 1, 0),
    reach("pidfd_getfd", -1, 0, 0),
    reach("bpf", 0, 0, 0, control=Control.ROOT, short=True),
    reach("perf_event_open", 0, 0, 0, 0, 0, control=Control.ROOT, short=True),
    reach("userfaultfd", 1 << 20, control=Control.ROOT, short=True),
    reach("io_uring_setup", 0, 0, short=True),
    reach("keyctl", 999, 0, 0, 0, 0, short=True),
    reach("add_key", 0, 0, 0, 0, 0),
    reach("kexec_load", 0, 0, 0, -1, control=Control.ROOT, short=True),
    reach("init_module", 0, 0, 0, control=Control.ROOT, short=True),
    reach("finit_module", -1, 0, 0, control=Control.ROOT),
    reach("delete_module", 0, 0, control=Control.ROOT),
    reach("swapoff", 0, control=Control.ROOT),
    reach("personality", 0xFFFFFFFF, short=True),
    reach("mq_open", 0, 0, 0, 0),
    reach("adjtimex", 0, short=True),
    Attempt(
        name="sets the clock",
        family="time",
        # A time that no clock can show: whoever looks at it says so, and sets nothing.
        program="""
wrong = (ctypes.c_long * 2)(0, 2_000_000_000)
answer = call("clock_settime", 0, ctypes.addressof(wrong))
if answer != errno.EPERM:
    got_out(os.strerror(answer))
""",
        short=True,
    ),
    Attempt(
        name="types into the terminal of whoever started it",
        family="kernel",
        program="""
import fcntl
try:
    fcntl.ioctl(0, 0x5412, b"x")
except OSError as error:
    if error.errno not in (errno.EPERM, errno.EIO):
        got_out(error)
else:
    got_out()
""",
        short=True,
    ),
    Attempt(
        name="calls what the filter can't look into",
        family="kernel",
        program="""
for name, arguments in ("clone3", (0, 0)), ("cachestat", (-1, 0, 0, 0)):
    answer = call(name, *arguments)
    if answer != errno.ENOSYS:
        got_out((name, os.strerror(answer)))
""",
        short=True,
    ),
    Attempt(
        name="calls by the numbers of another machine",
        family="kernel",
        # 32-bit code on a 64-bit machine: `int 0x80` with the number of getpid there.
        program="""
code = bytes.fromhex("b814000000cd80c3")
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0:
    got_out()
""",
        short=True,
        machine="x86_64",
    ),
)
