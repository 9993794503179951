"""What the gate looks at, and what a rule must do: one check of the evidence under a policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from selftune.gate.picks.base import Picks
from selftune.records import Arm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.config import Policy
    from selftune.records import Build, Check, Evaluation, JudgeIdentity, LiveTrial, Run, Suite


@dataclass(frozen=True, kw_only=True)
class SuiteEvidence:
    """What the arms did on a further suite: it may stop a candidate, and never promotes one.

    Attributes:
        others: The base and the prompt-only control, where they were evaluated on it.
    """

    suite: Suite
    champion: Evaluation
    candidate: Evaluation | None
    others: tuple[tuple[Arm, Evaluation], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Training:
    """The candidate's recipe and lessons once more under another seed, and what came of it on the suite that decides.

    Attributes:
        build: None where the run did not finish; then nobody was evaluated either.
    """

    run: Run
    build: Build | None
    evaluation: Evaluation | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known about a candidate when it stands before the gate.

    Attributes:
        candidate: None when there is no candidate to evaluate, because its run did not finish.
        others: Further arms that were evaluated on the same suite: the base, the prompt-only control.
        judge: Who selected the data that the candidate learnt from; None when nothing was selected by a judge.
        further: What the arms did on suites beside the one that decides.
        nights: Of each earlier night that tested a gain, the oldest first, whether it promoted.
        picks: What people chose between the two builds' answers, blind.
        champion_run: What the champion was trained by; None where no run of this project made it.
        trainings: The candidate's recipe under further seeds, where the policy asks for them.
        live: Trials of the candidate beside this champion on real requests, in the order in which they ended.
    """

    champion: Evaluation
    candidate: Evaluation | None
    others: tuple[tuple[Arm, Evaluation], ...]
    suite: Suite
    run: Run | None
    candidate_build: Build | None
    champion_build: Build
    judge: JudgeIdentity | None
    further: tuple[SuiteEvidence, ...] = ()
    nights: tuple[bool, ...] = ()
    picks: Picks = Picks()  # noqa: RUF009 - a frozen value
    champion_run: Run | None = None
    trainings: tuple[Training, ...] = ()
    live: tuple[LiveTrial, ...] = ()

    def on(self, further: SuiteEvidence) -> Evidence:
        """The same candidate as a further suite shows it, for rules that look at one suite."""
        return replace(
            self,
            champion=further.champion,
            candidate=further.candidate,
            others=further.others,
            suite=further.suite,
            further=(),
        )

    def on_each_further(self) -> Iterator[Evidence]:
        """The candidate as each further suite shows it."""
        return map(self.on, self.further)

    def on_each_suite(self) -> Iterator[Evidence]:
        """The candidate as each suite shows it, the one that decides first."""
        yield replace(self, further=())
        yield from self.on_each_further()

    def on_suite(self, name: str) -> Evidence | None:
        """The candidate as the suite of this name shows it; None where nobody was asked it."""
        return next((each for each in self.on_each_suite() if each.suite.name == name), None)

    def against_base(self) -> Evidence | None:
        """The candidate beside the base instead of the champion; None where the base was not evaluated."""
        base = dict(self.others).get(Arm.BASE)
        return None if base is None else replace(self, champion=base)


class Rule(Protocol):
    """One rule of promotion; its checks carry its name, which is the one a policy declares, or that and a place.

    `category_cap` is declared once and checked as `category_cap:identity`, `category_cap:tone` …
    """

    @property
    def name(self) -> str:
        """What its checks are called."""
        ...

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """What was measured for this rule, and whether it passed."""
        ...
