"""Models by what they are and were called: a name once given is never forgotten."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from selftune.errors import UnknownNameError, UsageError
from selftune.records import Model, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.context import Reader


def same_name(name: str) -> str:
    """What two ways of writing a name have in common: case, width and spaces tell no models apart."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def names_of(model: Model, statements: Iterable[Statement]) -> tuple[str, ...]:
    """What a model was called, the first name first and today's last."""
    given = [one.after for one in statements if _names(one) and one.subject == model.id and one.after]
    return tuple(dict.fromkeys((model.name, *given))) if not given else _in_order((model.name, *given))


def _in_order(names: Sequence[str]) -> tuple[str, ...]:
    """Each name at the place where it was given last."""
    return tuple(reversed(dict.fromkeys(reversed(names))))


def namings(read: Reader) -> tuple[Statement, ...]:
    """Every name that was given, oldest first; an unsigned one counts, for more names are never fewer kin."""
    return tuple(one for _, one in read.each(Statement) if _names(one))


def _names(statement: Statement) -> bool:
    return statement.kind is StatementKind.NAMING


def models_called(read: Reader, name: str) -> tuple[Model, ...]:
    """Every model that has, or ever had, this name or this id; several may have had it one after the other."""
    given, wanted = namings(read), same_name(name)
    return tuple(
        model
        for _, model in read.each(Model)
        if model.id == name or wanted in {same_name(one) for one in names_of(model, given)}
    )


def ids_by_name(read: Reader) -> dict[str, tuple[str, ...]]:
    """The same for all names at once: ids of the models by each name that they have or had, and by their id."""
    given = namings(read)
    found: dict[str, dict[str, None]] = {}
    for _, model in read.each(Model):
        for name in (model.id, *names_of(model, given)):
            found.setdefault(same_name(name), {})[model.id] = None
    return {name: tuple(ids) for name, ids in found.items()}


def find_model(read: Reader, name: str) -> Model:
    """The one model that is meant: by its id or the beginning of it, by today's name, else by one that it had.

    Raises:
        UnknownNameError: no model is or was called that.
        UsageError: several were.
    """
    given = namings(read)
    models = [model for _, model in read.each(Model)]
    by_id = [model for model in models if model.id.startswith(name) and name.startswith(f"{Model.KIND}:")]
    today = [model for model in models if same_name(names_of(model, given)[-1]) == same_name(name)]
    found = by_id or today or list(models_called(read, name))
    if not found:
        raise UnknownNameError("model", name, (names_of(model, given)[-1] for model in models))
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} models are or were called {name!r}: {', '.join(one.id[:20] for one in found)}.",
            next_step="Name one by its id.",
        )
    return found[0]
