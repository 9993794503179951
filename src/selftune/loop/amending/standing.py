"""The codex in force by the record, held against the file that the project has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.codex.linting import forbidden_in_vain, left_to_fill_in
from selftune.codex.reading import CODICES
from selftune.errors import ConfigError, IntegrityError
from selftune.failpoints import reach
from selftune.governance.amendments.standing import ADOPTED, NOT_SIGNED_HERE, Said, standing_of
from selftune.governance.keys import sign_statement
from selftune.governance.shredded import as_left
from selftune.governance.statements import say
from selftune.ledger.keys import load_machine_key
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.incoming.privacy import door_of
from selftune.records import Amendment, Codex, Statement, StatementKind
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from selftune.governance.amendments.standing import Standing
    from selftune.loop.opened import Project

EVENT: Final = "codex adopted"
WRITTEN: Final = "codex written"
KEPT: Final = "codex kept as adopted"
_MACHINE: Final = "selftune"


def require_adopted(project: Project) -> str:
    """The id of the codex in force; the first time it is adopted, on record, and from then on only people change it.

    Raises:
        IntegrityError: the file says something else than what was adopted or signed, or what was written last no
            longer counts.
        ConfigError: the file is no sound codex.
    """
    standing, written = whole_standing(project)
    if standing is None:
        return adopt(project)
    refuse_fallen(standing, written)
    if standing.now.since not in written:
        finish_writing(project, standing)
    codex = codex_of(project.folder, project.config)
    if codex.id != standing.now.codex_id:
        if _is_another_edition_shipped(project, standing):
            write_codex(project, standing.now.text)
            project.store.note(KEPT, {"codex": standing.now.codex_id, "shipped": codex.id})
            return standing.now.codex_id
        raise IntegrityError(
            f"the codex {project.config.codex.name!r} is not the one in force: {codex.id[:22]} stands in the file, "
            f"{standing.now.codex_id[:22]} was {'signed' if standing.now.by else 'adopted'}, and nobody signed this.",
            next_step="Put the one in force back with `selftune codex restore`, or propose the file as it is with "
            '`selftune codex propose --because "..."`, which a person then signs with `selftune codex approve`.',
        )
    return codex.id


def _is_another_edition_shipped(project: Project, standing: Standing) -> bool:
    """Whether a newer selftune ships other words under the name that was adopted, and nobody here wrote a file of it.

    Then the adopted words go on, from a file of the project's own: an upgrade changes nobody's codex, and stops nobody.
    """
    first = len(standing.editions) == 1 and not standing.undone
    name = project.config.codex.name
    if not first or CODICES.is_path(name) or file_of(project).exists():
        return False
    return project.store.record(standing.now.codex_id, Codex).name == name


def check_codex(project: Project) -> None:
    """The same where a codex was adopted; a project that never was asked for one goes on as before.

    Raises:
        IntegrityError: as `require_adopted`.
        ConfigError: as `require_adopted`.
    """
    if was_adopted(project):
        require_adopted(project)


def was_adopted(project: Project) -> bool:
    """Whether the record speaks of an adoption or an amendment at all."""
    spoken = any(one.kind is StatementKind.AMENDMENT for _, one in project.store.each(Statement))
    return spoken or bool(project.store.noted(EVENT))


def adopt(project: Project) -> str:
    """Put the codex that the project has on record as the one in force; it is the first, and nobody signs for it.

    Raises:
        IntegrityError: one was adopted before, and nothing on record puts it in force any more.
        ConfigError: it is no sound codex, a template that was not filled in, or one that forbids a place it has not.
    """
    if was_adopted(project):
        raise IntegrityError(
            "a codex was adopted here, and no statement that this machine's keys have signed puts it in force.",
            next_step="Run `selftune ledger verify`, and restore .selftune/keys and .selftune/store.db from a backup.",
        )
    codex = codex_of(project.folder, project.config)
    for left in left_to_fill_in(codex):
        raise ConfigError(
            f"codex {codex.name!r} is a template: {left}.",
            next_step=f"Write it: selftune eject codex {codex.name}, then selftune codex lint.",
        )
    for fault in forbidden_in_vain(codex):
        raise ConfigError(
            f"codex {codex.name!r}: {fault}", next_step="Correct it; `selftune codex lint` names every such line."
        )
    plain = say(
        StatementKind.AMENDMENT,
        codex.id,
        _MACHINE,
        f"The codex {codex.name}, version {codex.version}, is in force from here on.",
        project.context(),
        door_of(project),
        author_is_model=True,
    )
    said = replace(plain, category=ADOPTED, after=text_of_file(project))
    signed = sign_statement(said, load_machine_key(project.hidden / "keys"))
    project.store.save([codex, signed], event=EVENT)
    project.store.note(EVENT, {"statement": signed.id, "codex": codex.id})
    return codex.id


def standing_in(project: Project) -> Standing | None:
    """What is in force by the record; None before anything was adopted. It reads no codex file."""
    return standing_of(said_in(project))


def whole_standing(project: Project) -> tuple[Standing | None, Mapping[str, int]]:
    """What is in force by a record from which nothing was taken, and the places of all by which a codex was written.

    Raises:
        IntegrityError: something was taken out, or the machine's keys are not those that signed.
    """
    said = said_in(project)
    standing = standing_of(said)
    return standing, _written(project, said, standing)


def has_fallen(standing: Standing, written: Mapping[str, int]) -> bool:
    """Whether a codex was written later than the one that is in force now: what signed it no longer counts.

    A revoked key takes along what it signed, and whoever revokes it signs for nothing. An older edition would so come
    into force by nobody's key.
    """
    return standing.now.place < max(written.values(), default=0)


def refuse_fallen(standing: Standing, written: Mapping[str, int]) -> None:
    """Return where what was written last is in force, or what was signed since.

    Raises:
        IntegrityError: it is not, since a key was revoked.
    """
    if has_fallen(standing, written):
        raise IntegrityError(
            "a key was revoked, and with it fell what put the codex in force that was written last: "
            f"{standing.now.codex_id[:22]} would be in force again, and nobody signed this.",
            next_step="Sign for it with `selftune codex restore`, which asks for your key; or propose the file as it "
            'is with `selftune codex propose --because "..."`, and sign that with `selftune codex approve`.',
        )


def _written(project: Project, said: Said, standing: Standing | None) -> dict[str, int]:
    """Every statement by which a codex was adopted or written, and its place; all are there, signed by a key of here.

    Raises:
        IntegrityError: a statement was taken out of the store, as if nobody had ever said it; or the machine's keys are
            others than those that signed.
    """
    noted = {detail["statement"] for event in (EVENT, WRITTEN) for _, detail in project.store.noted(event)}
    written = {one.id: place for place, one in said.statements if one.id in noted}
    lost = project.store.lost(Statement)
    if lost or len(written) < len(noted):
        raise IntegrityError(
            f"a statement is gone from the store{f': {lost[0][:22]}' if lost else ''}.",
            next_step="Run `selftune ledger verify`, and restore .selftune/store.db from a backup.",
        )
    refused = () if standing is None else standing.refused
    if any(one.id in written and why == NOT_SIGNED_HERE for one, why in refused):
        raise IntegrityError(
            "a statement by which a codex came into force is signed by no key in .selftune/keys/machine.pub.",
            next_step="Restore .selftune/keys from a backup: a key that took over keeps those before it in that file.",
        )
    return written


def said_in(project: Project) -> Said:
    """What decides which codex is in force here."""
    amendments = {one.id: (place, one) for place, one in project.store.each(Amendment)}
    # Where nothing was ever proposed no codex has to be compared with another.
    codices = {codex.id: codex for _, codex in project.store.each(Codex)} if amendments else {}
    return Said(
        statements=as_left(project.store),
        amendments=amendments,
        codex=codices.get,
        public_key=load_machine_key(project.hidden / "keys").trusted,
    )


def finish_writing(project: Project, standing: Standing) -> Path | None:
    """Write the file of the edition in force where that was not done yet, for a crash may come before it.

    A file that was written once and says something else since is left alone: somebody changed it.

    Returns:
        Where the text lies now that stood there and is on no record; None where there was none.
    """
    since = standing.now.since
    if not standing.now.by:
        return None  # What was adopted stands in the file already.
    if any(detail.get("statement") == since for _, detail in project.store.noted(WRITTEN)):
        return None
    kept = {text for _, one in project.store.each(Amendment) for text in (one.text_before, one.text_after)}
    aside = set_aside(project, kept | {standing.now.text})
    write_codex(project, standing.now.text)
    project.store.note(WRITTEN, {"statement": since, "codex": standing.now.codex_id})
    return aside


def set_aside(project: Project, known: Collection[str]) -> Path | None:
    """Copy what stands in the codex's file to where nothing writes over it, unless it is known; returns where."""
    place = file_of(project)
    if not place.is_file() or place.read_bytes() in {text.encode() for text in known}:
        return None
    aside = project.hidden / f"codex-set-aside-{project.context().draw_salt()[:12]}.toml"
    publish_bytes(aside, place.read_bytes())
    return aside


def write_codex(project: Project, text: str) -> Path:
    """Put a text in the place of the project's codex, whole or not at all; returns where."""
    place = file_of(project)
    place.parent.mkdir(parents=True, exist_ok=True)
    reach("before-codex-file")
    publish_bytes(place, text.encode("utf-8"))
    reach("codex-file-written")
    return place


def file_of(project: Project) -> Path:
    """Where the project's own codex stands, or would."""
    name = project.config.codex.name
    if CODICES.is_path(name):
        return project.folder / name
    return project.folder / CODICES.folder / f"{name}{CODICES.endings[0]}"


def text_of_file(project: Project) -> str:
    """The codex of the project word for word, with its comments; of the package where it has none of its own."""
    return CODICES.text(find_text(project.folder, "codex", project.config.codex.name))
