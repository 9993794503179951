"""Runs stages: reuses what is finished, else runs it and keeps it with its ledger row in one transaction.

A stage decides, the executor keeps. A step is named by stage, stage version, inputs, config and seed, never by the
clock; a step with that name that is finished is not run again, after a crash or in the next cycle. One exception: an
evaluation that an outage left without scores is asked again by the next command, and goes on from what it has.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast, overload, runtime_checkable

from selftune.context import LLAMA_CPP
from selftune.errors import BudgetError, NotYet, SelftuneError
from selftune.evals.config import EvaluationConfig
from selftune.failpoints import reach
from selftune.records import Build, Evaluation, Quarantined, Record, digest_file, digest_of, digest_of_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from selftune.context import Context, Progress
    from selftune.store import Store

I = TypeVar("I")  # noqa: E741 - inputs, config, output: the three letters of a stage
C = TypeVar("C")
R = TypeVar("R", bound=Record)

_SPOILT: Final = 0.05
"""Share of answers without a score above which an evaluation is not reused: the limit of both shipped policies."""


@runtime_checkable
class HasIdentity(Protocol):
    """Says itself what names a step that read it."""

    @property
    def identity(self) -> str:
        """A digest or a name that survives the process."""
        ...


class Observer(Protocol):
    """Hears what the executor does; shows it, or does not."""

    def started(self, stage: str) -> None:
        """A stage begins."""
        ...

    def progressed(self, stage: str, progress: Progress) -> None:
        """A stage has come this far."""
        ...

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """A stage's records are kept."""
        ...

    def stopped(self, stage: str) -> None:
        """A stage ended without a result: an error, or a person who had enough."""
        ...

    def told(self, text: str) -> None:
        """Something was put right that a person should know of."""
        ...


