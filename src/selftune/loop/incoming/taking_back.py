"""Words that were taken back leave the suites and drafts of a project, and what shows them in a prompt the service."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.errors import IntegrityError, UnknownNameError, WithdrawnError
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import SUITES, load_suite
from selftune.records import Interaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Build, Consent, Suite, SuiteItem
    from selftune.store import Store


def drop_withdrawn(project: Project) -> int:
    """Take items and drafts out of the project's suites whose words may no longer be kept; how many there were."""
    origins = {origin for origin in _origins(project.folder) if origin.startswith(f"{Interaction.KIND}:")}
    gone = [origin for origin in origins if not may_be_kept(origin, project.store)]
    return forget_in_suites(project.folder, gone) if gone else 0


def forget_in_suites(folder: Path, interaction_ids: Iterable[str]) -> int:
    """Take every item that was made of these interactions out of a project's suites and drafts; how many there were.

    Whoever erases a person's words calls it with what they said.
    """
    gone, count = frozenset(interaction_ids), 0
    for path in _suite_files(folder):
        suite = load_suite(path)
        left = tuple(item for item in suite.items if item.origin not in gone)
        if left != suite.items:
            count += len(suite.items) - len(left)
            _replace_items(path, suite, left)
    for path in _draft_files(folder):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _origin_of(line) not in gone]
        if kept != lines:
            count += len(lines) - len(kept)
            draft = path.with_name(f"{path.name}.draft")
            draft.write_text("".join(kept), encoding="utf-8")
            draft.replace(path)
    return count


def items_made_of(folder: Path, interaction_ids: Iterable[str]) -> frozenset[str]:
    """Ids of the items of a project's suites that were made of these interactions."""
    wanted = frozenset(interaction_ids)
    items = (item for path in _suite_files(folder) for item in load_suite(path).items)
    return frozenset(item.id for item in items if item.origin in wanted)


def may_be_kept(interaction_id: str, store: Store) -> bool:
    """Whether the newest version of these words may still be kept; not where they were erased."""
    consent = _consent_now(interaction_id, store)
    return consent is not None and consent.keep


def _consent_now(interaction_id: str, store: Store) -> Consent | None:
    """The consent of the newest version; None where the words were erased."""
    newest = interaction_id
    try:
        while (later := store.later_version(newest)) is not None:
            newest = later
        return store.record(newest, Interaction).consent
    except (UnknownNameError, IntegrityError):
        return None


def withdrawn_from_prompt(build: Build, store: Store) -> tuple[str, ...]:
    """The lessons in a build's prompt that may no longer be shown: their words were erased, or not for training."""
    shown = () if build.shown is None else build.shown.interaction_ids
    return tuple(one for one in shown if not may_be_shown(one, store))


def refuse_withdrawn(build: Build, store: Store) -> None:
    """Stop before a build is put into service whose prompt shows words that may no longer be used.

    Raises:
        WithdrawnError: so it is; the message names them.
    """
    if gone := withdrawn_from_prompt(build, store):
        raise WithdrawnError(
            f"the prompt of {build.id[:18]} shows what its authors took back: {', '.join(one[:24] for one in gone)}.",
            next_step="Search for another prompt: selftune prompt.",
        )


def may_be_shown(interaction_id: str, store: Store) -> bool:
    """Whether the newest version of these words may be learnt from, and so shown instead."""
    consent = _consent_now(interaction_id, store)
    return consent is not None and consent.keep and consent.train


def _origins(folder: Path) -> Iterator[str]:
    """Where the items and drafts of a project come from, as far as they say."""
    for path in _suite_files(folder):
        yield from (item.origin for item in load_suite(path).items if item.origin)
    for path in _draft_files(folder):
        yield from filter(None, map(_origin_of, path.read_text(encoding="utf-8").splitlines()))


def _suite_files(folder: Path) -> list[Path]:
    return sorted((folder / SUITES.folder).glob(f"*{SUITES.endings[0]}"))


def _draft_files(folder: Path) -> list[Path]:
    return sorted((folder / SUITES.folder).glob("drafts/*.jsonl"))


def _origin_of(line: str) -> str | None:
    """Where a draft comes from; None of a line that is no draft, or that a crash cut short."""
    try:
        held = json.loads(line)
    except json.JSONDecodeError:
        return None
    origin: str | None = held.get("draft", {}).get("origin")
    return origin


def _replace_items(path: Path, suite: Suite, items: tuple[SuiteItem, ...]) -> None:
    if items:
        held = {item.category for item in items}
        write_suite(replace(suite, items=items, categories=tuple(c for c in suite.categories if c in held)), path)
    else:
        path.unlink()
