"""The one table of exit codes."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.gate.referee.verdict import Finding
    from selftune.records import Outcome


class ExitCode(IntEnum):
    """What each command ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    REJECTED = 3
    INCONCLUSIVE = 4
    WAITING = 5
    LOCKED = 6
    BUDGET = 7
    INVALID = 8
    SANDBOX = 9
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.ERROR: "something failed",
    ExitCode.USAGE: "the command, the config or a file is wrong",
    ExitCode.REJECTED: "the gate, or what is on record, says no; a comparison: worse; a report: what can't be true",
    ExitCode.INCONCLUSIVE: "the gate or the comparison is not sure",
    ExitCode.WAITING: "waits for a person",
    ExitCode.LOCKED: "another runner holds the project, or another training this machine",
    ExitCode.BUDGET: "the time, money or disk space is used up",
    ExitCode.INVALID: "the measurement is invalid, or what is on disk is not what was recorded",
    ExitCode.SANDBOX: "no sandbox to run tools in",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, as shells count it; what was finished is kept",
}


def code_of(outcome: Outcome) -> ExitCode:
    """What a command ends with after this outcome of the gate."""
    return {
        "promote": ExitCode.OK,
        "reject": ExitCode.REJECTED,
        "inconclusive": ExitCode.INCONCLUSIVE,
        "invalid": ExitCode.INVALID,
    }[outcome.value]


def finding_code(finding: Finding) -> ExitCode:
    """What a comparison ends with."""
    return {
        "better": ExitCode.OK,
        "worse": ExitCode.REJECTED,
        "inconclusive": ExitCode.INCONCLUSIVE,
        "invalid": ExitCode.INVALID,
    }[finding.value]


def system_exit_code(error: OSError) -> ExitCode:
    """What a command ends with when the system refused something.

    A full disk is a budget that is used up; a file where a folder was meant, or a folder for a file, is a wrong path.
    """
    if error.errno == errno.ENOSPC:
        return ExitCode.BUDGET
    return ExitCode.USAGE if error.errno in {errno.EEXIST, errno.EISDIR, errno.ENOTDIR} else ExitCode.ERROR
