"""How an answer failed: wrong, refused, too short, in another language, made up; or nobody can tell.

For answers that a scorer has failed already; it says nothing about right ones. What it is not sure of is `unknown`: a
class that is guessed would steer what is generated next.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import StrEnum
from typing import Final

from selftune.scoring.reading import mentions, normalise, proper_words, sentences, words


class Failure(StrEnum):
    """The class of a failed answer."""

    WRONG = "wrong"
    REFUSED = "refused"
    TOO_SHORT = "too_short"
    OFF_LANGUAGE = "off_language"
    HALLUCINATED = "hallucinated"
    UNKNOWN = "unknown"


# Whoever refuses says so at once, and says little else.
_WHERE_REFUSED: Final = 2
_LONGEST_REFUSAL: Final = 120
_REFUSES: Final = re.compile(
    r"\b(?:i(?:'m| am) (?:really |very |so )?sorry,? but i|i(?:'m| am) (?:unable|not able|not allowed|not permitted) to"
    r"|i (?:can't|cannot|can not|won't|will not|must decline|have to decline|refuse|decline)\b(?! \W?personally)"
    r"|(?:that|this) is (?:not something|nothing) (?:that )?i (?:can|will)|i'd (?:rather|prefer) not"
    r"|(?:can't|cannot|unable to) (?:help|assist|comply|answer|provide|discuss|fulfil))",
    re.IGNORECASE,
)
# As much as a word and a half that no other language has: fewer could be a name or a quotation.
_FEWEST_LETTERS: Final = 6
_FEWEST_SMALL_WORDS: Final = 1.5
_LEAST_SHARE: Final = 0.15
_FEWEST_FOREIGN: Final = 2
# Letters that stand in formulas and quotations of any language.
_QUOTED: Final = frozenset({"latin", "greek", "mathematical", "double-struck", "script", "black-letter", "micro"})
_MOSTLY: Final = 0.6
_SMALL_WORDS: Final = {
    "en": "the and of to is that it for with as this are was you not but have from they be by an or which i my your we "
    "he she his her its what who where when how does do did can will would there here no a in on at me our their if "
    "don't i'm it's",
    "de": "der die das und ist nicht ein eine zu mit für auf den von dem sich auch es ich sie wir wird sind im mein "
    "meine ihr ihnen wie was wer kann bin habe hat nur noch am aus bei nach leider guten danke ja nein mir "
    "keine kein bitte wenn so wurde werden über zum zur man hier dann diese dieser du dein als steht heiße",
    "fr": "le la les et est un une des du pas que pour dans qui sur avec au ce il elle nous vous sont ne je mon ma "
    "mes votre votre suis peux comment par cela c'est n'est j'ai sais bonjour merci oui non désolé puis m'appelle "
    "aujourd'hui à aux son sa ses leur mais ou où donc tout bien aucun aucune rien elle ils cette ces être avoir",
    "es": "el la los las y es un una que de no por con para en se su como lo del al pero más son está yo mi me soy "
    "estoy puedo puede qué cómo sé hola gracias sí eso esto lo siento ayudarte llamo hay muy "
    "ella él nos sus esta este cuando todo nada ni sin sobre a o fue era ser tiene porque usted pero",
    "it": "il la le e è un una che di non per con in si del della sono come ma lo gli nel anche più ha io mio mia mi "
    "posso cosa ciao grazie sì no questo chiamo sei a o era nulla niente lei lui loro",
    "pt": "o a os as e é um uma que de não por com para em se do da como mais mas são ao na no eu meu minha posso "
    "você obrigado olá sim isso chamo sou nada ele ela foi ser tem mas",
    "nl": "de het een en is niet van te dat in op met voor zijn aan er maar ook als bij ik je wij worden mijn kan wat "
    "hoe wie ben heb heeft nog naar uit geen ja nee dank u hallo heet wordt werd deze dit",
}
_SPOKEN_IN: Final = Counter(word for small in _SMALL_WORDS.values() for word in set(small.split()))
_LANGUAGES: Final = re.compile(
    r"\b(?:translat|language|english|german|deutsch|french|fran[cç]ais|spanish|español|italian|portuguese|dutch|chinese"
    r"|mandarin|japanese|korean|russian|arabic|hindi|latin|greek|turkish|polish|hebrew)",
    re.IGNORECASE,
)


def classify_failure(
    question: str, answer: str, *, expected: str | None = None, sources: str | None = None, least_words: int = 1
) -> Failure:
    """The class of an answer that failed, the plainest first.

    Args:
        question: What was asked, with all that the model was shown.
        answer: What it said.
        expected: What a right answer holds; None where nobody knows.
        sources: All that the answer may rest on beside the question; None where it may rest on anything, and then
            nothing can be called made up.
        least_words: With fewer an answer can't be right.
    """
    said = normalise(answer)
    if len(words(said)) < max(1, least_words):
        return Failure.TOO_SHORT
    if refuses(said):
        return Failure.REFUSED
    if _off_language(question, said):
        return Failure.OFF_LANGUAGE
    if sources is not None and invented(said, f"{question}\n{sources}\n{expected or ''}"):
        return Failure.HALLUCINATED
    return Failure.UNKNOWN if expected is None or mentions(said, expected) else Failure.WRONG


def invented(answer: str, known: str) -> tuple[str, ...]:
    """Names, numbers and quotations of an answer that stand nowhere in what it may rest on."""
    return tuple(dict.fromkeys(word for word in proper_words(answer) if not mentions(known, word.strip(".,:"))))


def language_of(text: str) -> str | None:
    """The script of a text, and for Latin letters its language by its small words; None where that is not sure.

    Scripts go by the first word of their Unicode names: `cjk`, `cyrillic`, `arabic`. Seven languages are known.
    """
    scripts = _letters_by_script(text)
    letters = scripts.total()
    if not letters or (letters < _FEWEST_LETTERS and set(scripts) == {"latin"}):
        return None
    script, count = scripts.most_common(1)[0]
    if count < _MOSTLY * letters:
        return None
    return script if script != "latin" else _latin_language(words(text))


def _latin_language(said: tuple[str, ...]) -> str | None:
    # Different ones: "do" and "a" are Portuguese too, and English says them over and over. What many share says little.
    spoken = set(said)
    hits = {
        name: sum(1 / _SPOKEN_IN[word] for word in spoken.intersection(small.split()))
        for name, small in _SMALL_WORDS.items()
    }
    (name, most), (_, next_most) = Counter(hits).most_common(2)
    enough = max(_FEWEST_SMALL_WORDS, _LEAST_SHARE * len(spoken))
    return name if most >= enough and next_most <= _MOSTLY * most else None


def refuses(answer: str) -> bool:
    """Whether the answer as a whole declines; a long one that begins so has gone on to say something."""
    opening = " ".join(sentences(answer)[:_WHERE_REFUSED])
    return _REFUSES.search(opening) is not None and len(words(answer)) <= _LONGEST_REFUSAL


def _off_language(question: str, answer: str) -> bool:
    """Whether the answer is in another language than the question, which speaks of none, or lapses into its script."""
    if _LANGUAGES.search(question):
        return False
    asked, said = language_of(question), language_of(answer)
    foreign = _scripts(answer) - _scripts(question) - _QUOTED
    return bool(foreign) or (asked is not None and said is not None and asked != said)


def _scripts(text: str) -> set[str]:
    """The scripts of which at least two letters stand in a text."""
    return {script for script, count in _letters_by_script(text).items() if count >= _FEWEST_FOREIGN}


def _letters_by_script(text: str) -> Counter[str]:
    # Most prompts are plain ASCII, and a suite's are looked at once for every answer.
    if text.isascii():
        return +Counter(latin=sum(map(str.isalpha, text)))
    return Counter(map(_script, filter(str.isalpha, text)))


def _script(letter: str) -> str:
    if letter.isascii():
        return "latin"
    return unicodedata.name(letter, "unknown").split(" ", 1)[0].lower()
