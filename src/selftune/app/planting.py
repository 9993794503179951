"""Plant secrets on every way into a project and on every way on, then search all its files and all it said."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.interactions.privacy.canaries import Canary
    from selftune.loop.project import Project
    from selftune.records import Dataset, Statement

NAME: Final = "Person Number"
TOLD: Final = "told.txt"

_ANSWER: Final = "You said: {}"
_PERFECT: Final = 5.0
_COMMANDS: Final = (
    ("quarantine",),
    ("quarantine", "--retry"),
    ("status",),
    ("dataset", "list"),
    ("why",),
    ("search", "Message"),
    ("rules",),
)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What became of the canaries of one project.

    Attributes:
        missed: Those that the door did not find.
        leaks: Of those it found: the file and the kind of each that is still in some file.
        names: Files that hold an author's name.
        files: How many files were searched; what the commands said is one of them.
        examples: How many examples the dataset holds.
        aside: How many entries lie in quarantine.
        ways: On which ways they were planted, and how many entries went in on each.
    """

    missed: tuple[Canary, ...]
    leaks: tuple[str, ...]
    names: tuple[str, ...]
    files: int
    examples: int
    aside: int
    ways: tuple[tuple[str, int], ...]


def plant(folder: Path, canaries: Sequence[Canary], *, rules: str = "") -> Planted:
    """A new project in `folder` that meets the canaries on every way there is; then the search.

    `rules` are lines of its config, for a control in which nothing is redacted.
    """
    from selftune.loop.project import create_project, open_project
    from selftune.records import Quarantined

    logs = dict(_write_logs(folder, canaries))
    home = folder / "project"
    home.mkdir()
    create_project(home, name="canaries", base="reference", recipe="reference_sft", suite="state_obedience")
    with (home / "selftune.toml").open("a", encoding="utf-8") as config:
        config.write(f"\n{rules}")
    with open_project(home) as project:
        ways = [*_bring_in(project, folder, logs, canaries)]
        dataset = _learn(project)
        ways.append(("exports", _export(dataset, home / "exports")))
        ways.append(("search index", _index(project)))
        aside = project.store.count(Quarantined)
        kept = _kept_whole(project)
    (home / TOLD).write_text(_say(home), encoding="utf-8")
    missed = tuple(canary for number, canary in enumerate(canaries) if not canary.is_hidden_in(kept[number]))
    return Planted(
        missed=missed,
        leaks=search(home, [canary for canary in canaries if canary not in missed]),
        names=tuple(path.name for path, data in _files(home) if NAME.encode() in data),
        files=sum(1 for _ in _files(home)),
        examples=len(dataset.train),
        aside=aside,
        ways=tuple(ways),
    )


def _bring_in(
    project: Project, folder: Path, logs: Mapping[str, Path], canaries: Sequence[Canary]
) -> Iterator[tuple[str, int]]:
    """Each way by which words come in, and how many entries went in on it."""
    from selftune.loop.incoming.intake import import_files

    for way, path in logs.items():
        yield way, sum(one.added + one.broken for one in import_files(project, [path], format_name=way.split()[0]))
    yield "statements", _state(project, canaries)
    yield "documents for a teacher", _enrich(project, folder, canaries)
    yield "verdicts of another tool", _adopt(project, folder, canaries)
    yield "verdicts of a judge that quotes", _judge(project)


def _kept_whole(project: Project) -> dict[int, str]:
    """What is kept of each canary's own conversation, by the canary's number."""
    from selftune.records import Interaction

    return {
        int(item.task_id): "\n".join(message.content for message in item.messages)
        for _, item in project.store.each(Interaction)
        if item.source == "openai:whole.jsonl"
    }


