"""The ledger's mirror, brought up to what the store has committed, and signed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from selftune.errors import BudgetError, IntegrityError
from selftune.store import history
from selftune.store.dialect import is_file, reading
from selftune.store.homes import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

    from selftune.ledger.keys import MachineKey
    from selftune.ledger.mirror import Checkpoint, Mirror
    from selftune.ledger.verify import Frontier


def complete_mirror(engine: Engine, mirror: Mirror) -> None:
    """Write what is committed and not yet mirrored; another process may have done it for us.

    Raises:
        BudgetError: the mirror's disk is full; the records themselves are kept.
        IntegrityError: the store does not hold what the mirror ends with.
    """
    try:
        with mirror.locked():
            _extend(engine, mirror)
    except OSError as error:
        raise BudgetError(
            f"the ledger's mirror can't be written: {error.strerror}. The store has kept everything.",
            next_step="Free some disk space; the next start completes the mirror.",
        ) from error


def sign_mirror(engine: Engine, mirror: Mirror, key: MachineKey, clock: Callable[[], str]) -> Checkpoint:
    """Complete it, and sign the tree over just what it then holds.

    Raises:
        IntegrityError: the store does not hold what the mirror ends with.
    """
    with mirror.locked():
        tree = _extend(engine, mirror)
        return mirror.add_checkpoint(size=tree.size, root=tree.root().hex(), at=clock(), key=key)


def copy_mirror(mirror: Mirror, folder: Path) -> None:
    """Copy it as it stands between two writes."""
    with mirror.locked():
        shutil.copytree(mirror.folder, folder, ignore=shutil.ignore_patterns(".lock"))


def _extend(engine: Engine, mirror: Mirror) -> Frontier:
    """Write what is missing; returns the tree over just what the mirror then holds."""
    tail = mirror.tail()
    with reading(engine) as connection:
        if tail.seq and history.hash_at(connection, tail.seq) != tail.hash:
            raise IntegrityError(
                f"{FILE if is_file(engine) else 'the database'} does not hold what the ledger's mirror ends with "
                f"(entry {tail.seq}).",
                next_step="Restore it from its newest backup, or find out who changed the mirror. Records that "
                "lie elsewhere come by `selftune store migrate --to URL`.",
            )
        mirror.append(history.read_entries(connection, after=tail.seq))
        return history.read_tree(connection)[0]
