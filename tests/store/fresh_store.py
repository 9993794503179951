"""A store as its first opening leaves it: made once in a process, copied wherever a test begins with an empty one.

To make the tables costs six times what it costs to open them; what makes them has tests of its own beside this file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from selftune.store import Store

HIDDEN = ".selftune"
FILE = "store.db"


def put_fresh_store(folder: Path) -> None:
    """Lay an empty store of this version's tables into a project folder that has none.

    Raises:
        FileExistsError: there is one.
    """
    hidden = folder / HIDDEN
    hidden.mkdir(exist_ok=True)
    with (hidden / FILE).open("xb") as file:
        file.write(_as_first_opened())


@cache
def _as_first_opened() -> bytes:
    with TemporaryDirectory() as folder:
        Store.open(Path(folder)).close()
        left = sorted(path.name for path in (Path(folder) / HIDDEN).iterdir() if path.is_file())
        assert left == [FILE], f"an empty store is more than one file: {left}"
        return (Path(folder) / HIDDEN / FILE).read_bytes()
