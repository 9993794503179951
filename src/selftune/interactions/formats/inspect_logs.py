"""Logs of Inspect AI: one JSON document, or an `.eval` archive with a file for each sample.

The form: https://inspect.aisi.org.uk/eval-logs.html
"""

from __future__ import annotations

import codecs
import zipfile
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError
from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.reading.assemble import Origin, assemble, read_from
from selftune.interactions.reading.documents import LIMITS
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import Entry, UnreadableError, decode_text, made_entry, parse_json
from selftune.interactions.reading.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_ZIP: Final = b"PK\x03\x04"
_HEADS: Final = ("header.json", "_journal/start.json")
_DOCUMENT_BYTES: Final = 64 << 20
_ATTACHED: Final = "attachment://"
_CONVERT: Final = "Convert it with Inspect: `inspect log convert --to json`, or run `pip install 'selftune[inspect]'`."
_UNPACKS_ZSTANDARD: Final = "zipfile_zstd"


@dataclass(frozen=True)
class InspectLog:
    """Samples of an evaluation, each with its messages and the model that answered; marked `from_evaluation`.

    They are items of an exam: what is learnt from them must not be measured by them. Scores are not kept
    (`scores_not_kept`); a sample that broke off is an interaction with an error.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        about = entry.get("eval")
        found = isinstance(about, dict) and {"task", "model"} <= about.keys() and "version" in entry
        return "it holds an `eval` with its `task` and `model`" if found else None

    @staticmethod
    def recognises_head(head: bytes) -> str | None:
        """Why a file that begins so looks like this format; None when it does not."""
        if head.startswith(_ZIP):
            named = any(name in head for name in (b"_journal/", b"samples/", b"header.json"))
            return "it is an archive with a journal or samples, as Inspect writes them" if named else None
        begins = head.lstrip().startswith(b"{") and b'"eval"' in head and b'"task"' in head and b'"version"' in head
        return "it begins as a log of Inspect, with `version` and `eval`" if begins else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each sample as one interaction.

        Raises:
            UsageError: the archive can't be read, or the document is too large for memory.
        """
        with self.path.open("rb") as stream:
            archived = stream.read(len(_ZIP)) == _ZIP
        samples = _archived(self.path) if archived else _samples(self.path)
        return read_from(samples, self.path.name, "inspect", _parse, context)


def read_log(path: Path) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
    """What a log says of all its samples, and each sample, whole: for whoever reads the scores.

    Raises:
        UsageError: the log can't be read.
    """
    try:
        if not zipfile.is_zipfile(path):
            log = as_mapping(parse_json(decode_text(path.read_bytes())[0], _no_number), "the log")
            return log, (as_mapping(one, "a sample") for one in as_list(log.get("samples") or [], "'samples'"))
        with _open_archive(path) as archive:
            head = next((name for name in _HEADS if name in archive.namelist()), None)
            log = {} if head is None else as_mapping(parse_json(_text(archive, head), _no_number), "the log")
            samples = [as_mapping(parse_json(_text(archive, name), _no_number), name) for name in _named(archive)]
            return log, iter(samples)
    except (zipfile.BadZipFile, NotImplementedError, UnreadableError, OSError) as error:
        raise UsageError(f"{path.name} can't be read as a log of Inspect: {error}.", next_step=_CONVERT) from error


def _open_archive(path: Path) -> zipfile.ZipFile:
    """Inspect packs by Zstandard, which Python before 3.14 unpacks only with a package of the extra `inspect`."""
    if find_spec(_UNPACKS_ZSTANDARD) is not None:
        import_module(_UNPACKS_ZSTANDARD)
    return zipfile.ZipFile(path)


def _named(archive: zipfile.ZipFile) -> list[str]:
    return sorted(name for name in archive.namelist() if name.startswith("samples/") and name.endswith(".json"))


