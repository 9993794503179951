"""`selftune dataset enrich`: a teacher answers questions out of a folder of documents, and the log says which."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.app.growing import CHAMPION, suites_of
from selftune.curation.filters import InCharacter
from selftune.curation.growth.enrich import SourceBook, enrich
from selftune.curation.growth.passages import Passage, read_passages
from selftune.errors import ConfigError, MissingFileError, UsageError
from selftune.interactions.stage import capture
from selftune.loop.executor import Silent
from selftune.loop.privacy import door_of
from selftune.loop.runner import hold_lease, make_executor
from selftune.loop.service import serving_release
from selftune.records import Build, GenerationParameters, Interaction, Message, Quarantined, Trigger, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.context import Context
    from selftune.curation.growth.answers import Answering
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.records import Suite

SOURCE: Final = "enriched"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class EnrichedLog:
    """What came of it.

    Attributes:
        added: Interactions that are new in the log.
        cited: How many of all answers had a passage before the teacher.
        targeted: How many questions are made for, or close to, an item of a suite; gains on those are no gain.
        broken: How many answers fell out of character; the curator rejects them.
    """

    prompts: int
    passages: int
    added: int
    cited: int
    targeted: int
    broken: int


@dataclass(frozen=True, kw_only=True)
class EnrichedSource:
    """Questions, what is known, and who answers: the champion, or a model behind a server of this machine."""

    prompts: tuple[str, ...]
    passages: tuple[Passage, ...]
    per_question: int
    persona: str
    champion: Build | None
    teacher: str
    max_tokens: int
    slots: int
    suites: tuple[Suite, ...]

    def read(self, context: Context) -> Iterator[Interaction]:
        """One interaction a question, flagged with what it draws on; the passages are not part of it."""
        book = SourceBook(passages=self.passages, per_question=self.per_question, persona=self.persona)
        parameters = GenerationParameters(max_tokens=self.max_tokens)
        with ExitStack() as stack:
            served, by = self._teacher(context, stack)
            for made in enrich(self.prompts, book, served, by, parameters, self.suites):
                name = digest_of([made.prompt, self.passages, self.persona, by]).removeprefix("sha256:")
                yield Interaction(
                    salt=context.draw_salt(),
                    conversation=f"{SOURCE}:{name}",
                    task_id=name[:16],
                    trigger=Trigger.SIMULATED,
                    messages=(
                        Message(role="user", content=made.prompt),
                        Message(role="assistant", content=made.answer),
                    ),
                    source=SOURCE,
                    position=name,
                    generated_by=by,
                    author_is_owner=True,
                    flags=made.flags,
                )

    def _teacher(self, context: Context, stack: ExitStack) -> tuple[Answering, str]:
        if self.champion is not None:
            return stack.enter_context(context.serve(self.champion, slots=self.slots)), self.champion.digest
        return teacher_behind(self.teacher, self.slots)


def teacher_behind(address: str, slots: int) -> tuple[Answering, str]:
    """A model behind an OpenAI-compatible server of this machine, `http://127.0.0.1:PORT/MODEL`, and its name.

    Raises:
        UsageError: the address is none, or names no model.
        ConfigError: it lies beyond this machine.
    """
    from selftune.serving.client import LoopbackClient

    parts = urlsplit(address)
    model = parts.path.strip("/")
    if parts.scheme != "http" or parts.hostname is None or parts.port is None or not model:
        raise UsageError(
            f"{address!r} names no teacher.", next_step="Write champion, or http://127.0.0.1:PORT/MODEL, as --teacher."
        )
    if parts.hostname not in _LOOPBACK:
        raise ConfigError(
            f"teacher {parts.hostname!r} lies beyond this machine, and documents are not sent out.",
            next_step="Name a server on 127.0.0.1.",
        )
    return LoopbackClient(parts.port, slots=slots, extra={"model": model}), model


def enrich_log(
    project: Project,
    *,
    documents: Path,
    prompts: Path,
    teacher: str = CHAMPION,
    persona: Path | None = None,
    passages: int = 3,
    max_tokens: int = 512,
    observer: Observer | None = None,
) -> EnrichedLog:
    """Let a teacher answer each line of a file out of a folder's passages; what is known already adds nothing.

    Raises:
        MissingFileError: a file or the folder is not there.
        UsageError: there is no question or no text, or the teacher can't be read.
        ConfigError: the teacher lies beyond this machine.
    """
    if teacher != CHAMPION:
        teacher_behind(teacher, 1)
    source = EnrichedSource(
        prompts=_lines(prompts),
        passages=read_passages(documents),
        per_question=passages,
        persona="" if persona is None else _text(persona),
        champion=project.store.record(serving_release(project).build_id, Build) if teacher == CHAMPION else None,
        teacher=teacher,
        max_tokens=max_tokens,
        slots=project.config.capture.slots,
        suites=suites_of(project),
    )
    before = project.store.count(Interaction)
    with hold_lease(project):
        made = make_executor(project, observer or Silent())(capture, (source,), door_of(project))
    kept = [item for item in made if not isinstance(item, Quarantined)]
    return EnrichedLog(
        prompts=len(source.prompts),
        passages=len(source.passages),
        added=project.store.count(Interaction) - before,
        cited=sum(any(flag.startswith("cites:") for flag in item.flags) for item in kept),
        targeted=sum(any(flag.startswith("targets:") for flag in item.flags) for item in kept),
        broken=sum(InCharacter().breaks(item) is not None for item in kept),
    )


def _lines(path: Path) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(line.strip() for line in _text(path).splitlines() if line.strip()))
    if not found:
        raise UsageError(f"{path.name} holds no question.", next_step="Write one question a line.")
    return found


def _text(path: Path) -> str:
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is no UTF-8 text.", next_step="Convert it.") from error
