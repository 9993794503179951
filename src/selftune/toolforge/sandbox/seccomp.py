"""The filter of system calls: what no program in the box may ask of the kernel, as classic BPF.

The list refuses what reaches out of the box or deep into the kernel, and every call that is younger than this list.
The program's form is that of linux/filter.h and linux/seccomp.h.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_ABOVE: Final = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000  # the whole process: a wrong architecture would give the numbers another meaning
_NOT_PERMITTED: Final = 0x00050000 | 1
_NOT_KNOWN: Final = 0x00050000 | 38  # ENOSYS: a C library then tries the older call

# Offsets in struct seccomp_data; both machines are little-endian, so the low word of an argument comes first.
_NUMBER: Final = 0
_MACHINE: Final = 4
_FIRST_ARGUMENT: Final = 16
_SECOND_ARGUMENT: Final = 24

_NEW_NAMESPACES: Final = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_TERMINAL_TRICKS: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: they type into the terminal of whoever started it

# Of Linux 5.17. What came later is answered as unknown until somebody has looked at it.
_NEWEST_CALL: Final = 450

# The calls refused, with their numbers on x86-64 and aarch64 (asm/unistd_64.h, asm-generic/unistd.h).
_REFUSED: Final = {
    # into other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    # into file systems and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "sysfs": (139, None),
    "ustat": (136, None),
    # deep into the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "uselib": (134, None),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "syslog": (103, 116),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # the clock
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "settimeofday": (164, 170),
    # talk
    "socket": (41, 198),
    "socketpair": (53, 199),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    # memory that no limit of a process counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_IOCTL: Final = (16, 29)
_YOUNGER: Final = {"cachestat": (451, 451)}
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter ready for `bwrap --seccomp`; `names` are the calls that it refuses outright."""

    machine: str
    program: bytes
    names: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the program."""
        return hashlib.sha256(self.program).hexdigest()


def compile_filter(machine: str) -> Filter | None:
    """The filter for a machine as `platform.machine()` names it; None where its numbers are not known here."""
    if machine not in _MACHINES:
        return None
    column, audit = _MACHINES[machine]
    numbers = {name: row[column] for name, row in _REFUSED.items() if row[column] is not None}
    steps = [
        _step(_LOAD_WORD, _MACHINE),
        _step(_IF_EQUAL, audit, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD_WORD, _NUMBER),
        *_answer(_IF_ABOVE, _NEWEST_CALL, _NOT_KNOWN),
        *_answer(_IF_EQUAL, _CLONE3[column], _NOT_KNOWN),
    ]
    for number in numbers.values():
        steps += _answer(_IF_EQUAL, number or 0, _NOT_PERMITTED)
    steps += _argument(_CLONE[column], _FIRST_ARGUMENT, _answer(_IF_ANY_BIT, _NEW_NAMESPACES, _NOT_PERMITTED))
    typing = [step for trick in _TERMINAL_TRICKS for step in _answer(_IF_EQUAL, trick, _NOT_PERMITTED)]
    steps += _argument(_IOCTL[column], _SECOND_ARGUMENT, typing)
    steps.append(_step(_RETURN, _ALLOW))
    return Filter(machine=machine, program=b"".join(steps), names=tuple(sorted(numbers)))


def numbers_of(machine: str) -> dict[str, int]:
    """The numbers of the calls that the filter decides on, and of one that is younger; none for an unknown machine."""
    if machine not in _MACHINES:
        return {}
    column, _ = _MACHINES[machine]
    rows = _REFUSED | _YOUNGER | {"clone": _CLONE, "clone3": _CLONE3, "ioctl": _IOCTL}
    return {name: number for name, row in rows.items() if (number := row[column]) is not None}


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One struct sock_filter: code, how many steps to skip if so and if not, and the value."""
    return struct.pack("=HBBI", code, yes, no, value)


def _answer(code: int, value: int, result: int) -> list[bytes]:
    """Return `result` where the comparison holds, else go on."""
    return [_step(code, value, no=1), _step(_RETURN, result)]


def _argument(number: int, offset: int, steps: list[bytes]) -> list[bytes]:
    """Look at an argument of one call; whatever `steps` do not answer is allowed."""
    inside = [_step(_LOAD_WORD, offset), *steps, _step(_RETURN, _ALLOW)]
    return [_step(_IF_EQUAL, number, no=len(inside)), *inside]