def _samples(path: Path) -> Iterator[Entry]:
    """The samples of a log in one document, each with what the log says of all."""
    if path.stat().st_size > _DOCUMENT_BYTES:
        raise UsageError(
            f"{path.name} is one JSON document of more than {_DOCUMENT_BYTES:,} bytes.",
            next_step="Convert it with Inspect: `inspect log convert --to eval`.",
        )
    text, flags = decode_text(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    try:
        log = as_mapping(parse_json(text, _no_number), "the log")
        if log.keys() == {"about", "sample"}:
            yield made_entry(log, "the sample", Positions(), flags)  # as it was set aside
            return
        about, samples = _about(log), as_list(log.get("samples"), "'samples'")
        if not samples:
            raise UnreadableError("it holds no sample")  # noqa: TRY301 - one way out for whatever is wrong with it
    except UnreadableError as error:
        yield Entry(position=Positions().of(text.encode()), place="the log", raw=text, fault=str(error), flags=flags)
        return
    positions = Positions()
    for number, sample in enumerate(samples, start=1):
        yield made_entry({"about": about, "sample": sample}, f"sample {number}", positions, flags)


def _archived(path: Path) -> Iterator[Entry]:
    """The samples of an archive; memory holds one of them."""
    positions = Positions()
    try:
        with _open_archive(path) as archive:
            names = archive.namelist()
            head = next((name for name in _HEADS if name in names), None)
            about = {} if head is None else _about(parse_json(_text(archive, head), _no_number))
            for name in _named(archive):
                yield _sample(archive, name, about, positions)
    except (zipfile.BadZipFile, NotImplementedError, UnreadableError, OSError) as error:
        raise UsageError(f"{path.name} can't be read as a log of Inspect: {error}.", next_step=_CONVERT) from error


def _sample(archive: zipfile.ZipFile, name: str, about: Mapping[str, Any], positions: Positions) -> Entry:
    size = archive.getinfo(name).file_size
    if size > LIMITS.line_bytes:
        fault = f"{size:,} bytes in one sample, more than {LIMITS.line_bytes:,}"
        return Entry(position=positions.of(name.encode()), place=name, raw="", fault=fault)
    text = _text(archive, name)
    try:
        sample = parse_json(text, _no_number)
    except UnreadableError as error:
        return Entry(position=positions.of(text.encode()), place=name, raw=text, fault=str(error))
    return made_entry({"about": about, "sample": sample}, name, positions)


def _text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as stream:
        data = stream.read(LIMITS.line_bytes + 1)
    if len(data) > LIMITS.line_bytes:
        raise UnreadableError(f"{name} unfolds to more than {LIMITS.line_bytes:,} bytes")
    return decode_text(data)[0]


def _no_number(_: str) -> None:
    """Metrics of Inspect may be NaN, and no message holds one."""


def _about(log: Any) -> dict[str, Any]:
    """What a log says of all its samples."""
    held = as_mapping(as_mapping(log, "the log").get("eval"), "'eval'")
    return {key: held.get(key) for key in ("eval_id", "run_id", "task", "model", "created") if held.get(key)}


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    about, sample = as_mapping(entry.get("about"), "the log"), as_mapping(entry.get("sample"), "the sample")
    attachments = as_mapping(sample.get("attachments") or {}, "'attachments'")
    values = [as_mapping(one, "a message") for one in as_list(sample.get("messages"), "'messages'")]
    messages, flags = parse_messages([_message(value, attachments) for value in values])
    output = as_mapping(sample.get("output") or {}, "'output'")
    models = [value["model"] for value in values if value.get("role") == "assistant" and value.get("model")]
    run = about.get("eval_id") or about.get("run_id") or about.get("task")
    facts = {
        "conversation_id": f"{run}:{sample.get('id')}:{sample.get('epoch', 1)}",
        "task_id": sample.get("id"),
        "trigger": "simulated",
        "model": models[-1] if models else output.get("model") or about.get("model"),
        "created_at": about.get("created"),
        "closed": True,
        "outcome": "error" if sample.get("error") else None,
    }
    noticed = ("from_evaluation", *(("scores_not_kept",) if sample.get("scores") else ()))
    return assemble(messages, facts, origin, (*flags, *noticed))


def _message(value: Mapping[str, Any], attachments: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message as OpenAI's chat API has it: attachments in place, reasoning and tool calls where they belong."""
    content, thoughts = value.get("content"), []
    if isinstance(content, list):
        parts = [as_mapping(part, "a part") for part in content]
        thoughts = [as_text(part.get("reasoning"), "reasoning") for part in parts if part.get("type") == "reasoning"]
        content = [_part(part, attachments) for part in parts if part.get("type") != "reasoning"]
    calls = [_call(as_mapping(call, "a tool call")) for call in as_list(value.get("tool_calls") or [], "'tool_calls'")]
    return {
        "role": value.get("role"),
        "content": _attached(content, attachments),
        "reasoning": "\n".join(thoughts) or None,
        "tool_calls": calls,
        "tool_call_id": value.get("tool_call_id"),
    }


def _part(part: Mapping[str, Any], attachments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**part, "text": _attached(part["text"], attachments)} if "text" in part else part


def _attached(content: Any, attachments: Mapping[str, Any]) -> Any:
    """The content that an entry only points to."""
    if not isinstance(content, str) or not content.startswith(_ATTACHED):
        return content
    return attachments.get(content.removeprefix(_ATTACHED), content)


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": call.get("id"), "function": {"name": call.get("function"), "arguments": call.get("arguments")}}
