"""One base in memory for several trainings: loaded once, the same bits after each, and given back at the end.

Inside `kept_in_memory` a base that was loaded stays for who borrows it next, as long as its files are the same;
outside, each loan loads it and lets it go. A borrower may hang an adapter on it; it is taken off when it comes back.
Beside it stays what the last training was made ready with, for the next one that would be made ready alike.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.bases.memory import give_memory_back
from selftune.errors import IntegrityError
from selftune.training.lora import detach
from selftune.training.machine import device_here
from selftune.training.packed_model import load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from pathlib import Path

    import torch


@dataclass
class Shelf:
    """The one base that is kept, under what names its files and its precision.

    Attributes:
        checksum: Of the base as it was loaded.
        loads: How often one was read from disk.
        prepared: What a training was made ready with, and all that it hangs on.
    """

    name: Hashable = None
    model: Any = None
    checksum: tuple[int, ...] = ()
    loads: int = 0
    prepared: tuple[Hashable, Any] = (None, None)

    def put_down(self) -> None:
        """Let the base go."""
        self.name, self.model = None, None
        gc.unfreeze()


_Made = TypeVar("_Made")
_SHELF: Final[ContextVar[Shelf | None]] = ContextVar("selftune_resident_base", default=None)


class ChangedBaseError(IntegrityError):
    """A training changed the base that it should have left alone."""


@contextmanager
def kept_in_memory() -> Iterator[Shelf]:
    """Keep the base that is borrowed until this is left; inside another one, that one decides."""
    outer = _SHELF.get()
    if outer is not None:
        yield outer
        return
    shelf = Shelf()
    token = _SHELF.set(shelf)
    try:
        yield shelf
    finally:
        shelf.put_down()
        shelf.prepared = (None, None)
        _SHELF.reset(token)
        give_memory_back()


@contextmanager
def borrowed_base(folder: Path, precision: str = "float32", device: str | None = None) -> Iterator[Any]:
    """The frozen base of a folder, ready for training; the one in memory where it is kept and still the same.

    It lies on the device that this machine has, unless one is named.

    Raises:
        ChangedBaseError: it came back with other weights; it is not lent again.
    """
    shelf = _SHELF.get() or Shelf()
    device = device or device_here()
    name = (name_files(folder), precision, device)
    if shelf.name != name:
        shelf.put_down()  # the one before goes first: two need not fit
        shelf.model = load_model(folder, precision, device)
        shelf.name, shelf.checksum = name, checksum_of(shelf.model.parameters())
        shelf.loads += 1
        if _SHELF.get() is shelf:
            gc.freeze()  # who looks for what a training left behind need not walk through all that stays
    try:
        yield shelf.model.train()
    except BaseException:
        shelf.put_down()  # whoever was interrupted may have left anything in it
        raise
    detach(shelf.model)
    if checksum_of(shelf.model.parameters()) != shelf.checksum:
        shelf.put_down()
        raise ChangedBaseError(
            f"the base of {folder} has other weights in memory after a training than before.",
            next_step="Train again, and report this: its adapter fits no base that is on disk.",
        )


def checksum_of(tensors: Iterable[torch.Tensor]) -> tuple[int, ...]:
    """For each tensor the sum of its bits, read as whole numbers: what changes one of them changes it."""
    import torch

    whole = {2: torch.int16, 4: torch.int32}
    return tuple(int(one.detach().view(whole[one.element_size()]).sum(dtype=torch.int64)) for one in tensors)


def name_files(folder: Path) -> Hashable:
    """Names what would be read of a folder: the folder and, of each of its files, size and time."""
    stats = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return folder.resolve(), tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def made_once(name: Hashable, make: Callable[[], _Made]) -> _Made:
    """What `make` gives, or gave for the same name, where a base is kept; only the last one stays."""
    shelf = _SHELF.get()
    if shelf is None:
        return make()
    if shelf.prepared[0] != name:
        shelf.prepared = (None, None)  # the one before goes first
        shelf.prepared = (name, make())
    made: _Made = shelf.prepared[1]
    return made
