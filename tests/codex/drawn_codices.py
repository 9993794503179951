"""Codices that Hypothesis draws, any of which is sound: a few texts of its own, and a seed that puts them together."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from selftune.records import (
    Codex,
    DissonanceLimits,
    GenerationParameters,
    Identity,
    Persona,
    Pillar,
    PlayedBy,
    Principle,
    Probe,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# Quotes, backslashes, line ends and letters from anywhere: what a writer of TOML gets wrong first.
_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\n\t")
_TRICKY = (
    'He said "no".',
    "a\\b",
    '"""',
    "\nfirst",
    "last\n",
    "'''",
    "a\n\nb\\",
    " a ",
    "tab\t",
    '\n"',
    "#",
    "a\u2028b",
)
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NAMES = {"Alpha": "alpha", "Beta": "beta", "Gamma Ray": "gamma_ray", "Delta-4": "delta_4", "Épsilon": "épsilon"}
_PERSON = Persona(name="SOMEBODY", role="person", text="You ask.", voice="Yours.", played_by=PlayedBy.PERSON)


def any_codex():
    """A sound codex, with or without everything that may be left out."""
    text = st.text(_LETTERS, min_size=1, max_size=8).filter(lambda said: said.strip() and not _TURNING & set(said))
    return st.builds(_put_together, st.integers(0, 2**32), st.tuples(text, text))


def _put_together(seed: int, own: Sequence[str]) -> Codex:
    draw = Random(seed)
    texts = (*own, *_TRICKY)
    principles = tuple(Principle(name=name, text=draw.choice(texts)) for name in _some(draw, _NAMES, 1))
    invariants = [_NAMES[one.name] for one in principles]
    personas = tuple(_persona(draw, name, texts) for name in _some(draw, _NAMES, 1))
    probes = tuple(
        Probe(
            invariant=draw.choice(["name", *invariants]),
            question=draw.choice(texts),
            expected=(draw.choice(texts),),
            forbidden=tuple(_some(draw, texts)),
        )
        for _ in range(draw.randrange(4))
    )
    return Codex(
        name="drawn",
        version=draw.choice(["1", "2"]),
        governor=draw.choice(["", personas[0].name]),
        identity=Identity(
            name="Drawn & Co",
            text=draw.choice(texts),
            principles=principles,
            forbidden=tuple(_some(draw, texts)),
            amendable=tuple(_some(draw, ["name", "text", *invariants])),
            probes=probes,
        ),
        personas=(*personas, *draw.choice([(), (_PERSON,)])),
        dissonance=DissonanceLimits(
            high=draw.uniform(0.5, 1), resolved=draw.uniform(0, 0.4), most_rounds=draw.randint(1, 50)
        ),
    )


def _persona(draw: Random, name: str, texts: Sequence[str]) -> Persona:
    drawn = GenerationParameters(
        temperature=draw.uniform(0, 5),
        top_p=draw.uniform(0.01, 1),
        top_k=draw.randrange(99),
        max_tokens=draw.randint(1, 4096),
        stop=tuple(_some(draw, texts)),
    )
    pillars = (
        Pillar(name=one, text=draw.choice(texts), weight=draw.choice([1.0, 0.1, draw.uniform(1e-3, 1e3)]))
        for one in _some(draw, _NAMES)
    )
    return Persona(
        name=name,
        role=draw.choice(["one", "two of them"]),
        text=draw.choice(texts),
        voice=draw.choice(texts),
        pillars=tuple(pillars),
        prompt=draw.choice(["", *texts]),
        parameters=draw.choice([None, GenerationParameters(), drawn]),
    )


def _some(draw: Random, chosen: Sequence[str] | dict[str, str], least: int = 0) -> list[str]:
    """A few of these in any order, none twice."""
    names = list(dict.fromkeys(chosen))
    return draw.sample(names, draw.randint(least, min(3, len(names))))
