"""Codices that Hypothesis draws, any of which is sound; and one that is good, to be spoilt."""

from __future__ import annotations

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

# Quotes, backslashes, line ends and letters from anywhere: what a writer of TOML gets wrong first.
_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\n\t")
_TEXTS = st.one_of(
    st.text(_LETTERS, min_size=1, max_size=12).filter(str.strip),
    st.sampled_from(['He said "no".', "a\\b", '"""', "\nfirst", "last\n", "'''", "a\n\nb\\", " a ", "tab\t", '\n"']),
)
_NAMES = ("Alpha", "Beta", "Gamma Ray", "Delta-4", "Épsilon")
_WORDS = st.tuples(_TEXTS) | st.just(())


def _named(kind, names):
    return st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=3).flatmap(
        lambda chosen: st.tuples(*(kind(name) for name in chosen))
    )


def _pillar(name: str):
    return st.builds(Pillar, name=st.just(name), text=_TEXTS, weight=st.floats(1e-3, 1e3))


_PARAMETERS = st.builds(
    GenerationParameters,
    temperature=st.floats(0, 5),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 99),
    max_tokens=st.integers(1, 4096),
    stop=_WORDS,
)


def _persona(name: str):
    return st.builds(
        Persona,
        name=st.just(name),
        role=st.sampled_from(["one", "two of them"]),
        text=_TEXTS,
        voice=_TEXTS,
        pillars=st.just(()) | _named(_pillar, _NAMES),
        prompt=st.just("") | _TEXTS,
        parameters=st.none() | _PARAMETERS,
    )


_PERSON = Persona(name="SOMEBODY", role="person", text="You ask.", voice="Yours.", played_by=PlayedBy.PERSON)


@st.composite
def any_codex(draw) -> Codex:
    """A sound codex, with or without everything that may be left out."""
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True, min_size=1, max_size=3))
    principles = tuple(Principle(name=name, text=draw(_TEXTS)) for name in names)
    references = ["alpha", "beta", "gamma_ray", "delta_4", "épsilon"]
    there = [reference for name, reference in zip(_NAMES, references, strict=True) if name in names]
    probe = st.builds(
        Probe,
        invariant=st.sampled_from(["name", *there]),
        question=_TEXTS,
        expected=st.tuples(_TEXTS),
        forbidden=_WORDS,
    )
    personas = draw(_named(_persona, _NAMES))
    high = draw(st.floats(0.5, 1))
    return Codex(
        name="drawn",
        version=draw(st.sampled_from(["1", "2"])),
        governor=draw(st.sampled_from(["", personas[0].name])),
        identity=Identity(
            name="Drawn & Co",
            text=draw(_TEXTS),
            principles=principles,
            forbidden=draw(_WORDS),
            amendable=tuple(draw(st.lists(st.sampled_from(["name", "text", *there]), unique=True))),
            probes=tuple(draw(st.lists(probe, max_size=2))),
        ),
        personas=(*personas, *draw(st.sampled_from([(), (_PERSON,)]))),
        dissonance=DissonanceLimits(high=high, resolved=draw(st.floats(0, 0.4)), most_rounds=draw(st.integers(1, 50))),
    )