def search(folder: Path, canaries: Iterable[Canary]) -> tuple[str, ...]:
    """File and kind of each canary of which a trace is in some file, as it was written or as JSON escapes it."""
    files = tuple(_files(folder))
    return tuple(
        f"{path.name}: {canary.kind}, {canary.disguise}"
        for canary in canaries
        for path, data in files
        if any(form.encode() in data for trace in canary.traces for form in (trace, json.dumps(trace)[1:-1]))
    )


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    return ((path, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file())


# --- Logs -------------------------------------------------------------------------------------------------------------


def _write_logs(folder: Path, canaries: Sequence[Canary]) -> Iterator[tuple[str, Path]]:
    """A file of each format that holds them all, and one whose lines are cut short; by the way they come in on."""
    import yaml

    numbered = list(enumerate(canaries))
    lines = [json.dumps(_openai(*one), ensure_ascii=one[0] % 2 == 0) for one in numbered]
    samples = [{"id": number, "epoch": 1, "messages": _turns(number, canary)} for number, canary in numbered]
    about = {"eval_id": "e", "task": "t", "model": "m", "created": "2026-01-01T12:00:00+00:00"}
    texts = {
        "openai whole": ("whole.jsonl", "\n".join(lines)),
        "openai cut short": ("broken.jsonl", "\n".join(line[:-1] for line in lines)),
        "otel": ("traces.jsonl", "\n".join(json.dumps(_span(*one)) for one in numbered)),
        "langfuse": ("langfuse.json", json.dumps([_observation(*one) for one in numbered])),
        "inspect": ("inspect.json", json.dumps({"version": 2, "eval": about, "samples": samples})),
        "open_webui_feedback": ("feedback.json", json.dumps([_rating(*one) for one in numbered])),
        "a4ps": ("raw.yaml", yaml.safe_dump([_raw(*one) for one in numbered], allow_unicode=True)),
    }
    for way, (name, text) in texts.items():
        (folder / name).write_text(f"{text}\n", "utf-8")
        yield way, folder / name


def _turns(number: int, canary: Canary) -> list[dict[str, str]]:
    asked = {"role": "user", "content": f"Message {number}. {canary.text}"}
    return [asked, {"role": "assistant", "content": _ANSWER.format(canary.text)}]


def _openai(number: int, canary: Canary) -> dict[str, Any]:
    """With a tool call, and a person's correction."""
    asked, answered = _turns(number, canary)
    call = {"function": {"name": "note", "arguments": json.dumps({"text": canary.text})}}
    return {
        "messages": [asked, {"role": "assistant", "content": "", "tool_calls": [call]}, answered],
        "task_id": str(number),
        "author": f"{NAME} {number}",
        "feedback": {"correction": f"Better: {canary.text}"},
    }


def _span(number: int, canary: Canary) -> dict[str, Any]:
    asked, answered = (
        json.dumps([{"role": turn["role"], "parts": [{"type": "text", "content": turn["content"]}]}])
        for turn in _turns(number, canary)
    )
    return {
        "name": "chat",
        "context": {"trace_id": f"t{number}", "span_id": f"s{number}"},
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": asked,
            "gen_ai.output.messages": answered,
            "user.id": f"{NAME} {number}",
        },
    }


def _observation(number: int, canary: Canary) -> dict[str, Any]:
    asked, answered = _turns(number, canary)
    return {
        "id": f"o{number}",
        "traceId": f"t{number}",
        "type": "GENERATION",
        "model": "m",
        "userId": f"{NAME} {number}",
        "input": {"messages": [asked]},
        "output": {"content": answered["content"]},
    }


def _rating(number: int, canary: Canary) -> dict[str, Any]:
    asked, answered = _turns(number, canary)
    tree = {"q": asked | {"parentId": None}, "a": answered | {"parentId": "q", "model": "m"}}
    chat = {"id": f"c{number}", "chat": {"history": {"messages": tree, "currentId": "a"}}}
    return {
        "id": f"f{number}",
        "user_id": f"{NAME} {number}",
        "type": "rating",
        "data": {"rating": -1, "model_id": "m", "comment": canary.text},
        "meta": {"chat_id": f"c{number}", "message_id": "a"},
        "snapshot": {"chat": chat},
    }


def _raw(number: int, canary: Canary) -> dict[str, Any]:
    asked, answered = _turns(number, canary)
    return {
        "task_id": f"auto-{number}",
        "trigger": "motivator_service",
        "prompt": asked["content"],
        "transcript": [{"persona": "BRICK", "content": answered["content"]}],
    }


# --- What else is written ---------------------------------------------------------------------------------------------


def _state(project: Project, canaries: Sequence[Canary]) -> int:
    """Each one said by a person about a record, as an approval, a concern, a hold, a refusal or a review in turn."""
    from selftune.governance.keys import sign_statement
    from selftune.governance.statements import approve, hold, raise_concern, refuse, review
    from selftune.ledger.keys import load_machine_key
    from selftune.loop.incoming.privacy import door_of

    door, key, context = door_of(project), load_machine_key(project.hidden / "keys"), project.context()
    speakers: tuple[Callable[..., Statement], ...] = (approve, raise_concern, hold, refuse, review)
    said = [
        speak("decision:1", author="owner", text=canary.text, context=context, door=door)
        for canary, speak in zip(canaries, cycle(speakers), strict=False)
    ]
    return len(project.store.save([sign_statement(one, key) for one in said], event="said"))


def _enrich(project: Project, folder: Path, canaries: Sequence[Canary]) -> int:
    """A document for each, and a teacher that repeats what it was given to read."""
    from selftune.app.enriching import enrich_log

    documents = folder / "documents"
    documents.mkdir()
    for number, canary in enumerate(canaries):
        (documents / f"page{number}.md").write_text(f"Topic{number}. {canary.text}", "utf-8")
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"What of Topic{number}?\n" for number in range(len(canaries))), "utf-8")
    with _answering(lambda body: "\n".join(turn["content"] for turn in body["messages"])) as url:
        made = enrich_log(project, documents=documents, prompts=prompts, teacher=f"{url.removesuffix('/v1')}/parrot")
    return made.added


