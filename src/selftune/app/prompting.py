"""`selftune prompt`: the best system prompt and lessons to show, found without training and left as a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.app.reporting.pages import figures
from selftune.builds.stage import build
from selftune.errors import NothingBetterError
from selftune.loop.prompts.wishes import without_training
from selftune.loop.runner import go_until
from selftune.records import Build, PromptSearch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.records import TriedPrompt


@dataclass(frozen=True, kw_only=True)
class FoundPrompt:
    """What a search came to.

    Attributes:
        build: The base with the prompt that was found; None where none did better than none.
        why_not: Why there is no build; None where there is one.
    """

    search: PromptSearch
    build: Build | None
    why_not: str | None = None


def find_prompt(project: Project, observer: Observer) -> FoundPrompt:
    """Go round without training as far as the build; a search that was made before is found again.

    Raises:
        NotYet: there is nothing new, or too little.
        JudgeMissingError: the judge can't score what a model says now.
        BudgetError: the money for judging is used up; what it paid for is kept.
        LockedError: another runner has the project.
    """
    try:
        made = go_until(without_training(project), build.__name__, observer)
    except NothingBetterError as error:
        search = project.store.last(PromptSearch)
        assert search is not None, "it was kept before it was found wanting"  # noqa: S101 - can't happen
        return FoundPrompt(search=search, build=None, why_not=error.message)
    assert isinstance(made, Build), "the cycle stops at its build"  # noqa: S101 - can't happen
    assert made.search_id is not None, "nothing else builds without training"  # noqa: S101 - can't happen
    return FoundPrompt(search=project.store.record(made.search_id, PromptSearch), build=made)


def as_document(found: FoundPrompt) -> dict[str, Any]:
    """The search as `--json` prints it."""
    return {
        "search": found.search.id,
        "build": None if found.build is None else found.build.id,
        "why_not": found.why_not,
        "record": found.search,
    }


def rows_of_search(search: PromptSearch) -> Iterator[tuple[str, ...]]:
    """One line for each prompt in each round: what it is made of, its mean score and over how many answers."""
    for one in _best_of_each_round(search):
        yield str(one.round), one.name, figures.number(one.mean, 3), str(one.n)


def _best_of_each_round(search: PromptSearch) -> Iterator[TriedPrompt]:
    """Drafts that differ only in the lessons they show are told by the best of them: there are many."""
    best: dict[tuple[int, str], TriedPrompt] = {}
    for one in search.tried:
        known = best.get((one.round, one.name))
        if known is None or (one.mean is not None and (known.mean is None or one.mean > known.mean)):
            best[one.round, one.name] = one
    yield from best.values()


def lines_of_search(search: PromptSearch) -> Iterator[str]:
    """What was found, what it costs, and what it does not show."""
    yield f"{search.name}, of {search.answers} answers judged by {search.judge.name}; dataset {search.dataset_id[:20]}"
    if search.ended is not None:
        yield f"It ended early: {search.ended}."
    if search.gain is None or search.interval is None or search.before is None:
        yield "No prompt did better than none."
        return
    yield (
        f"On {search.n} questions that had no part in the search: {figures.number(search.before, 3)} without it, "
        f"{figures.signed(search.gain)} {figures.signed_interval(search.interval)} with it."
    )
    if search.prompt_tokens is not None:
        yield f"It costs {search.prompt_tokens} tokens more with each question."
    if search.cost_usd:
        yield f"Judging cost {figures.dollars(search.cost_usd)}."


def next_steps(found: FoundPrompt) -> Iterator[str]:
    """What to do with it: the figure above chose it, and is no claim."""
    if found.build is None:
        yield f"No build: {found.why_not}"
        return
    yield f"Build: {found.build.id}"
    yield "What it is worth the suite says: `selftune cycle --no-training` asks it, and the gate decides."
