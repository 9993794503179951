"""A session by what a person calls it: a number, `PROGRAMME:NUMBER` (`session:` may stand before both), or an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.records import Session

if TYPE_CHECKING:
    from selftune.store import Store


_MOST_DIGITS: Final = 19  # of a number that the store can hold; more belong to an id


def find_session(store: Store, name: str, programme: str = "") -> str:
    """The id of the session that is meant.

    Raises:
        UnknownNameError: no programme of that name is archived, or no record begins like that.
        UsageError: it has no such session, or several programmes are archived and none was named.
    """
    told, _, number = name.removeprefix(f"{Session.KIND}:").rpartition(":")
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        return store.find(name)
    archived = find_programme(store, told or programme)
    found = store.sessions.known(archived, [int(number)]).get(int(number))
    if found is None:
        raise UsageError(
            f"no session {number} of {archived!r} is archived.",
            next_step="See the gaps with `selftune archive list`.",
        )
    return found


def find_programme(store: Store, name: str = "") -> str:
    """The programme of this name; without one, the only one there is.

    Raises:
        UnknownNameError: none of that name is archived.
        UsageError: none is archived at all, or there are several and none was named.
    """
    names = [one.name for one in store.sessions.programmes()]
    if name:
        if name not in names:
            raise UnknownNameError("programme", name, names)
        return name
    if not names:
        raise UsageError("nothing is archived yet.", next_step="Bring sessions in with `selftune archive import FILE`.")
    if len(names) > 1:
        raise UsageError(
            f"{len(names)} programmes are archived: {', '.join(names)}.", next_step="Name one with --programme."
        )
    return names[0]
