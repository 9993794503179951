"""How much of an answer is only the prompt again: a parrot must earn nothing where an answer is read for its words."""

from __future__ import annotations

from typing import Final

from selftune.scoring.reading import words

_WINDOW: Final = 8
MOST_ECHOED: Final = 0.5
"""Above this share an answer counts as an echo."""


def echoed_share(answer: str, prompt: str) -> float:
    """The share of an answer's words that lie in a run of eight that stands in the prompt too.

    Of a prompt with fewer words the run is the whole prompt.
    """
    said, asked = words(answer), words(prompt)
    size = min(_WINDOW, len(asked))
    if not said or not size:
        return 0.0
    known = {asked[at : at + size] for at in range(len(asked) - size + 1)}
    covered: set[int] = set()
    for at in range(len(said) - size + 1):
        if said[at : at + size] in known:
            covered.update(range(at, at + size))
    return len(covered) / len(said)


def is_echo(answer: str, prompt: str) -> bool:
    """Whether more of an answer than may be is the prompt again."""
    return echoed_share(answer, prompt) > MOST_ECHOED
