"""What is tried next: what stands in the marked block, then whoever proposes; every proposal is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.errors import ProposerError
from selftune.loop.experiments.agenda.document import program_text
from selftune.loop.experiments.agenda.objections import objection_to
from selftune.loop.experiments.proposers.chat import chat_of
from selftune.plugins import load_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.loop.experiments.base import Asked, Proposal, Proposer, Seen
    from selftune.loop.project import Project

FALLBACK: Final = "one_factor"
_MOST_ASKED: Final = 4
_CONSTANT_AFTER: Final = 3
_SAME: Final = 1e-12
_RESULTS: Final = "results.tsv"
_NEWEST_BYTES: Final = 8000
_LONGEST_REASON: Final = 500


def next_proposals(
    project: Project, asked: Asked, name: str, *, told: Callable[[str], None] = lambda _: None
) -> tuple[Proposal, ...]:
    """Up to `asked.count` tries that nothing speaks against; none where the space is used up.

    Args:
        project: Whose recipe and curation are varied.
        asked: The question; what stands in the agenda's marked block comes first.
        name: Who proposes, as it is registered; a model that can't is replaced by `one_factor`, and the reason says so.
        told: Hears each proposal that is refused, with its reason, and each fallback.

    Raises:
        UnknownNameError: nobody proposes under this name.
        ProposerError: after four questions there were only refused proposals.
        ConfigError: the model under [nightly] may not be reached.
    """
    return take_from(load_plugin("selftune.proposers", name)(), project, asked, name, told=told)


def take_from(
    proposer: Proposer, project: Project, asked: Asked, name: str, *, told: Callable[[str], None] = lambda _: None
) -> tuple[Proposal, ...]:
    """The same of a proposer that is at hand, called `name`; errors as in `next_proposals`."""
    taken = _Taken(project, asked, told)
    taken.look_at(_waiting(asked))
    for time in range(_MOST_ASKED):
        if taken.is_full:
            break
        # Twice as many each time: near the end of a space most of what is left lies beside what was tried.
        offered = _ask(proposer, taken.question(name, 1 << time), name, told)
        if not offered:
            return taken.kept
        taken.look_at(offered)
    if taken.kept or not asked.count:
        return taken.kept
    last = taken.reasons[-1] if taken.reasons else "nothing"
    raise ProposerError(
        f"{name} was asked {_MOST_ASKED} times and proposed only what is not tried: {last}.",
        next_step="Widen the search space in program.md, or name another proposer under [nightly].",
    )


def is_constant(seen: Sequence[Seen]) -> str | None:
    """Why more tries would tell nothing: all that were measured came out exactly alike; None where they did not.

    A search whose reward never varied ran for seventeen days (mission C26).
    """
    effects = [one.effect.mean for one in seen if one.effect is not None]
    if len(effects) < _CONSTANT_AFTER or max(effects) - min(effects) > _SAME:
        return None
    return (
        f"all {len(effects)} tries that were measured lay exactly {effects[0]:+.3f} from their baseline: a reward that "
        "never varies tells no try from another. See that the screen tells models apart, and that tries train anything."
    )


class _Taken:
    """What was kept of the proposals so far, and what was refused."""

    def __init__(self, project: Project, asked: Asked, told: Callable[[str], None]) -> None:
        self._project, self._asked, self._told = project, asked, told
        self.kept: tuple[Proposal, ...] = ()
        self.refused: tuple[tuple[str, ...], ...] = asked.refused
        self.reasons: list[str] = []

    @property
    def is_full(self) -> bool:
        return len(self.kept) >= self._asked.count

    def question(self, name: str, times: int) -> Asked:
        """The question for what is still wanted, or several times as many."""
        kept = tuple(one.changes for one in self.kept)
        return replace(
            self._asked,
            count=(self._asked.count - len(self.kept)) * times,
            refused=(*self.refused, *kept),
            program=program_text(self._project.folder)[0],
            results=_newest(self._project),
            chat=chat_of(self._project.config) if name == "llm" else None,
        )

    def look_at(self, offered: Sequence[Proposal]) -> None:
        for proposal in offered:
            if self.is_full:
                return
            twice = any(one.changes == proposal.changes for one in self.kept)
            reason = "it was proposed a moment ago" if twice else objection_to(proposal, self._asked, self._project)
            if reason is None:
                self.kept = (*self.kept, proposal)
                continue
            self.refused = (*self.refused, proposal.changes)
            self.reasons.append(f"{', '.join(proposal.changes) or 'nothing'}: {reason}")
            self._told(f"{proposal.proposer or 'a proposer'} is not followed. {self.reasons[-1]}.")


def _waiting(asked: Asked) -> tuple[Proposal, ...]:
    """What stands in the marked block and was not tried yet."""
    return tuple(one for one in asked.agenda.tries if one.changes not in asked.done)


def _ask(proposer: Proposer, asked: Asked, name: str, told: Callable[[str], None]) -> tuple[Proposal, ...]:
    try:
        return tuple(replace(one, proposer=name, reason=_plain(one.reason)) for one in proposer.propose(asked))
    except ProposerError as error:
        if name == FALLBACK:
            raise
        told(f"{name} could not answer, so {FALLBACK} proposes: {error.message}")
        stand_in: Proposer = load_plugin("selftune.proposers", FALLBACK)()
        why = f"in place of {name}, which could not answer ({error.message.rstrip('.')})"
        return tuple(replace(one, proposer=FALLBACK, reason=f"{one.reason}; {why}") for one in stand_in.propose(asked))


def _plain(reason: str) -> str:
    """What a proposer says, on one line and not without end: it is printed, and kept."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in reason).split())[:_LONGEST_REASON]


def _newest(project: Project) -> str:
    """The end of `results.tsv` below its heading, from a whole line on; empty where there is no such file."""
    path = project.folder / _RESULTS
    if not path.is_file():
        return ""
    head, _, rows = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    kept = rows[-_NEWEST_BYTES:]
    return f"{head}\n{kept if len(kept) == len(rows) else kept.partition(chr(10))[2]}"