class Silent:
    """Hears everything and says nothing."""

    def started(self, stage: str) -> None:
        """Say nothing."""

    def progressed(self, stage: str, progress: Progress) -> None:
        """Say nothing."""

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """Say nothing."""

    def stopped(self, stage: str) -> None:
        """Say nothing."""

    def told(self, text: str) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Stored(Generic[R]):
    """Many kept records by id, read in pages whenever they are iterated; without broken lines and what was erased."""

    ids: Sequence[str]
    store: Store

    def __iter__(self) -> Iterator[R]:
        readable = (name for name in self.ids if not name.startswith(f"{Quarantined.KIND}:"))
        return cast("Iterator[R]", self.store.kept_records(readable, Record))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long a stage took; a reused step took nothing."""

    stage: str
    seconds: float
    reused: bool


class Executor:
    """Takes one step at a time; made once per command, holding the project's lease.

    `before` is asked before a step that is not finished, `amid` whenever it tells how far it has come; what they raise
    ends the command there.
    """

    def __init__(
        self,
        *,
        store: Store,
        context: Context,
        observer: Observer,
        deadline: float | None = None,
        seal: Callable[[Build], Build] = lambda build: build,
        before: Callable[[str], None] = lambda stage: None,  # noqa: ARG005 - nobody need object
        amid: Callable[[str], None] = lambda stage: None,  # noqa: ARG005 - nobody need object
    ) -> None:
        self._store = store
        self._context = context
        self.observer = observer
        self._deadline = deadline
        self._seal = seal
        self._before = before
        self._amid = amid
        self._taken: set[str] = set()
        self._noted: dict[str, tuple[str, Callable[[Any, Any], Mapping[str, str]]]] = {}
        self.timings: list[Timing] = []

    @overload
    def __call__(
        self, stage: Callable[[I, C, Context], Iterator[R | Quarantined]], inputs: I, config: C
    ) -> Stored[R]: ...
    @overload
    def __call__(self, stage: Callable[[I, C, Context], R], inputs: I, config: C) -> R: ...
    def __call__(self, stage: Callable[[I, C, Context], Any], inputs: I, config: C) -> Any:
        """The stage's output: from the store if this very step is finished, else run now and kept.

        Raises:
            BudgetError: the deadline has passed; nothing was begun.
            LockedError: the lease was lost; the store refuses to write.
        """
        finished = self._store.finished_step(self._take(stage, inputs, config))
        assert finished is not None, "it was taken just now"  # noqa: S101 - can't happen
        return Stored(finished.outputs, self._store) if finished.many else self._store.any_record(finished.outputs[0])

    def count(self, stage: Callable[[I, C, Context], Iterator[Record]], inputs: I, config: C) -> int:
        """How many records a step gives; for so many that their ids would not fit in memory. Errors as by a call."""
        return self._store.count_outputs(self._take(stage, inputs, config))

    def context_of(self, stage: Callable[[I, C, Context], R], inputs: I, config: C) -> Context | None:
        """What this step would be handed now, its scratch included; None where it is finished."""
        key = step_key(stage, inputs, config, self._context)
        return None if self._store.is_finished(key) else replace(self._context, work=self._store.step_work(key))

    def require(self, stage: str) -> None:
        """Return where a step of this stage may begin now; raises what `before` does."""
        self._before(stage)

    def note_before(self, stage: str, event: str, facts: Callable[[Any, Any], Mapping[str, str]]) -> None:
        """Write a ledger entry whenever this stage is about to run, with what `facts` tells of inputs and config."""
        self._noted[stage] = event, facts

    def _take(self, stage: Callable[[I, C, Context], Any], inputs: I, config: C) -> str:
        """See that the step is finished; returns its key."""
        name = stage.__name__
        key = step_key(stage, inputs, config, self._context)
        while isinstance(config, EvaluationConfig) and self._is_spoilt(key):
            key = digest_of(["again", key])
        if self._store.is_finished(key):
            self._note(Timing(stage=name, seconds=0.0, reused=True))
        else:
            self.require(name)
            self._check_budget(name)
            reach(f"before-{name}")
            self._run(stage, name, key, inputs, config)
        self._taken.add(key)
        return key

    def _is_spoilt(self, key: str) -> bool:
        """Whether an earlier command left here an evaluation that can't decide; this command's own stands as it is."""
        finished = None if key in self._taken else self._store.finished_step(key)
        if finished is None:
            return False
        kept = self._store.record(finished.outputs[0], Evaluation)
        return len(kept.unscored) > _SPOILT * len(kept.outcomes)

    def _run(self, stage: Callable[[I, C, Context], Any], name: str, key: str, inputs: I, config: C) -> None:
        began = self._context.elapsed()
        if isinstance(inputs, Build):
            # A control is made by no stage; what an evaluation names must be there to be looked at.
            self._store.save([inputs], event="asked as it stands")
        context = replace(
            self._context,
            work=self._store.step_work(key),
            report=lambda progress: self._progressed(name, progress),
        )
        if name in self._noted:
            event, facts = self._noted[name]
            self._store.note(event, facts(inputs, config))
        try:
            with self._shown(name):
                output = stage(inputs, config, context)
                if isinstance(output, Build):
                    # A stage holds no key; what it made is sealed before it is kept.
                    output = self._seal(output)
                many = not isinstance(output, Record)
                records: Iterable[Record] = output if many else (output,)
                self._store.finish_step(key, name, records, many=many, elapsed=lambda: self._context.elapsed() - began)
        except NotYet as halt:
            # Its name alone: a message may quote what a person wrote, and nothing is ever taken out of the ledger.
            self._store.note("halted", {"stage": name, "halt": type(halt).__name__})
            raise
        except (SelftuneError, OSError, KeyboardInterrupt) as error:
            self._store.fail_step(key, name, f"{type(error).__name__}: {error}")
            raise
        reach(f"kept-{name}")
        self._note(Timing(stage=name, seconds=self._context.elapsed() - began, reused=False))

    def _progressed(self, name: str, progress: Progress) -> None:
        self.observer.progressed(name, progress)
        self._amid(name)

    @contextmanager
    def _shown(self, name: str) -> Iterator[None]:
        """Tell the observer that a stage begins, and of its end should it have no result."""
        self.observer.started(name)
        try:
            yield
        except BaseException:
            self.observer.stopped(name)
            raise

    def _note(self, timing: Timing) -> None:
        self.timings.append(timing)
        self.observer.finished(timing.stage, timing.seconds, reused=timing.reused)

    def _check_budget(self, name: str) -> None:
        if self._deadline is not None and self._context.elapsed() >= self._deadline:
            raise BudgetError(
                f"the time budget is used up before {name!r}.",
                next_step="Run `selftune cycle` again with more --seconds: finished steps are not repeated.",
            )


def step_key(stage: Callable[..., Any], inputs: object, config: object, context: Context) -> str:
    """The digest that names a step: stage, its version, what goes in, config, seed and base.

    What is measured as served is also named by what serves it, where that is not the server that comes with selftune.
    """
    room = sys.modules[stage.__module__]
    named = [
        stage.__name__,
        room.STAGE_VERSION,
        describe(inputs),
        describe(config),
        context.seed,
        context.base.digest,
    ]
    as_served = getattr(room, "AS_SERVED", False) and context.driver != LLAMA_CPP
    return digest_of([*named, context.driver] if as_served else named)


def describe(value: object) -> Any:  # noqa: PLR0911 - a line for each kind of value
    """What identifies a value: a record's id, a file's digest, a collection's members.

    Raises:
        TypeError: the value has no identity that survives the process.
    """
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value  # most of a config: asking each of them whether it keeps a Protocol takes longer than all else
    if isinstance(value, Record):
        return value.id
    if isinstance(value, Stored):
        return digest_of_each(value.ids)
    if isinstance(value, HasIdentity):
        return value.identity
    if isinstance(value, Path):
        return digest_file(value) if value.is_file() else str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {f.name: describe(getattr(value, f.name)) for f in fields(value)}]
    if isinstance(value, tuple | list):
        return [describe(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(describe(item) for item in value)
    raise TypeError(f"a step can't be named by a {type(value).__name__}; give it an id or make it a frozen dataclass")
