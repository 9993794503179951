"""The registry as a person reads it: each model with its names, parents, successors and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.governance.registry.lineage import weights_of
from selftune.governance.registry.names import names_of, namings
from selftune.governance.registry.retirement import RESTORE, lies_there, missing_parts
from selftune.records import Model, Release, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.context import Blobs, Reader


@dataclass(frozen=True, kw_only=True)
class End:
    """How a model ended.

    Attributes:
        lacks: The parts that a full record has and this one has not; empty for a full one.
        restorable: Whether the files that it names lie there today, as many and as large; none were read.
    """

    retirement: Statement
    lacks: tuple[str, ...]
    restorable: bool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model with what is derived about it.

    Attributes:
        names: What it was called, today's name last.
        successors: Ids of the models that name it as a parent.
        end: The last retirement on record; None while it was never retired.
    """

    model: Model
    names: tuple[str, ...]
    successors: tuple[str, ...]
    end: End | None

    @property
    def name(self) -> str:
        """What it is called today."""
        return self.names[-1]

    @property
    def disposition(self) -> str:
        """What became of it, as far as the record says."""
        if self.end is not None:
            return self.end.retirement.category or "retired, nobody said how"
        return "has a successor" if self.successors else "on record"


def entries(read: Reader, blobs: Blobs, folder: Path, known: Callable[[str], bool]) -> tuple[Entry, ...]:
    """Every model that was entered, oldest first; what is derived is derived now."""
    given = namings(read)
    models = [model for _, model in read.each(Model)]
    ends = {one.subject: one for _, one in read.each(Statement) if one.kind is StatementKind.RETIREMENT}

    def end_of(model: Model) -> End | None:
        retirement = ends.get(model.id)
        if retirement is None:
            return None
        ways = [fact for fact in retirement.facts if fact.query == RESTORE]
        return End(
            retirement=retirement,
            lacks=tuple(missing_parts(retirement, known)),
            restorable=bool(ways) and all(lies_there(fact, blobs, folder) for fact in ways),
        )

    return tuple(
        Entry(
            model=model,
            names=names_of(model, given),
            successors=tuple(one.id for one in models if {model.id, *weights_of(model.files)} & set(one.parents)),
            end=end_of(model),
        )
        for model in models
    )


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One of our own releases, which nobody has to enter.

    Attributes:
        parent: Version of the release that it replaced; None for the first.
        successor: Version of the one that replaced it; None for what serves.
        reason: Why it was released, `ended` why it was replaced.
    """

    version: str
    build_id: str
    parent: str | None
    successor: str | None
    reason: str
    ended: str

    @property
    def disposition(self) -> str:
        """What became of it."""
        return "serves" if self.successor is None else f"replaced by {self.successor}"


def generations(read: Reader) -> tuple[Generation, ...]:
    """What the loop released, oldest first, each with what came before and after it."""
    releases = [one for _, one in read.each(Release)]
    versions = {one.id: one.version for one in releases}
    after = {one.replaced: one for one in releases if one.replaced is not None}
    return tuple(
        Generation(
            version=one.version,
            build_id=one.build_id,
            parent=None if one.replaced is None else versions.get(one.replaced),
            successor=after[one.id].version if one.id in after else None,
            reason=one.reason,
            ended=after[one.id].reason if one.id in after else "",
        )
        for one in releases
    )
