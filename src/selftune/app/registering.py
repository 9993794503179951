"""`selftune registry`: models entered, renamed and retired, each step by somebody and with a reason."""

from __future__ import annotations

import getpass
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import IntegrityError, MissingFileError, UnknownNameError, UsageError
from selftune.governance.registry.entries import Entry, entries
from selftune.governance.registry.lineage import weights_of
from selftune.governance.registry.names import find_model, names_of, namings, same_name
from selftune.governance.registry.retirement import Ending, retire, retire_as_told
from selftune.governance.statements import say
from selftune.interactions.reading.lines import UnreadableError, parse_json
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import BaseModel, FileDigest, Model, Record, Release, Statement, StatementKind, digest_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.loop.project import Project

_DIGEST: Final = "sha256:"
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}")
_KEYS: Final = frozenset({"name", "files", "parents", "base", "programme", "renamed", "retired"})
_END_KEYS: Final = frozenset({"why", "disposition", "scores", "restore", "until", "by"})


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A model to be entered; parents and base as a person names them."""

    name: str
    files: tuple[FileDigest, ...] = ()
    parents: tuple[str, ...] = ()
    base: str = ""
    programme: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What came of an index of models that was brought in: how many were new, were known, and were retired by it."""

    added: int
    known: int
    retired: int


def list_models(project: Project) -> tuple[Entry, ...]:
    """Every model of the registry."""
    return entries(project.store, project.blobs, project.folder, lambda name: _is_kept(project, name))


def find_entry(project: Project, name: str) -> Entry:
    """The entry of one model.

    Raises:
        UnknownNameError: no model is or was called that.
        UsageError: several were.
    """
    model = find_model(project.store, name)
    return next(entry for entry in list_models(project) if entry.model.id == model.id)


def add_model(project: Project, offered: Offered, *, author: str = "") -> Model:
    """Enter a model; who did is on record with it.

    Raises:
        UsageError: the name belongs to another model, these files are entered already, or it names no such parent.
    """
    _refuse_taken(project, offered.name)
    known = [
        model for _, model in project.store.each(Model)
        if set(weights_of(offered.files)) & set(weights_of(model.files))
    ]  # fmt: skip
    if known:
        name = names_of(known[0], namings(project.store))[-1]
        raise UsageError(
            f"these weights are entered already, as {name!r}.",
            next_step=f"Give them another name with `selftune registry rename {known[0].id[:20]} NEW --because ...`.",
        )
    model = Model(
        name=offered.name,
        entered_at=project.now(),
        files=offered.files,
        parents=tuple(_parent(project, parent) for parent in offered.parents),
        base_digest=_base(project, offered) if offered.base else None,
        programme=offered.programme or None,
        source=offered.source,
    )
    project.store.save([model], event="model entered")
    _name(project, model, offered.name, None, f"entered as {offered.name}", author)
    return model


def rename_model(project: Project, name: str, new: str, *, because: str, author: str = "") -> Statement:
    """Give a model another name; the earlier ones go on meaning it.

    Raises:
        UnknownNameError: no model is or was called that.
        UsageError: the new name belongs to another model, or no reason was given.
    """
    model = find_model(project.store, name)
    _refuse_taken(project, new, but=model)
    return _name(project, model, new, names_of(model, namings(project.store))[-1], because, author)


def retire_model(project: Project, name: str, ending: Ending, *, author: str = "") -> Statement:
    """Put a model's end on record, in full.

    Raises:
        UnknownNameError: no model is or was called that, or a score is on no record.
        UsageError: a part is missing or does not exist.
    """
    scores = tuple(project.store.find(one) for one in ending.scores)
    said = retire(
        find_model(project.store, name),
        replace(ending, scores=scores),
        author=author or getpass.getuser(),
        context=project.context(),
        door=door_of(project),
        folder=project.folder,
        known=lambda one: _is_kept(project, one),
    )
    return put_on_record(project, said, event="model retired")


