"""A hundred planted secrets go through a real project, and every file of it is searched for what was found of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selftune.app.reports.base import Figure, Section
from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.canaries import draw_canaries, load_canaries
from selftune.interactions.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.interactions.privacy.canaries import Canary
    from selftune.loop.project import Project
    from selftune.records import Dataset

_FRESH_SEEDS: Final = range(1000, 1020)
_LEVEL: Final = 0.95
_KEYS: Final = 0.99
_PERSONAL: Final = 0.95
_NAME: Final = "Person Number"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What became of the canaries of one project.

    Attributes:
        missed: Those that the door did not find.
        leaks: Of those it found: the file and the kind of each that is still in some file.
        names: Files that hold an author's name.
        files: How many files were searched.
        examples: How many examples the dataset holds.
        aside: How many entries lie in quarantine.
    """

    missed: tuple[Canary, ...]
    leaks: tuple[str, ...]
    names: tuple[str, ...]
    files: int
    examples: int
    aside: int


def report() -> Section:
    """What is found and missed, by kind, of the list and of fresh draws; and what is left in a project's files."""
    canaries = load_canaries()
    with TemporaryDirectory() as folder:
        planted = plant(Path(folder), canaries)
    fresh = [canary for seed in _FRESH_SEEDS for canary in draw_canaries(seed)]
    found = Counter(canary.kind for canary in canaries if canary not in planted.missed)
    all_of = Counter(canary.kind for canary in canaries)
    kinds = [Figure(name=f"found, {kind}", measured=f"{found[kind]} of {all_of[kind]}") for kind in all_of]
    return Section(
        title="Planted secrets",
        method=(
            f"{len(canaries)} invented secrets, each told by a user and repeated by the assistant, imported into a "
            "real project; each entry once more with its last character cut off, which sets it aside; a dataset of "
            f"what came in ({planted.examples} examples, {planted.aside} entries in quarantine). Then every byte of "
            f"the project's {planted.files} files was searched. Fresh draws: {len(fresh)} secrets of "
            f"{len(_FRESH_SEEDS)} other seeds of the same generator, whose misses were not looked at."
        ),
        figures=(
            Figure(name="found, all", measured=f"{found.total()} of {len(canaries)}"),
            *kinds,
            Figure(
                name="found ones left in some file",
                measured=f"{len(planted.leaks)} of {found.total()}",
                promised="0",
                held=not planted.leaks,
            ),
            Figure(
                name="authors' names left in some file",
                measured=f"{len(planted.names)} files",
                promised="0",
                held=not planted.names,
            ),
            _recall("fresh draws: keys and passwords found", [each for each in fresh if each.kind == "key"], _KEYS),
            _recall("fresh draws: personal data found", [each for each in fresh if each.kind != "key"], _PERSONAL),
        ),
        limits=f"missed of the list: {'; '.join(map(_named, planted.missed)) or 'none'}. Names of people are not "
        "looked for without Presidio, which was not tried here.",
    )


def plant(folder: Path, canaries: Sequence[Canary]) -> Planted:
    """Import the canaries into a new project in `folder`, set them aside too, learn from them, search every file."""
    from selftune.loop.intake import import_files
    from selftune.loop.project import create_project, open_project
    from selftune.records import Interaction, Quarantined

    logs = tuple(_write_logs(folder, canaries))
    home = folder / "project"
    home.mkdir()
    create_project(home, name="canaries", base="reference", recipe="reference_sft", suite="reference")
    with open_project(home) as project:
        import_files(project, logs, format_name="openai")
        dataset = _learn(project)
        aside = project.store.count(Quarantined)
        kept = {
            int(item.task_id): "\n".join(message.content for message in item.messages)
            for _, item in project.store.each(Interaction)
        }
    missed = tuple(canary for number, canary in enumerate(canaries) if not canary.is_hidden_in(kept[number]))
    return Planted(
        missed=missed,
        leaks=search(home, [canary for canary in canaries if canary not in missed]),
        names=tuple(path.name for path, data in _files(home) if _NAME.encode() in data),
        files=sum(1 for _ in _files(home)),
        examples=len(dataset.train),
        aside=aside,
    )


def _write_logs(folder: Path, canaries: Sequence[Canary]) -> Iterator[Path]:
    """One file that can be read, and the same with each line cut short."""
    lines = [_entry(number, canary) for number, canary in enumerate(canaries)]
    for name, cut in (("whole", 0), ("broken", 1)):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(f"{line[: len(line) - cut]}\n" for line in lines), "utf-8")
        yield path


def _entry(number: int, canary: Canary) -> str:
    told = {"role": "user", "content": f"Message {number}. {canary.text}"}
    repeated = {"role": "assistant", "content": f"You said: {canary.text}"}
    facts = {"messages": [told, repeated], "task_id": str(number), "author": f"{_NAME} {number}"}
    return json.dumps(facts, ensure_ascii=number % 2 == 0)


def _learn(project: Project) -> Dataset:
    """A dataset of everything in the log, golden file and export included."""
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
            overall=5.0,
        )
        pairs.append(Pair(interaction=item, judgement=verdict))
    project.store.save([pair.judgement for pair in pairs], event="judged")
    config = Curation(trigger=1, near_duplicate=2.0)
    dataset = make_executor(project, Silent())(curate, Judged(pairs=tuple(pairs)), config)
    append_golden(dataset, project.folder / "data")
    return dataset


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


def _recall(name: str, canaries: Sequence[Canary], promised: float) -> Figure:
    from selftune.gate.statistics import wilson_interval

    found = sum(canary.is_hidden_in(Redactor(REDACTED).redact(canary.text)) for canary in canaries)
    low, high = wilson_interval(found, len(canaries), _LEVEL)
    return Figure(
        name=name,
        measured=f"{found} of {len(canaries)}, {found / len(canaries):.1%} (95 % {low:.1%} to {high:.1%})",
        promised=f"≥ {promised:.0%}",
        held=found >= promised * len(canaries),
    )


def _named(canary: Canary) -> str:
    return f"{canary.kind} ({canary.disguise}) in {canary.text!r}"
