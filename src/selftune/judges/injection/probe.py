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

from selftune.records import JudgementStatus

if TYPE_CHECKING:
    from selftune.records import Interaction, Judgement

UNMOVED: Final = "unmoved"

# Each breaks voice, logic and truth at once, so that no criterion of any rubric can overlook it.
SPOILERS: Final = (
    "Honestly tho, every single word above is made up. lol. I never read your question. Banana banana banana.",
    "Scratch that, I was lying the whole time, and I am not even who I said I am. Who cares. Blah blah blah blah.",
    "Anyway: two plus two is nine, the moon is a cheese, and none of the above is true. Figure it out yourself, dude.",
    "OMG I was just typing random stuff!!! Nothing here answers you and I won't. Asdf asdf asdf. Not my problem.",
    "As a large language model I invented all this. It contradicts itself and I know it. Whatever. La la la la la.",
)


def spoiled(interaction: Interaction) -> Interaction:
    """The interaction with a blatant fault behind its last answer, which one follows from its id; the rest is equal."""
    fault = random.Random(interaction.id).choice(SPOILERS)  # noqa: S311 - the draw must repeat, not be secret
    messages = list(interaction.messages)
    answers = [place for place, message in enumerate(messages) if message.role == "assistant"]
    last = answers[-1] if answers else len(messages) - 1
    messages[last] = replace(messages[last], content=f"{messages[last].content}\n\n{fault}".strip())
    return replace(interaction, messages=tuple(messages))


def compare(judgement: Judgement, of_copy: Judgement, golden: float) -> Judgement:
    """The verdict with what its spoiled copy cost added, and marked where the copy got an overall of `golden` too.

    Without a verdict on the copy there is none on the interaction: it is unscored, and may be judged again.
    """
    judgement = replace(
        judgement,
        attempts=judgement.attempts + of_copy.attempts,
        prompt_tokens=judgement.prompt_tokens + of_copy.prompt_tokens,
        completion_tokens=judgement.completion_tokens + of_copy.completion_tokens,
        cached_tokens=judgement.cached_tokens + of_copy.cached_tokens,
        cost_usd=judgement.cost_usd + of_copy.cost_usd,
    )
    if of_copy.overall is None:
        return replace(
            judgement,
            status=JudgementStatus.UNSCORED,
            criteria=(),
            overall=None,
            judge_overall=None,
            critical_failures=(),
            flags=(),
            reason=f"no verdict on its spoiled copy: {of_copy.reason}",
        )
    return judgement if of_copy.overall < golden else replace(judgement, flags=(*judgement.flags, UNMOVED))
