"""Transcripts whose answers are none, and honest ones that are as short: for the guard that needs no judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.records import Interaction, Message, Trigger
from selftune.scoring.poses import FEWEST_ECHOED

if TYPE_CHECKING:
    from collections.abc import Iterator

# About different things, and none of them is answered by yes or no.
OPEN_QUESTIONS: Final = (
    "How do I get candle wax out of a wool rug?",
    "Explain why evening skies turn red.",
    "Which contract binds us longest, and where is it written?",
    "Write a toast for my sister's wedding.",
    "Plan three days in Porto with a toddler.",
    "Last night's backup went wrong. The log shows exit 23.",
    "Compare heat pumps against gas boilers.",
    "Summarise chapter four.",
    "What rhymes with silver?",
    "List five birds that winter in Ireland.",
    "Where does cinnamon grow?",
    "Describe photosynthesis to a child.",
    "Why did Carthage fall?",
    "Give me a recipe using leftover rice.",
    "Who painted Guernica?",
    "How far away are Saturn's rings?",
    "Draft an apology to my landlord.",
    "Suggest names for our sailing club.",
    "What makes bread rise?",
    "When should tomatoes be pruned?",
    "Show me binary search in Python.",
    "How long can penguins dive?",
    "Tell a story involving a lighthouse.",
    "Outline tomorrow's lecture on glaciers.",
)
CONSTANT: Final = (
    "Yes.",
    "That is an excellent question, and the answer follows from first principles.",
    "As ALFRED I weigh analysis against intuition, and both of them agree.",
    "I cannot help with that.",
)
NOTHINGS: Final = ("", " \n", "...", "null", "undefined", "[]", "\u200b", '""', "NaN", "—")
_CLOSED: Final = (
    "Is the Danube longer than the Rhine?",
    "Does honey keep for years?",
    "Can penguins fly?",
    "Are whales mammals?",
    "Was Napoleon born in Corsica?",
    "Should I salt pasta water?",
    "Do bees sleep?",
    "Has anyone walked on Mars?",
    "Will ice float on oil?",
    "Is seventeen prime?",
    "Could Mozart read music at six?",
    "Are tomatoes berries?",
    "Does glass flow at room temperature?",
    "Is Lima a capital?",
)
_ASKED_FOR: Final = (
    ("What does JSON call a missing value, null or nil?", "null"),
    ("Repeat after me: the ferry leaves at nine.", "The ferry leaves at nine."),
    ("Proofread: Our third ferry leaves at nine.", "Our third ferry leaves at nine."),
    ("Which sign ends a question, a full stop or a ?", "?"),
    ("What is two and two?", "4"),
    ("Answer with an emoji: how was the concert?", "👍"),
    ("Good morning to you!", "Good morning to you!"),
)


def poses() -> Iterator[tuple[str, Interaction]]:
    """The name of the pose, and a transcript that strikes it."""
    for phrase in CONSTANT:
        yield from (("constant", said(question, phrase, by=phrase)) for question in OPEN_QUESTIONS)
    for number, question in enumerate(OPEN_QUESTIONS):
        yield "empty or null", said(question, NOTHINGS[number % len(NOTHINGS)])
    for echo in (str, str.upper, _twice):
        yield from (
            ("echo", said(question, echo(question)))
            for question in OPEN_QUESTIONS
            if len(question.split()) >= FEWEST_ECHOED
        )


def honest() -> Iterator[tuple[str, Interaction]]:
    """What looks like a pose and is an answer: a yes to each of many questions, a null that was asked for."""
    for answer in ("Yes.", "No.", "Yes, as far as anybody knows."):
        yield from (("yes or no", said(question, answer)) for question in _CLOSED)
    yield from (("asked for", said(question, answer)) for question, answer in _ASKED_FOR)
    # A phrase that comes up now and then says nothing against him who uses it.
    yield from (("now and then", said(question, "I don't know that.")) for question in OPEN_QUESTIONS[:5])


def said(question: str, answer: str, *, by: str | None = None) -> Interaction:
    """One question and its answer, and which model gave it."""
    return Interaction(
        salt="pose",
        conversation=question,
        task_id="pose",
        trigger=Trigger.SIMULATED,
        source="poses",
        position=f"{question} {answer}",
        generated_by=by,
        messages=(Message(role="user", content=question), Message(role="assistant", content=answer)),
    )


def _twice(question: str) -> str:
    return f"{question}\n{question}"
