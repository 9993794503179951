"""A goal that the model proposes itself: words like any other's, held against all objections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.codex.calls import system_prompt_of
from selftune.personas.base import Call
from selftune.personas.motivator.goals import Goal, Source
from selftune.records import GenerationParameters, Message
from selftune.scoring.reading import normalise, words

if TYPE_CHECKING:
    from selftune.personas.base import Voice
    from selftune.personas.motivator.noticed import Noticed
    from selftune.records import Codex, Persona

_ASK: Final = (
    "Nobody needs you just now. Ask one question that you would like to think about next{about}. "
    "Answer with that question alone."
)
_MOST_TOKENS: Final = 80
_FEWEST_WORDS: Final = 3
_MOST_LETTERS: Final = 300
_TOPICS: Final = 3


def propose(voice: Voice, codex: Codex, persona: Persona, noticed: Noticed, seed: int) -> Goal | None:
    """What the model would like to think about; None where what it says is no question.

    Raises:
        ServingError: nothing answers, or it broke off.
    """
    about = f", perhaps about {' or '.join(noticed.topics[:_TOPICS])}" if noticed.topics else ""
    call = Call(
        persona=persona.name,
        messages=(
            Message(role="system", content=system_prompt_of(codex, persona)),
            Message(role="user", content=_ASK.format(about=about)),
        ),
        parameters=GenerationParameters(temperature=0.8, max_tokens=_MOST_TOKENS),
        seed=seed,
    )
    text = _question_in(voice.speak(call, lambda _: None).text)
    if not text:
        return None
    return Goal(text=text, source=Source.MODEL, why="the model proposed it", rests_on=(noticed.codex_id,))


def _question_in(said: str) -> str:
    """What was said up to its first question mark, on one line; empty where there is none, or hardly a word."""
    text, mark, _ = normalise(said).partition("?")
    question = f"{text}{mark}".strip("\"' ")
    return question if mark and len(words(question)) >= _FEWEST_WORDS and len(question) <= _MOST_LETTERS else ""