def files_at(paths: Sequence[Path]) -> tuple[FileDigest, ...]:
    """The files at these paths, and within them where they are folders.

    Raises:
        MissingFileError: one is not there.
    """
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise MissingFileError(f"there is no file {missing}.", next_step="Check the path.")
    found = [(file.name, file) for path in paths if path.is_file() for file in [path]]
    found += [
        (file.relative_to(path).as_posix(), file)
        for path in paths
        if path.is_dir()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    return tuple(
        FileDigest(name=name, digest=digest_file(file), size_bytes=file.stat().st_size) for name, file in found
    )


# --- An index of models from elsewhere --------------------------------------------------------------------------------


def bring_in(project: Project, path: Path, *, author: str = "") -> Brought:
    """Enter the models of an index, one JSON object a line; an end that lacks parts is kept and listed with them.

    Raises:
        MissingFileError: there is no such file.
        UsageError: a line is no entry; those before it are entered.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    brought = Brought(added=0, known=0, retired=0)
    for place, held in _lines(path):
        try:
            offered, renamed, ending = _read(held, path.name), _texts(held, "renamed"), _ending(held.get("retired"))
            known = [model for _, model in project.store.each(Model) if _is_same(project, model, offered)]
            model = known[0] if known else add_model(project, offered, author=author)
            # What a crash left undone of a line is made up for when the line comes again.
            had = names_of(model, namings(project.store))
            for new in (name for name in renamed if name not in had):
                rename_model(project, model.id, new, because=f"called so in {path.name}", author=author)
            retired = ending is not None and not _is_retired(project, model)
            if ending is not None and retired:
                _retire_as_told(project, model, *ending, author=author)
        except (UnreadableError, UsageError) as error:
            raise UsageError(
                f"{path.name}, {place}: {getattr(error, 'message', error)}",
                next_step="Mend the line and bring the file in again: what is entered already adds nothing.",
            ) from error
        brought = Brought(
            added=brought.added + (not known),
            known=brought.known + bool(known),
            retired=brought.retired + retired,
        )
    return brought


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                yield f"line {number}", _object(parse_json(line), "the line", _KEYS)
            except UnreadableError as error:
                raise UsageError(
                    f"{path.name}, line {number}: {error}.", next_step="Mend the line and bring the file in again."
                ) from error


def _object(value: Any, what: str, keys: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= keys:
        raise UnreadableError(f"{what} is no object with keys among {', '.join(sorted(keys))}")
    return value


def _read(held: Mapping[str, Any], source: str) -> Offered:
    if not isinstance(held.get("name"), str) or not held["name"].strip():
        raise UnreadableError("it has no name")
    return Offered(
        name=held["name"],
        files=tuple(map(_file, held.get("files") or ())),
        parents=_texts(held, "parents"),
        base=str(held.get("base") or ""),
        programme=str(held.get("programme") or ""),
        source=source,
    )


def _file(value: Any) -> FileDigest:
    told = _object(value, "a file", frozenset({"name", "digest", "size_bytes"}))
    name, digest, size = told.get("name"), told.get("digest"), told.get("size_bytes", 0)
    if not (isinstance(name, str) and isinstance(digest, str) and type(size) is int and _SHA256.fullmatch(digest)):
        raise UnreadableError("a file has no name, or no digest such as sha256:0123...")
    return FileDigest(name=name, digest=digest, size_bytes=size)


def _texts(held: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = held.get(key, ())
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise UnreadableError(f"{key!r} is no list of texts")
    return tuple(found)


def _is_same(project: Project, model: Model, offered: Offered) -> bool:
    """Whether a model was entered from such a line before, whatever it is called since."""
    alike = same_name(model.name) == same_name(offered.name) and model.files == offered.files
    return alike and model.parents == tuple(_parent(project, parent) for parent in offered.parents)


def _ending(held: Any) -> tuple[Ending, str] | None:
    """How a model ended as a line tells it, and who says so; None where it tells of no end."""
    if held is None:
        return None
    told = _object(held, "'retired'", _END_KEYS)
    words = {key: told.get(key) or "" for key in ("why", "disposition", "restore", "until", "by")}
    wrong = next((key for key, value in words.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise UnreadableError(f"{wrong!r} of 'retired' is no text")
    by = words.pop("by")
    return Ending(scores=_texts(told, "scores"), **words), by


def _is_retired(project: Project, model: Model) -> bool:
    said = (one for _, one in project.store.each(Statement) if one.subject == model.id)
    return any(one.kind is StatementKind.RETIREMENT for one in said)


def _retire_as_told(project: Project, model: Model, ending: Ending, by: str, *, author: str) -> None:
    said = retire_as_told(
        model,
        ending,
        author=by or author or getpass.getuser(),
        context=project.context(),
        door=door_of(project),
        folder=project.folder,
    )
    put_on_record(project, said, event="model retired")


# --- What is known already --------------------------------------------------------------------------------------------


def _name(project: Project, model: Model, new: str, before: str | None, because: str, author: str) -> Statement:
    said = say(
        StatementKind.NAMING, model.id, author or getpass.getuser(), because, project.context(), door_of(project)
    )
    return put_on_record(project, replace(said, before=before, after=new), event="model named")


def _refuse_taken(project: Project, name: str, *, but: Model | None = None) -> None:
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{json.dumps(name)} is no name for a model.", next_step="Give letters that can be seen.")
    given = namings(project.store)
    for _, model in project.store.each(Model):
        if same_name(names_of(model, given)[-1]) == same_name(name) and (but is None or model.id != but.id):
            raise UsageError(
                f"{name!r} is the name of {model.id[:20]} today.", next_step="Choose another, or rename that one first."
            )


def _parent(project: Project, name: str) -> str:
    """The id or digest of what a person calls a parent: a model, a version, a base, a record, or a digest."""
    if name.startswith(_DIGEST):
        return name
    for _, release in project.store.each(Release):
        if release.version == name:
            return release.build_id
    for _, base in project.store.each(BaseModel):
        if base.name == name:
            return base.id
    try:
        return find_model(project.store, name).id
    except UnknownNameError:
        if ":" not in name:
            raise
        return project.store.find(name)


def _base(project: Project, offered: Offered) -> str:
    """The digest of the base it began from; `itself` for one that began from nothing."""
    if offered.base == "itself":
        own = weights_of(offered.files)
        if not own:
            raise UsageError("a base is known by its weights.", next_step="Name them with --file.")
        return own[0]
    if offered.base.startswith(_DIGEST):
        return offered.base
    bases = {base.name: base.digest for _, base in project.store.each(BaseModel)}
    if offered.base not in bases:
        raise UnknownNameError("base", offered.base, [*bases, "itself"])
    return bases[offered.base]


def _is_kept(project: Project, record_id: str) -> bool:
    try:
        project.store.record(record_id, Record)
    except (IntegrityError, UnknownNameError):
        return False
    return True
