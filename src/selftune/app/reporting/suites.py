"""The suites that evaluations of a project were made with, as far as they are still at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import SelftuneError
from selftune.evals.suites import SUITES, load_suite
from selftune.loop.ejected import find_text
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import Evaluation, Suite, SuiteItem


class KnownSuites:
    """Suites by the digest that an evaluation names; a suite that was edited since is not the one that was asked."""

    def __init__(self, project: Project | None = None) -> None:
        self._project = project
        self._found: dict[str, Suite] = {}
        self._read: set[str] = set()

    def suite_of(self, evaluation: Evaluation) -> Suite | None:
        """The suite as it was asked; None where it is not at hand any more."""
        for name in self._names(evaluation.suite):
            if evaluation.suite_digest in self._found:
                break
            self._take(name)
        return self._found.get(evaluation.suite_digest)

    def items_of(self, evaluation: Evaluation) -> dict[str, SuiteItem]:
        """Its items by id; empty where the suite is not at hand."""
        suite = self.suite_of(evaluation)
        return {} if suite is None else {item.id: item for item in suite.items}

    def unit_of(self, evaluation: Evaluation) -> str:
        """What its means are over: `pair` where the suite pairs its items."""
        suite = self.suite_of(evaluation)
        if suite is not None:
            return suite.unit
        return "pair" if any(outcome.pair for outcome in evaluation.outcomes) else "item"

    def _take(self, name: str) -> None:
        if name in self._read:
            return
        self._read.add(name)
        try:
            suite = load_suite(name)
        except SelftuneError:
            # A text that is being edited, or is gone, is not what was asked.
            return
        self._found[digest_of(suite)] = suite

    def _names(self, asked: str) -> Iterator[str]:
        """Where a suite of this name may lie, the likeliest place first."""
        yield asked
        if self._project is None:
            return
        folder = self._project.folder
        yield find_text(folder, SUITES.kind, asked)
        yield find_text(folder, SUITES.kind, self._project.config.evaluation.suite)
        yield from (
            str(path) for ending in SUITES.endings for path in sorted((folder / SUITES.folder).glob(f"*{ending}"))
        )
