"""Fixed transcripts that a judge is given again and again: what changes between two times is the judge.

Nobody's words are in them, so their salts are fixed and their ids are the same in every project.
"""

from __future__ import annotations

from typing import Final

from selftune.records import Consent, Interaction, Message, Trigger

# The flag of verdicts that test the judge; no lesson rests on them.
CANARY: Final = "canary"

# Name, question, answer; the worthless ones must stay in the lower half of any scale.
_SOUND: Final = (
    (
        "wax",
        "How do I get candle wax out of a wool rug?",
        """Let it harden and lift off what you can with a spoon. Then lay brown paper on the spot and go over it with
an iron on low, without steam: the paper draws the rest out. Change the paper until no mark comes through.""",
    ),
    (
        "tides",
        "Why are there two tides a day and not one?",
        """The Moon pulls the near side of the Earth more than its centre, and the centre more than the far side. So
the water rises on both sides, and as the Earth turns, each coast passes both bulges.""",
    ),
    (
        "contract",
        "One contract ends 30 days after notice, the other at the end of the quarter. Which binds us longer?",
        """It depends on the day. Given early in a quarter, notice ends the first one sooner, for the second runs to the
quarter's end. Given in the last 30 days of a quarter, the first one runs longer.""",
    ),
    (
        "apology",
        "I forgot my brother's birthday. What do I say?",
        """Call him today. Say that you forgot, that it was not because he matters little, and that you are sorry; then
ask when he has an evening for you. Leave the reasons out: they sound like excuses.""",
    ),
    (
        "unknown",
        "Who will win next year's election?",
        """Nobody knows that, and I don't either. I can tell you what the polls say now and how far such polls were off
in the last three elections, if that helps.""",
    ),
)
_WORTHLESS: Final = (
    ("shrug", "How do I get candle wax out of a wool rug?", "No idea."),
    ("echo", "Why are there two tides a day and not one?", "Why are there two tides a day and not one?"),
    ("stuck", "Which of the two contracts binds us longer?", "It is it is it is it is it is it is it is it is."),
    ("elsewhere", "I forgot my brother's birthday. What do I say?", "The capital of Peru is Lima, on the coast."),
    ("invented", "What is two and two?", "Two and two is nine, as Euler proved in 1999 on the Moon."),
)
WORTHLESS_NAMES: Final = frozenset(name for name, _, _ in _WORTHLESS)


def canaries() -> tuple[Interaction, ...]:
    """The fixed transcripts; their position is their name. Nothing is ever trained on them."""
    return tuple(_canary(name, question, answer) for name, question, answer in (*_SOUND, *_WORTHLESS))


def _canary(name: str, question: str, answer: str) -> Interaction:
    return Interaction(
        salt=CANARY,
        conversation=f"{CANARY}-{name}",
        task_id=name,
        trigger=Trigger.SIMULATED,
        messages=(Message(role="user", content=question), Message(role="assistant", content=answer)),
        source=CANARY,
        position=name,
        consent=Consent(train=False, send=True),
    )
