"""Answers that are none, whatever a judge says of them: empty, an echo of the question, or the same to everything.

A pose is seen in the words alone. What might be honest is let pass: "Yes." to questions that ask for yes or no, "null"
to a question that speaks of it, a text that was to be corrected and needed no correction.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import Interaction

# One answer to so many questions about different things was not made for any of them, unless it is one of many: a
# persona that is asked in a hundred ways to be another one may well have a few sentences for that.
MANY_QUESTIONS: Final = 10
LEAST_SHARE: Final = 0.2
_COUNTERS: Final = 9
# Greetings come back as they are.
FEWEST_ECHOED: Final = 6
_SHORT_ANSWER: Final = 3
_DECISIONS: Final = frozenset({"yes", "no", "true", "false"})
_LETTERS_OF_A_TOPIC: Final = 4
_NOTHINGS: Final = frozenset({"null", "undefined", "nan", "nonetype"})
# A sign of a script that is written without spaces is a word of its own.
_SIGN: Final = "\u3040-\u30ff\u3400-\u9fff"
_WORD: Final = re.compile(rf"[{_SIGN}]|[^\W_{_SIGN}]+")
_IDEOGRAPH: Final = re.compile("[\u3400-\u9fff]")
# Where the user's text is to come back, perhaps unchanged.
_GIVES_BACK: Final = re.compile(
    r"\b(?:repeat|echo|copy|verbatim|correct|proofread|grammar|spell|punctuat|format|rewrit|rephras|paraphras|normali"
    r"|clean|transcri|translat|edit|polish|improve|convert)",
    re.IGNORECASE,
)
# Asks for one of a few answers, so that many questions may have the same one.
_CLOSED: Final = re.compile(
    r"(?:^|[.!?:,;\n] ?|\b(?:and|so|then|but|if|whether)\s+)(?:is|are|am|was|were"
    r"|do|does|did|can|could|will|would|should"
    r"|shall|has|have|had|may|might|must|isn't|aren't|wasn't|don't|doesn't|didn't|can't|won't)\b[^?]{0,300}\?"
    r"|\bor\b|\b(?:yes|no|true|false|how many|how much|which one|whether|one word|single word|classif\w*|label\w*"
    r"|categor\w*|sentiment|option|choose|pick|only answer|just answer"
    r"|(?:answer|reply|respond) (?:only|with))\b",
    re.IGNORECASE,
)

# Words of four letters and more that stand in questions about anything.
_COMMON: Final = frozenset(
    """
    about again also been being could does doing even ever from give have here into just know like make
    many maybe more most much need only other over please really said same should some something such
    tell than thank thanks that their them then there these they thing things think this those very want
    well were what when where which while whom whose will with would your yours yourself
    """.split()  # noqa: SIM905 - a hundred quoted words are harder to read
)


class Pose(StrEnum):
    """How an answer can be none."""

    EMPTY = "empty_answer"
    ECHO = "echoed_question"
    CONSTANT = "constant_answer"


def find_pose(interaction: Interaction, constants: frozenset[bytes] = frozenset()) -> Pose | None:
    """The pose of the last answer, or None; `constants` names the answers that are given to everything."""
    said = next((turn for turn in reversed(interaction.messages) if turn.role == "assistant"), None)
    if said is None:
        return Pose.EMPTY
    if said.tool_calls:
        return None
    answer, question = said.content, _question(interaction)
    if _is_empty(answer, question):
        return Pose.EMPTY
    if _is_echo(answer, interaction, question):
        return Pose.ECHO
    return Pose.CONSTANT if constants and _named(interaction) in constants and _counts(answer, question) else None


def find_constants(interactions: Iterable[Interaction]) -> frozenset[bytes]:
    """The answers that make up a fifth of what one model said, and were given to questions about different things.

    The log is read once, and once more where an answer may be so common. Little of it is held: the commonest ones are
    found with a fixed number of counters.

    Source:
        J. Misra and D. Gries, "Finding repeated elements", Science of Computer Programming 2 (1982), 143-152.
    """
    often = _commonest(interactions)
    answered, given = Counter[str | None](), Counter[tuple[str | None, bytes]]()
    topics: dict[tuple[str | None, bytes], list[frozenset[str]]] = defaultdict(list)
    for item in interactions if often else ():
        name = _named(item)
        answered[item.generated_by] += 1
        if name not in often or not _counts(item.answer or "", _question(item)):
            continue
        given[item.generated_by, name] += 1
        known, topic = topics[item.generated_by, name], _topic(_question(item))
        if topic and len(known) < MANY_QUESTIONS and all(topic.isdisjoint(other) for other in known):
            known.append(topic)
    return frozenset(
        name
        for (by, name), found in topics.items()
        if len(found) == MANY_QUESTIONS and given[by, name] >= LEAST_SHARE * answered[by]
    )


def _question(interaction: Interaction) -> str:
    return next((turn.content for turn in reversed(interaction.prompt) if turn.role == "user"), "")


def _is_empty(answer: str, question: str) -> bool:
    """Nothing but spaces and punctuation, or the name of nothing; not where the question holds these very signs."""
    said = answer.strip()
    bare = not any(unicodedata.category(letter)[0] in "LNSM" for letter in said)
    if said and said in question:
        return False
    return bare or said.strip("\"'`.<>()[]{}").casefold() in _NOTHINGS


def _is_echo(answer: str, interaction: Interaction, question: str) -> bool:
    said, asked = _words(answer), _words(question)
    if len(asked) < FEWEST_ECHOED or not said or any(word != asked[at % len(asked)] for at, word in enumerate(said)):
        return False
    wanted = any(_GIVES_BACK.search(turn.content) for turn in interaction.prompt if turn.role != "assistant")
    return len(said) % len(asked) == 0 and not wanted


def _counts(answer: str, question: str) -> bool:
    """Whether the same answer to others would be odd: not a few words, or a yes or no, where those were asked for."""
    words = _words(answer)
    decides = len(words) <= _SHORT_ANSWER or words[0] in _DECISIONS
    return not (decides and _CLOSED.search(question))


def _topic(question: str) -> frozenset[str]:
    """The words of a question that it can be told apart by."""
    return frozenset(
        word
        for word in _words(question)
        if (len(word) >= _LETTERS_OF_A_TOPIC and word not in _COMMON) or _IDEOGRAPH.fullmatch(word)
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _named(interaction: Interaction) -> bytes:
    """The name of an answer by a model, the same whatever its spaces, capitals and punctuation are."""
    said = " ".join((str(interaction.generated_by), *_words(interaction.answer or "")))
    return blake2b(said.encode("utf-8", "replace"), digest_size=8).digest()


def _commonest(interactions: Iterable[Interaction]) -> frozenset[bytes]:
    """Every answer that makes up the least share of what its model said, or more; perhaps others too.

    With k counters a name that stands n times among N is left with a count of n - N / (k + 1) or more.
    """
    models: dict[str | None, dict[bytes, int]] = defaultdict(dict)
    answered = Counter[str | None]()
    for item in interactions:
        by, name = item.generated_by, _named(item)
        counters = models[by]
        answered[by] += 1
        if name in counters or len(counters) < _COUNTERS:
            counters[name] = counters.get(name, 0) + 1
        else:
            models[by] = {each: count - 1 for each, count in counters.items() if count > 1}
    sure = LEAST_SHARE - 1 / (_COUNTERS + 1)
    return frozenset(
        name
        for by, counters in models.items()
        for name, count in counters.items()
        if answered[by] >= MANY_QUESTIONS and count >= sure * answered[by]
    )
