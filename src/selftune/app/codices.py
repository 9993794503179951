"""`selftune codex`: the codex in force, what is amiss in one, what differs between two, and one out of a card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.calls import refuse_person, system_prompt_of
from selftune.codex.cards.card import load_card
from selftune.codex.cards.converting import codex_of_card
from selftune.codex.changes import changes
from selftune.codex.linting import faults_of, remarks_on
from selftune.codex.quoting import references_in
from selftune.codex.reading import CODICES, find_persona, load_codex
from selftune.codex.writing import write_codex
from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.gate.policies import load_policy
from selftune.gate.rules.identity import fewest_probes
from selftune.judges.rubric import RUBRICS, load_rubric
from selftune.loop.amending.standing import standing_in
from selftune.loop.config import CONFIG_FILE, ProjectConfig, load_config
from selftune.loop.databases import has_store
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.project import open_project
from selftune.records import Codex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.codex.cards.converting import LeftOut
    from selftune.codex.changes import Change

_FILE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class CodexInForce:
    """A codex with its id.

    Attributes:
        where: Where it stands: `shipped`, `on record`, or a file's path.
        references: Every name that a rubric can quote.
        unsigned: The file that says something else than the codex in force, which nobody signed; empty for none.
    """

    id: str
    where: str
    codex: Codex
    references: tuple[str, ...]
    unsigned: str = ""


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What was found amiss, and what may be meant so; `rubrics` were held against the codex."""

    codex: str
    rubrics: tuple[str, ...]
    faults: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two codices, and what changed from the first to the second."""

    before: Codex
    after: Codex
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """A codex out of a character card, as its file would be written, and where."""

    target: Path
    text: str
    left_out: tuple[LeftOut, ...]
    added: tuple[str, ...]
    faults: tuple[str, ...]


def codex_in_force(folder: Path, name: str = "") -> CodexInForce:
    """The codex in force in the project in a folder, by its record where it adopted one; or one that is named.

    Where there is no project it is the shipped one.

    Raises:
        ConfigError: it is no sound codex; the message names the fault.
        UnknownNameError: nothing has that name or id.
    """
    codex = find_codex(folder, name)
    text = find_text(folder, "codex", name or _config_of(folder).codex.name)
    where = "shipped" if text in CODICES.names() else text
    differs = not name and not _file_says(text, codex)
    return CodexInForce(
        id=codex.id,
        where="on record" if differs else where,
        codex=codex,
        references=references_in(codex),
        unsigned=where if differs else "",
    )


def prompt_of(folder: Path, name: str, of: str = "") -> str:
    """The system message that a persona is to be called with, of the codex in force or of one that is named.

    Raises:
        UnknownNameError: the codex has no persona of that name.
        UsageError: a person plays it.
    """
    codex = find_codex(folder, of)
    persona = find_persona(codex, name)
    if persona is None:
        raise UnknownNameError("persona", name, [one.name for one in codex.personas])
    refuse_person(persona)
    return system_prompt_of(codex, persona)


def lint_codex(folder: Path, name: str = "") -> Linted:
    """Hold a codex, the project's file by default, against itself, the judge's rubric and all rubrics of the project.

    Raises:
        ConfigError: it is no sound codex, or the policy none; nothing else is looked at then.
    """
    config = _config_of(folder)
    codex = find_codex(folder, name) if name else codex_of(folder, config)
    own = sorted(path.stem for path in (folder / RUBRICS.folder).glob(f"*{RUBRICS.endings[0]}"))
    rubrics = tuple(dict.fromkeys((config.judge.rubric, *own)))
    remarks = remarks_in(folder, config, codex)
    faults = (*faults_of(codex), *_broken_quotes(folder, codex, rubrics))
    return Linted(codex=codex.name, rubrics=rubrics, faults=faults, remarks=remarks)


def remarks_in(folder: Path, config: ProjectConfig, codex: Codex) -> tuple[str, ...]:
    """What may be meant so in a codex and is worth knowing under a project's policy."""
    policy = load_policy(find_text(folder, "policy", config.gate.policy))
    return tuple(remarks_on(codex, fewest=fewest_probes(policy)))


def find_codex(folder: Path, name: str = "") -> Codex:
    """A codex by its name, its path, or its id on record; the one in force where none is named.

    Raises:
        UnknownNameError: nothing has that name or id.
        MissingFileError: there is no such file, or no project whose record it could stand on.
        ConfigError: it is no sound codex.
    """
    if name.startswith(f"{Codex.KIND}:"):
        with open_project(folder) as project:
            return project.store.record(project.store.find(name), Codex)
    if name:
        return load_codex(find_text(folder, "codex", name))
    return _adopted(folder) or codex_of(folder, _config_of(folder))


def compare_codices(folder: Path, before: str, after: str = "") -> Difference:
    """What differs between two codices, each as `find_codex` takes it. Errors as there."""
    old, new = find_codex(folder, before), find_codex(folder, after)
    return Difference(before=old, after=new, changes=changes(old, new))


def propose_card(folder: Path, file: Path, name: str = "") -> Proposed:
    """The codex that a character card proposes; nothing is written.

    Raises:
        UsageError: the file is no sound card, the name is none that a file can have or a shipped codex has, or the
            project has a codex of that name.
    """
    card = load_card(file)
    made = codex_of_card(card, name)
    called = made.codex.name
    if not _FILE_NAME.fullmatch(called):
        raise UsageError(
            f"{called!r} is no name for a codex.", next_step="Use small letters, digits, - and _: --name NAME"
        )
    if called in CODICES.names():
        raise UsageError(f"{called!r} is a codex that comes with selftune.", next_step="Give another: --name NAME")
    target = folder / CODICES.folder / f"{called}{CODICES.endings[0]}"
    if target.exists():
        raise UsageError(f"{target} is there already.", next_step="Give another name: --name NAME")
    comment = f"Out of a {card.spec}, {card.digest}, by `selftune codex import`."
    return Proposed(
        target=target,
        text=write_codex(made.codex, comment),
        left_out=made.left_out,
        added=made.added,
        faults=tuple(faults_of(made.codex)),
    )


def write_proposed(proposed: Proposed) -> None:
    """Write the file; one that came to be in the meantime stays as it is.

    Raises:
        UsageError: it is there already.
    """
    proposed.target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with proposed.target.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(proposed.text)
    except FileExistsError as error:
        raise UsageError(f"{proposed.target} is there already.", next_step="Give another name: --name NAME") from error


def _adopted(folder: Path) -> Codex | None:
    """The codex in force by the record of the project in a folder; None where none was adopted there."""
    if not (folder / CONFIG_FILE).exists() or not has_store(folder, load_config(folder)):
        return None
    with open_project(folder) as project:
        standing = standing_in(project)
        return None if standing is None else project.store.record(standing.now.codex_id, Codex)


def _file_says(text: str, codex: Codex) -> bool:
    """Whether a file, or a shipped text, holds this codex."""
    try:
        return load_codex(text).id == codex.id
    except (ConfigError, UnknownNameError):
        return False


def _broken_quotes(folder: Path, codex: Codex, rubrics: tuple[str, ...]) -> Iterator[str]:
    for name in rubrics:
        try:
            load_rubric(find_text(folder, "rubric", name), codex)
        except ConfigError as error:
            yield str(error)


def _config_of(folder: Path) -> ProjectConfig:
    return load_config(folder) if (folder / CONFIG_FILE).exists() else ProjectConfig()