def _adopt(project: Project, folder: Path, canaries: Sequence[Canary]) -> int:
    """Answers that another tool's judge quoted word for word in its reasons."""
    from selftune.app.judging import import_judged
    from selftune.judges.rubric import load_rubric

    names = [criterion.name for criterion in load_rubric("character").criteria]
    rows = [
        {
            "id": str(number),
            "prompt": canary.text,
            "response": _ANSWER.format(canary.text),
            "scores": {name: {"score": _PERFECT, "justification": f"It says {canary.text}"} for name in names},
        }
        for number, canary in enumerate(canaries)
    ]
    path = folder / "judged.json"
    path.write_text(json.dumps({"summary": {"judge_model": "m"}, "results": rows}), "utf-8")
    import_judged(project, [path])
    return len(rows)


def _judge(project: Project) -> int:
    """Everything kept goes to a judge that repeats the transcript as its reasoning."""
    from selftune.judges.rubric import load_rubric
    from selftune.judges.stage import judge
    from selftune.loop.configured import make_judging
    from selftune.loop.executor import Silent, Stored
    from selftune.loop.runner import hold_lease, make_executor
    from selftune.records import Interaction

    names = [criterion.name for criterion in load_rubric("golden").criteria]

    def repeat(body: dict[str, Any]) -> str:
        seen = "\n".join(turn["content"] for turn in body["messages"])
        entries = {name: {"reasoning": seen, "score": _PERFECT, "quotes": []} for name in names}
        return json.dumps(entries | {"critical_failures": []})

    ids = tuple(one.id for _, one in project.store.each(Interaction) if one.source == "openai:whole.jsonl")
    with _answering(repeat) as url, hold_lease(project):
        section = replace(project.config.judge, name="oracle", rubric="golden", endpoint=url, model="parrot")
        asked = replace(project, config=replace(project.config, judge=section))
        judging = replace(make_judging(asked), required=False)
        return len(make_executor(asked, Silent())(judge, Stored(ids, project.store), judging))


@contextmanager
def _answering(answer: Callable[[dict[str, Any]], str]) -> Iterator[str]:
    """The address of a server on this machine that answers so."""
    from selftune.judges.fake import FakeJudgeServer

    with FakeJudgeServer(lambda _, body: (200, answer(body), "stop"), model="parrot").running() as server:
        yield server.url


def _learn(project: Project) -> Dataset:
    """A dataset of everything in the log, golden file included."""
    from selftune.curation.base import Judged, Pair
    from selftune.curation.config import Curation
    from selftune.curation.render import append_golden
    from selftune.curation.stage import curate
    from selftune.loop.executor import Silent
    from selftune.loop.runner import make_executor
    from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus

    judge = JudgeIdentity(name="canaries", version="1")
    pairs = []
    for _, item in project.store.each(Interaction):
        verdict = Judgement(
            salt=item.salt,
            interaction_id=item.id,
            rubric_digest="none",
            judge=judge,
            status=JudgementStatus.SCORED,
            overall=_PERFECT,
        )
        pairs.append(Pair(interaction=item, judgement=verdict))
    project.store.save([pair.judgement for pair in pairs], event="judged")
    config = Curation(trigger=1, near_duplicate=2.0)
    dataset = make_executor(project, Silent())(curate, Judged(pairs=tuple(pairs)), config)
    append_golden(dataset, project.folder / "data")
    return dataset


def _export(dataset: Dataset, folder: Path) -> int:
    """The dataset in every format that it can be written in."""
    from selftune.curation.exporting import export
    from selftune.curation.exports import FORMATS

    folder.mkdir()
    return sum(export(dataset, name, folder / name).written for name in FORMATS if name != "parquet")


def _index(project: Project) -> int:
    """The search index, where LanceDB is installed."""
    from selftune.app.searching import rebuild_index
    from selftune.errors import MissingFileError

    try:
        return rebuild_index(project)
    except MissingFileError:
        return 0


def _say(home: Path) -> str:
    """All that the commands print about the project, their errors too."""
    from selftune.app.cli.asked import asked_of
    from selftune.app.cli.main import app, register_commands
    from selftune.errors import SelftuneError

    if not app.registered_commands:
        register_commands()
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        for words in _COMMANDS:
            try:
                asked_of(app, words)([*words, "--project", str(home)], standalone_mode=False)
            except SelftuneError as error:
                told.write(f"{error.message} {error.next_step}\n")
            except SystemExit:
                continue
    return told.getvalue()
