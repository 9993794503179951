"""How long a conversation of a suite may grow, so that it is served with room for its last turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.records import Build, Suite, SuiteItem

# English words come to four letters a token and more, states and names to fewer.
_LETTERS_A_TOKEN: Final = 3
# What a template writes around a turn.
_AROUND_A_TURN: Final = 16


def tokens_needed(suite: Suite, build: Build) -> int:
    """Tokens of the longest conversation, if every answer is as long as it may be; rather too many than too few."""
    before = len(build.prompt or "")
    return max((_of(item, suite.generation.max_tokens, before) for item in suite.items), default=0)


def _of(item: SuiteItem, longest_answer: int, before: int) -> int:
    asked = sum(len(message.content) for message in item.messages) + sum(map(len, item.follow_ups))
    turns = len(item.messages) + 2 * len(item.follow_ups) + 1
    answers = (1 + len(item.follow_ups)) * longest_answer
    return math.ceil((before + asked) / _LETTERS_A_TOKEN) + answers + turns * _AROUND_A_TURN
