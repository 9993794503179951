"""Every error that a user can cause, in one tree; each says what to do next.

SelftuneError                 1  something failed
├── UsageError                2  the command, the config or a file is wrong
│   ├── ConfigError              a key or value in a config file
│   ├── MissingFileError         a file or folder that is not there
│   ├── UnknownNameError         a name that nothing is registered under
│   └── WithdrawnError           words that their author took back
├── NotYet                    0  nothing to do now; no fault
│   ├── NothingNewError       0  no interaction since the last run
│   ├── BelowTriggerError     0  too few golden items
│   ├── NothingToTrainOnError 0  every item was rejected
│   ├── NothingBetterError    0  no prompt that was tried did better than none
│   ├── UnbalancedError       5  what could be learnt from is too much of one kind, or too little of another
│   ├── JudgeMissingError     5  a person must name a judge
│   └── WaitingForPersonError 5  an approval is awaited
├── DatabaseAwayError         1  the server that keeps the records does not answer
├── ProposerError             1  who proposes what to try next can't, or only what must not be tried
├── LockedError               6  another runner holds the project
├── BudgetError               7  time or money is used up
├── SandboxError              9  nothing here can hold a program that nobody has read
└── IntegrityError            8  what is on disk is not what was recorded
├── DamagedFileError         a model or record file does not match its digest
└── ServingError             a server failed, or is not what it should be
    └── RequestRefusedError  a server that works will not answer this one request
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class SelftuneError(Exception):
    """Something failed; `next_step` says what the user can do about it.

    Attributes:
        exit_code: What the command line exits with (see the tree above).
        next_step: One sentence that begins with a verb.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}"


class UsageError(SelftuneError):
    """The command, the config or a file given to us is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file holds a key or a value that we refuse."""


class MissingFileError(UsageError):
    """A file or folder that was named is not there."""


class UnknownNameError(UsageError):
    """Nothing is registered under this name; the nearest names are offered."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown {what} {name!r}.", next_step=offer(name, known))
        self.name = name


class WithdrawnError(UsageError):
    """What was named shows words that their author took back."""


def offer(name: str, known: Iterable[str]) -> str:
    """The next step after a slip in a name: the nearest known names, else all of them."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Choose from: {', '.join(choices)}." if choices else "There is none yet."


class NotYet(SelftuneError):  # noqa: N818 - it is no error: the cycle ends here on purpose
    """The cycle has nothing to do now; shown as `Halted` with its next step."""

    exit_code = 0


class NothingNewError(NotYet):
    """No interaction has come in since the last run."""


class BelowTriggerError(NotYet):
    """Too few golden items to train on yet; the message says how many more."""


class NothingToTrainOnError(NotYet):
    """Every item was rejected; the message names the commonest reason."""


class NothingBetterError(NotYet):
    """No prompt that was tried did better than none; the message says by how much the best one did not."""


class UnbalancedError(NotYet):
    """What could be learnt from is too much of one kind or too little of another; a person must say what to do."""

    exit_code = 5


class JudgeMissingError(NotYet):
    """The configured judge cannot judge this log; a person must name one."""

    exit_code = 5


class WaitingForPersonError(NotYet):
    """A person must approve, sign or answer before the cycle goes on."""

    exit_code = 5


class DatabaseAwayError(SelftuneError):
    """The server that keeps the records does not answer; what it had taken before is there."""


class ProposerError(SelftuneError):
    """Who proposes what to try next can't, or proposes only what must not be tried."""


class LockedError(SelftuneError):
    """Another runner holds the lease."""

    exit_code = 6


class BudgetError(SelftuneError):
    """Time, money or disk is used up; what was done so far is kept."""

    exit_code = 7


class SandboxError(SelftuneError):
    """Nothing on this machine can hold a program that nobody has read, so none is run."""

    exit_code = 9


class IntegrityError(SelftuneError):
    """What is on disk is not what was recorded."""

    exit_code = 8


class DamagedFileError(IntegrityError):
    """A model or record file does not match its digest, or is malformed."""


class ServingError(IntegrityError):
    """A server did not start, died, or is not what it should be."""


class RequestRefusedError(ServingError):
    """A server that works will not answer this one request: it is longer than the model reads, or has no question."""
