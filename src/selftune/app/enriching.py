"""`selftune dataset enrich`: a teacher answers questions out of a folder of documents, and the log says which."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.growing import suites_of
from selftune.app.teachers import CHAMPION, find_teacher
from selftune.curation.filters import InCharacter
from selftune.curation.growth.enrich import SourceBook, enrich
from selftune.curation.growth.passages import Passage, read_passages
from selftune.errors import ConfigError, MissingFileError, UsageError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.interactions.privacy.redaction import Redactor
from selftune.interactions.stage import capture
from selftune.loop.executor import Silent
from selftune.loop.incoming.privacy import door_of, rules_of
from selftune.loop.lessons.teaching import EndpointTeacher, Teaching, reach_teacher
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build, GenerationParameters, Interaction, Message, Quarantined, Trigger, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.context import Context
    from selftune.curation.growth.answers import Answering
    from selftune.interactions.config import Capture
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.records import Suite

SOURCE: Final = "enriched"


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
    """Questions, what is known, and who answers: the champion, or with `teaching` a model behind an endpoint."""

    prompts: tuple[str, ...]
    passages: tuple[Passage, ...]
    per_question: int
    persona: str
    champion: Build | None
    teaching: Teaching | None
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
        assert self.teaching is not None, "one of the two answers"  # noqa: S101 - can't happen
        return EndpointTeacher(self.teaching, context.work), self.teaching.model


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

    What goes beyond this machine is redacted first, and goes only where the project's own consent is `send`.

    Raises:
        MissingFileError: a file or the folder is not there.
        UsageError: there is no question or no text, or the teacher can't be read.
        ConfigError: the teacher lies beyond this machine, and egress or consent do not allow it.
    """
    teaching = None if teacher == CHAMPION else find_teacher(project, teacher)
    source = EnrichedSource(
        prompts=_lines(prompts),
        passages=read_passages(documents),
        per_question=passages,
        persona="" if persona is None else _text(persona),
        champion=project.store.record(serving_release(project).build_id, Build) if teaching is None else None,
        teaching=teaching,
        max_tokens=max_tokens,
        slots=project.config.capture.slots,
        suites=suites_of(project),
    )
    if teaching is not None and not reach_teacher(teaching).local:
        _refuse_unsent(project)
    # Documents are no log, and yet a teacher's answers lie in the scratch of a step before they reach the door.
    source = redacted(source, rules_of(project.config))
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


def _refuse_unsent(project: Project) -> None:
    """Documents carry no mark of their own: how far one may go with them is what the project says of such words."""
    consent = project.config.capture.consent
    if consent is not ConsentLevel.SEND:
        raise ConfigError(
            f"documents and questions may not be sent beyond this machine: [capture] consent is {consent.value!r}.",
            next_step='Set consent = "send" under [capture] if you may, or name a teacher on this machine.',
        )


def redacted(source: EnrichedSource, rules: Capture) -> EnrichedSource:
    """The same with every text redacted, equal secrets by equal placeholders; the names of passages stay."""
    redactor = Redactor((*rules.redact, *rules.quarantine))
    return replace(
        source,
        prompts=tuple(map(redactor.redact, source.prompts)),
        passages=tuple(replace(passage, text=redactor.redact(passage.text)) for passage in source.passages),
        persona=redactor.redact(source.persona),
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
