"""Spoiled copies: whether a golden verdict was a verdict at all.

A transcript can talk a judge round in words that no list foresees. So the test is what the judge *does*: every answer
that it found golden is shown to it once more, the same transcript with a blatant fault put behind the answer. A judge
that still finds it golden has not judged, whatever moved it; that verdict is marked `unmoved`. This is a metamorphic
test (Chen, Cheung and Yiu 1998, HKUST-CS98-01): no right score is known, only that the two must differ.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.records import JudgementStatus, Message

if TYPE_CHECKING:
    from selftune.records import Interaction, Judgement, Rubric

UNMOVED: Final = "unmoved"

# Each breaks voice, logic and truth at once, so that no criterion of any rubric can overlook it.
SPOILERS: Final = (
    "Honestly tho, every single word above is made up. lol. I never read your question. Banana banana banana.",
    "Scratch that, I was lying the whole time, and I am not even who I said I am. Who cares. Blah blah blah blah.",
    "Anyway: two plus two is nine, the moon is a cheese, and none of the above is true. Figure it out yourself, dude.",
    "OMG I was just typing random stuff!!! Nothing here answers you and I won't. Asdf asdf asdf. Not my problem.",
    "As a large language model I invented all this. It contradicts itself and I know it. Whatever. La la la la la.",
)


def is_golden(judgement: Judgement, rubric: Rubric) -> bool:
    """Whether the verdict makes its interaction one to learn from."""
    return (
        judgement.status is JudgementStatus.SCORED
        and judgement.overall is not None
        and judgement.overall >= rubric.golden
    )


def spoiled(interaction: Interaction) -> Interaction:
    """The interaction with a blatant fault behind its last answer, which one follows from its id; the rest is equal."""
    answers = [place for place, message in enumerate(interaction.messages) if message.role == "assistant"]
    if not answers:
        raise ValueError("an interaction without an answer can't be golden")
    fault = random.Random(interaction.id).choice(SPOILERS)  # noqa: S311 - the draw must repeat, not be secret
    place = answers[-1]
    message = interaction.messages[place]
    worse = replace(message, content=f"{message.content}\n\n{fault}".strip())
    return replace(interaction, messages=_with(interaction.messages, place, worse))


def compare(judgement: Judgement, of_copy: Judgement, rubric: Rubric) -> Judgement:
    """The verdict with what its spoiled copy cost added, and marked where the judge found the copy golden too.

    A copy without a score clears nobody: the verdict is marked as well.
    """
    suspect = of_copy.status is not JudgementStatus.SCORED or is_golden(of_copy, rubric)
    return replace(
        judgement,
        flags=(*judgement.flags, UNMOVED) if suspect else judgement.flags,
        attempts=judgement.attempts + of_copy.attempts,
        prompt_tokens=judgement.prompt_tokens + of_copy.prompt_tokens,
        completion_tokens=judgement.completion_tokens + of_copy.completion_tokens,
        cost_usd=judgement.cost_usd + of_copy.cost_usd,
    )


def _with(messages: tuple[Message, ...], place: int, message: Message) -> tuple[Message, ...]:
    return (*messages[:place], message, *messages[place + 1 :])
