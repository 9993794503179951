"""From a line of an archive to a session, or to what is set aside with the reason why it can't be one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.privacy.redaction import Redactor
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, read_entries
from selftune.interactions.reading.times import as_utc
from selftune.records import Consent, Message, Quarantined, Session, canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.interactions.config import Capture
    from selftune.interactions.reading.lines import Entry

SOURCE: Final = "archive"
NUMBER: Final = ("number", "session")
PROGRAMME: Final = ("programme", "program")
TIME: Final = ("at", "happened_at", "timestamp", "created_at", "date")
AUTHOR: Final = ("author", "trainer")
MODEL: Final = ("generated_by", "model")
ANSWER: Final = ("output", "answer", "response", "completion")
_GREATEST: Final = 2**63 - 1
_MOST_NAMES: Final = 1000
_WRITTEN: Final = frozenset({"role", "content", "reasoning"})


def read_sessions(path: Path, *, programme: str, context: Context, door: Capture) -> Iterator[Session | Quarantined]:
    """Each entry of a file as a session of the programme that it names, else of this one.

    Words stay as they are but for secrets, which are taken out. What can't be read, or could only be kept mended, comes
    as `Quarantined`, in a form that no import of the log takes for a conversation.

    Raises:
        MissingFileError: there is no such file.
        UsageError: the file can't be read at all.
    """
    name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    names = _Names(door)
    for entry in read_entries(path):
        fault = entry.fault
        if fault is None and entry.flags:
            fault = "its text is no sound UTF-8; an archive keeps words as they are, or not at all"
        if fault is None:
            try:
                told = as_mapping(entry.value, "the line")
                yield _clean(_session_of(told, entry, name, programme, context), door, names)
                continue
            except UnreadableError as error:
                fault = str(error)
        yield set_aside(entry.raw, f"{SOURCE}:{name}", entry.position, f"{name}, {entry.place}: {fault}", context, door)


def set_aside(raw: str, source: str, position: str, reason: str, context: Context, door: Capture) -> Quarantined:
    """A line that is no session, kept in a form that a retry of imports can't read: it must not be learnt from."""
    redactor = _redactor(door)
    names = raw if door.pseudonyms is None else door.pseudonyms.in_raw(raw)
    return Quarantined(
        salt=context.draw_salt(),
        source=source,
        position=position,
        reason=redactor.redact(reason),
        raw=canonical_json({"held_back": redactor.redact(names)}),
        consent=Consent(train=False),
    )


def _session_of(held: Mapping[str, Any], entry: Entry, file: str, programme: str, context: Context) -> Session:
    messages, more = _messages(held)
    told = _first(held, PROGRAMME)
    time = _first(held, TIME)
    happened_at = as_utc(time)
    used = {*NUMBER, *PROGRAMME, *AUTHOR, *MODEL, "scores", "flags", "flagged", "reward", "attempts", "messages"}
    used |= {"prompt", *ANSWER} if "messages" not in held else set()
    # A time that can't be read is told as it stands.
    used |= set(TIME) if time is None or happened_at is not None else set()
    rest = [(name, canonical_json(value)) for name, value in sorted(held.items()) if name not in used]
    return Session(
        salt=context.draw_salt(),
        programme=_named(told, programme),
        number=_number(_first(held, NUMBER)),
        messages=messages,
        source=f"{SOURCE}:{file}",
        position=entry.place,
        author=_text_or_none(held, AUTHOR),
        happened_at=happened_at,
        generated_by=_text_or_none(held, MODEL),
        scores=_scores(held.get("scores")),
        flags=_flags(held),
        reward=None if held.get("reward") is None else _figure(held["reward"], "'reward'"),
        attempts=_attempts(held.get("attempts", 1)),
        more=(*more, *rest),
    )


