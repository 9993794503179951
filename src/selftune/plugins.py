"""Registered names become objects here, and only here.

Built-ins and outside packages register the same way: an entry point in one of the groups below. A config names a
plug-in, never code to import.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from selftune.errors import ConfigError, SelftuneError, UnknownNameError

GROUPS: Final = (
    "selftune.sources",
    "selftune.filters",
    "selftune.judges",
    "selftune.objectives",
    "selftune.proposers",
    "selftune.backends",
    "selftune.scorers",
    "selftune.servers",
)

# What was called otherwise once; configs of before are told the name it has now.
RENAMED: Final = {("selftune.judges", "openai"): "oracle", ("selftune.backends", "peft"): "trl"}


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """Every plug-in of a group by name, read once per process.

    Raises:
        SelftuneError: two packages register the same name; neither wins in silence.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        twin = found.get(point.name)
        if twin is not None and twin.value != point.value:
            raise SelftuneError(
                f"{group}: {point.name!r} is registered twice ({twin.value} and {point.value}).",
                next_step="Uninstall one of the two packages.",
            )
        found[point.name] = point
    return found


def load_plugin(group: str, name: str) -> Any:
    """The class or function registered as `name` in `group`, imported now.

    Raises:
        UnknownNameError: nothing has that name; the nearest names are offered.
        ConfigError: it has another name by now.
    """
    return find_plugin(group, name).load()


def find_plugin(group: str, name: str) -> EntryPoint:
    """What is registered as `name` in `group`, not imported: a slip is said before anything is done.

    Raises:
        UnknownNameError: nothing has that name; the nearest names are offered.
        ConfigError: it has another name by now.
    """
    known = registered(group)
    if name not in known and (group, name) in RENAMED:
        new = RENAMED[group, name]
        raise ConfigError(f"{name!r} is called {new!r} by now.", next_step=f'Write "{new}" in its place.')
    if name not in known:
        raise UnknownNameError(group.removeprefix("selftune.").removesuffix("s"), name, known)
    return known[name]
