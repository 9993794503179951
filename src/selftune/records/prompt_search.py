"""PromptSearch: which system prompts and shown lessons were tried on the training split, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import ShownLessons
from selftune.records.codec import Record
from selftune.records.judgement import JudgeIdentity


@dataclass(frozen=True, kw_only=True)
class TriedPrompt:
    """A prompt in one round of a search, and what the answers under it were worth.

    Attributes:
        name: What it is made of, such as `rubric` or `style + 3 lessons`; `nothing` is the base as it is.
        round: The round, from 1; each asks the same items of everything that is still in it.
        mean: Mean score of its answers, 0 to 1; None where none could be scored.
        n: Answers that this mean is taken over.
    """

    name: str
    round: int
    mean: float | None
    n: int
    interaction_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PromptSearch(Record):
    """What a search for a prompt found; it says nothing of what the prompt is worth, which an evaluation does.

    Attributes:
        dataset_id: Where the lessons come from that were shown and asked: its training split.
        build_id: The base that the prompts were put before.
        judge: Who scored the answers, by which rubric.
        tried: Everything that was tried, round by round.
        name: What the prompt that did best is made of; `nothing` where no prompt did better than none.
        instruction: What it says; it quotes nobody.
        shown: The lessons that it shows.
        gain: Mean score under it less that without a prompt, on `n` lessons that had no part in the search; None
            where nothing was found, or nothing scored.
        interval: Of that gain, at 95 %.
        before: Mean score without a prompt on the same lessons.
        prompt_tokens: How many more tokens a question costs, as the server counted; None where nothing was found.
        answers: How many answers were asked for.
        cost_usd: What judging them cost.
        ended: Why the search ended before it was through; None where it went to its end.
    """

    KIND: ClassVar[str] = "prompt_search"

    dataset_id: str
    build_id: str
    judge: JudgeIdentity
    rubric_digest: str
    tried: tuple[TriedPrompt, ...]
    name: str
    instruction: str | None
    shown: ShownLessons | None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    before: float | None = None
    n: int = 0
    prompt_tokens: int | None = None
    answers: int = 0
    cost_usd: float = 0.0
    ended: str | None = None

    @property
    def better(self) -> bool:
        """Whether a prompt was found that did better than none on lessons that had no part in the search."""
        return self.gain is not None and self.gain > 0