def _first(held: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """What the line says under the first of these names that it has."""
    return next((held[name] for name in names if held.get(name) is not None), None)


def _named(told: Any, programme: str) -> str:
    name = programme if told is None else as_text(told, "its programme")
    if not name.strip():
        raise UnreadableError("it names no programme, and none was named for it")
    return name


def _number(value: Any) -> int:
    """A session's number; a text of digits is one too.

    Raises:
        UnreadableError: it is none.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableError("it has no number" if value is None else f"its number is {str(value)[:40]!r}")
    if not 0 <= value <= _GREATEST:
        raise UnreadableError(f"its number is {str(value)[:40]}, and numbers go from 0 to {_GREATEST}")
    return value


def _messages(held: Mapping[str, Any]) -> tuple[tuple[Message, ...], list[tuple[str, str]]]:
    """What was said, and what a turn holds beside it."""
    if "messages" not in held:
        asked, answered = held.get("prompt"), _first(held, ANSWER)
        said = [(role, text) for role, text in (("user", asked), ("assistant", answered)) if text is not None]
        if not said:
            raise UnreadableError("it holds neither messages nor an output")
        return tuple(Message(role=role, content=as_text(text, f"what the {role} said")) for role, text in said), []
    messages, more = [], []
    for place, value in enumerate(as_list(held["messages"], "'messages'"), start=1):
        turn = as_mapping(value, f"turn {place}")
        thought = turn.get("reasoning")
        messages.append(
            Message(
                role=as_text(turn.get("role"), f"the role of turn {place}"),
                content=as_text(turn.get("content"), f"the content of turn {place}"),
                reasoning=None if thought is None else as_text(thought, f"the reasoning of turn {place}"),
            )
        )
        beside = {name: held_there for name, held_there in turn.items() if name not in _WRITTEN}
        more += [(f"turn {place}", canonical_json(beside))] if beside else []
    if not messages:
        raise UnreadableError("it holds no message")
    return tuple(messages), more


def _text_or_none(held: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    value = _first(held, names)
    return None if value is None else as_text(value, f"its {names[0]}")


def _scores(value: Any) -> tuple[tuple[str, float], ...]:
    if value is None:
        return ()
    told = as_mapping(value, "'scores'")
    return tuple(sorted((name, _figure(score, f"score {name!r}")) for name, score in told.items() if score is not None))


def _figure(value: Any, what: str) -> float:
    try:
        figure = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:
        figure = math.nan
    if not math.isfinite(figure):
        raise UnreadableError(f"{what} is no number: {str(value)[:40]!r}")
    return figure


def _flags(held: Mapping[str, Any]) -> tuple[str, ...]:
    """What it is marked with; `flagged: true` alone is a mark as well."""
    marks = held.get("flags")
    named = tuple(as_text(one, "a flag") for one in as_list(marks, "'flags'")) if marks is not None else ()
    flagged = held.get("flagged")
    if flagged is not None and not isinstance(flagged, bool):
        raise UnreadableError("'flagged' is neither true nor false")
    return named or (("flagged",) if flagged else ())


def _attempts(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _GREATEST:
        raise UnreadableError(f"'attempts' is no number from 1 on: {str(value)[:40]!r}")
    return value


def _redactor(door: Capture) -> Redactor:
    return Redactor((*door.redact, *door.quarantine))


@dataclass(frozen=True)
class _Names:
    """Names that stand in thousands of lines, each looked through for secrets once."""

    door: Capture
    known: dict[str, str] = field(default_factory=dict)

    def redact(self, name: str) -> str:
        """The name without secrets."""
        if name not in self.known:
            if len(self.known) >= _MOST_NAMES:
                self.known.clear()
            self.known[name] = _redactor(self.door).redact(name)
        return self.known[name]


def _clean(session: Session, door: Capture, names: _Names) -> Session:
    """The session without secrets, its author under a pseudonym; nothing is mended."""
    redact = _redactor(door).redact
    cleaned = replace(
        session,
        messages=tuple(
            replace(
                one,
                role=names.redact(one.role),
                content=redact(one.content),
                reasoning=None if one.reasoning is None else redact(one.reasoning),
            )
            for one in session.messages
        ),
        programme=names.redact(session.programme),
        generated_by=None if session.generated_by is None else names.redact(session.generated_by),
        scores=tuple((names.redact(name), score) for name, score in session.scores),
        flags=tuple(map(names.redact, session.flags)),
        more=tuple((names.redact(name), redact(text)) for name, text in session.more),
    )
    author = session.author if door.pseudonyms is None or session.author is None else door.pseudonyms.of(session.author)
    return replace(cleaned, author=author, redacted=cleaned != session)
