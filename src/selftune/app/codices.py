"""`selftune codex`: the codex in force, what it tells each persona, and whether whoever quotes it finds the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.codex.calls import system_prompt_of
from selftune.codex.quoting import references_in
from selftune.codex.reading import CODICES, find_persona, is_answering
from selftune.errors import ConfigError, UnknownNameError
from selftune.judges.rubric import RUBRICS, load_rubric
from selftune.loop.config import CONFIG_FILE, ProjectConfig, load_config
from selftune.loop.ejected import codex_of, find_text
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.records import Codex


@dataclass(frozen=True, kw_only=True)
class CodexInForce:
    """A codex with its id, where it stands (`shipped`, or a file's path), and every name that a rubric can quote."""

    id: str
    where: str
    codex: Codex
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What was found amiss; `rubrics` were held against the codex."""

    codex: str
    rubrics: tuple[str, ...]
    faults: tuple[str, ...]


def codex_in_force(folder: Path) -> CodexInForce:
    """The codex of the project in a folder; the shipped one where there is no project.

    Raises:
        ConfigError: it is no sound codex; the message names the fault.
    """
    config = _config_of(folder)
    codex, text = codex_of(folder, config), find_text(folder, "codex", config.codex.name)
    where = "shipped" if text in CODICES.names() else text
    return CodexInForce(id=codex.id, where=where, codex=codex, references=references_in(codex))


def prompt_of(folder: Path, name: str) -> str:
    """The system message that a persona is to be called with.

    Raises:
        UnknownNameError: the codex has no persona of that name.
    """
    codex = codex_of(folder, _config_of(folder))
    persona = find_persona(codex, name)
    if persona is None:
        raise UnknownNameError("persona", name, [one.name for one in codex.personas])
    return system_prompt_of(codex, persona)


def lint_codex(folder: Path) -> Linted:
    """Hold the codex in force against the judge's rubric, every other one of the project's own, and itself.

    Raises:
        ConfigError: it is no sound codex; nothing else is looked at then.
    """
    config = _config_of(folder)
    codex = codex_of(folder, config)
    own = sorted(path.stem for path in (folder / RUBRICS.folder).glob(f"*{RUBRICS.endings[0]}"))
    rubrics = tuple(dict.fromkeys((config.judge.rubric, *own)))
    faults = (*_bare_personas(codex), *_broken_quotes(folder, codex, rubrics))
    return Linted(codex=codex.name, rubrics=rubrics, faults=faults)


def _bare_personas(codex: Codex) -> Iterator[str]:
    for persona in codex.personas:
        if not persona.pillars and persona.played_by is PlayedBy.MODEL:
            yield f"{persona.name} stands on no pillar: no criterion can quote one."
    if not any(is_answering(codex, persona) for persona in codex.personas):
        yield "nobody but the governor speaks: nothing can be learnt from its dialogues."


def _broken_quotes(folder: Path, codex: Codex, rubrics: tuple[str, ...]) -> Iterator[str]:
    for name in rubrics:
        try:
            load_rubric(find_text(folder, "rubric", name), codex)
        except ConfigError as error:
            yield str(error)


def _config_of(folder: Path) -> ProjectConfig:
    return load_config(folder) if (folder / CONFIG_FILE).exists() else ProjectConfig()
