"""What a model descends from, by digests: whoever is called otherwise stays kin (E12)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UnknownNameError
from selftune.governance.registry.names import ids_by_name, same_name
from selftune.records import BaseModel, Build, Dataset, Model, Record, Release, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Reader
    from selftune.records import FileDigest

_DIGEST: Final = "sha256:"
WEIGHTS: Final = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".npz", ".onnx")
"""How files end that make a model the one it is; configs and licences are alike in strangers."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Everything that a model descends from, itself among it.

    Attributes:
        marks: Digests and ids of it and its forebears, the nearest first, and names of teachers that nobody entered.
        open: Ids of forebears of which nobody recorded what they were made of.
    """

    marks: tuple[str, ...]
    open: tuple[str, ...]


def weights_of(files: Iterable[FileDigest]) -> tuple[str, ...]:
    """The digests of the weights among these files."""
    return tuple(file.digest for file in files if file.name.endswith(WEIGHTS))


def lineage_of(read: Reader, name_or_id: str) -> tuple[str, ...] | None:
    """The marks of a model's lineage, by any name that it has or had, a version, an id or a digest.

    Two models are kin where their marks meet. None where nobody knows the model: it is never called a stranger.
    """
    found = trace_lineage(read, name_or_id)
    return None if found is None else found.marks


def trace_lineage(read: Reader, name_or_id: str) -> Lineage | None:
    """The same with what is not known of it; None where nobody knows the model."""
    return _traced(_Kin(read), name_or_id)


def kin_between(read: Reader, one: str, other: str) -> tuple[str, ...] | None:
    """What two models have in common, empty for strangers; None where one of them, or a forebear, is not known."""
    kin = _Kin(read)
    first, second = _traced(kin, one), _traced(kin, other)
    shared = () if first is None or second is None else tuple(mark for mark in first.marks if mark in second.marks)
    if shared:
        return shared
    return None if first is None or second is None or first.open or second.open else ()


def _traced(kin: _Kin, name_or_id: str) -> Lineage | None:
    starts = tuple(kin.meant_by(name_or_id))
    return _walked(kin, starts) if starts else None


def _walked(kin: _Kin, starts: tuple[str, ...]) -> Lineage:
    marks = dict.fromkeys(starts)
    unknown: list[str] = []
    waiting = deque(starts)
    while waiting:
        name = waiting.popleft()
        if kin.has_no_origin(name):
            unknown.append(name)
        for other in kin.behind(name):
            if other not in marks:
                marks[other] = None
                waiting.append(other)
    return Lineage(marks=tuple(marks), open=tuple(unknown))


class _Kin:
    """What stands behind a mark, read from the records when it is first asked for."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def meant_by(self, name: str) -> Iterator[str]:
        """Ids that a name, version, id or digest means; a digest means itself too."""
        if name.startswith(_DIGEST):
            yield from (name, *self._holders.get(name, ())) if name in self._holders else ()
            return
        yield from self._called(name)
        yield from (base.id for _, base in self._read.each(BaseModel) if base.name == name)
        yield from (one.build_id for _, one in self._read.each(Release) if one.version == name)
        record = self._record(name)
        if isinstance(record, Release):
            yield record.build_id
        elif isinstance(record, Build | Run | BaseModel):
            yield record.id

    def behind(self, mark: str) -> Iterator[str]:
        """The next marks: digests of its own, then what it was made of, taught by, or is by its digests."""
        if mark.startswith(_DIGEST):
            yield from self._holders.get(mark, ())
            return
        record = self._record(mark)
        match record:
            case Model():
                yield from weights_of(record.files)
                yield from record.parents
                yield from (record.base_digest,) if record.base_digest else ()
            case Build():
                yield from (record.digest, *weights_of(record.files), record.base_digest)
                yield from (record.run_id,) if record.run_id else ()
            case Run():
                yield from (*weights_of(record.adapter), record.base_digest)
                before = record.after, dict(record.settings).get("continue_from")
                yield from (one for one in before if one)
                yield from self._teachers(record.dataset_id)
            case BaseModel():
                yield record.digest
            case _:
                yield from (model_id for model_id in self._called(mark) if model_id != mark)

    def has_no_origin(self, mark: str) -> bool:
        """Whether nobody recorded what it was made of; a digest that nobody has here stands for itself."""
        if mark.startswith(_DIGEST):
            return False
        record = self._record(mark)
        if isinstance(record, Model):
            return not record.parents and record.base_digest is None
        return record is None and not self._called(mark)

    def _teachers(self, dataset_id: str) -> Iterator[str]:
        """Whose answers a run learnt."""
        record = self._record(dataset_id)
        if isinstance(record, Dataset):
            taught = (example.taught_by for example in record.train)
            yield from dict.fromkeys(name for name in taught if name is not None and name != "person")

    def _record(self, name: str) -> Record | None:
        try:
            return self._read.record(name, Record)
        except (IntegrityError, UnknownNameError):
            return None

    def _called(self, name: str) -> tuple[str, ...]:
        """Ids of the models that have, or ever had, this name."""
        return self._by_name.get(same_name(name), ())

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, ...]]:
        return ids_by_name(self._read)

    @cached_property
    def _holders(self) -> dict[str, tuple[str, ...]]:
        """By digest, the ids of the models, builds and bases that have it."""
        found: dict[str, dict[str, None]] = {}
        for _, build in self._read.each(Build):
            for digest in (build.digest, *weights_of(build.files)):
                found.setdefault(digest, {})[build.id] = None
        for _, base in self._read.each(BaseModel):
            for digest in (base.digest, *weights_of(base.files)):
                found.setdefault(digest, {})[base.id] = None
        for _, model in self._read.each(Model):
            for digest in weights_of(model.files):
                found.setdefault(digest, {})[model.id] = None
        return {digest: tuple(ids) for digest, ids in found.items()}
