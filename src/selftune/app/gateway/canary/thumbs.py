"""Thumbs of people, for the guards of a trial: heard once they are on the disk, from whom feedback is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.gateway.capture.talk import Verdict

if TYPE_CHECKING:
    from selftune.app.gateway.canary.routing import CanaryRouting
    from selftune.app.gateway.capture.feedback import Hears
    from selftune.app.gateway.capture.words import Word


class ThumbsHeard:
    """Puts later words on the disk as `inner` does, and tells a trial where their thumbs point."""

    def __init__(self, inner: Hears, routing: CanaryRouting) -> None:
        self._inner = inner
        self._routing = routing

    async def say(self, word: Word) -> Verdict:
        """What became of a word."""
        verdict = await self._inner.say(word)
        if verdict is Verdict.KEPT and word.thumbs:
            self._routing.thumb(word.completion_id, up=word.thumbs > 0)
        return verdict
