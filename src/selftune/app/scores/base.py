"""What a reader of score files must do, and how a file is given to one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from selftune.records.scores import ScoreSheet


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user named; None for "find out".

    Attributes:
        metric: Which of several scores.
        arm: Which arm of a file that holds several.
        arm_is_named: Whether the user named the arm; else it is what the place on the command line suggests.
        columns: What the columns of a table are called, by their meaning.
    """

    metric: str | None = None
    arm: str | None = None
    arm_is_named: bool = False
    columns: tuple[tuple[str, str], ...] = ()

    def column(self, meaning: str) -> str | None:
        """The name that the user gave a column."""
        return dict(self.columns).get(meaning)


class ScoreReader(Protocol):
    """Reads the files of one format."""

    name: str

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether a file whose first object is this one has the format."""
        ...

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The scores.

        Raises:
            UsageError: the file is not what it should be, or holds no such metric or arm.
        """
        ...


def refuse(path: Path, why: str) -> UsageError:
    """The error for a file that can't be read as scores."""
    return UsageError(f"{path.name} can't be compared: {why}.", next_step="Correct the file, or name another.")


def numeric(value: Any) -> float | None:
    """The value if it is a finite number, truth values as 1 and 0."""
    if not isinstance(value, int | float) or abs(value) > sys.float_info.max or value != value:  # noqa: PLR0124 - NaN
        return None
    return float(value)
