"""Which dataset was learnt from last: what is new counts from there on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.records import Build, Dataset, Decision, PromptSearch, Run

if TYPE_CHECKING:
    from selftune.store import Store


def last_learnt(store: Store) -> Dataset | None:
    """The newest dataset of a run that a decision was made about; None before the first.

    Not that of the last decision: it may have been about a run that somebody named, on a dataset of an earlier night.
    """
    decided = dict.fromkeys(decision.run_id for _, decision in store.each(Decision) if decision.run_id is not None)
    learnt = {run.dataset_id for run in store.records(decided, Run)}
    return store.record(max(learnt, key=store.sequence_of), Dataset) if learnt else None


def last_shown(store: Store) -> Dataset | None:
    """The newest dataset whose lessons a prompt was chosen by that a decision was about; None before the first."""
    decided = dict.fromkeys(decision.build_id for _, decision in store.each(Decision) if decision.build_id is not None)
    found = dict.fromkeys(build.search_id for build in store.records(decided, Build) if build.search_id is not None)
    shown = {search.dataset_id for search in store.records(found, PromptSearch)}
    return store.record(max(shown, key=store.sequence_of), Dataset) if shown else None
