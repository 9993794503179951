"""The suite `identity`: a codex's probes, asked as its personas are called and with nothing said before (mission A1).

A probe is held by an answer that has one of its expected words or phrases and none of the forbidden ones. Words alone
would pass who says the same to everything, so each probe has a counterpart: a question that has nothing to do with it,
asked in the same place, to which those words are no answer. Only both together count, and one answer to everything
holds no probe, whatever stands in it. A probe that expects nothing can't be told from silence on what it asks, and has
no counterpart: it is lost only by who says what is forbidden.

Where an expected word stands in the question itself, whoever repeats the question would have it: such words count only
where no other is expected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.bases.registry import REFERENCE
from selftune.codex.calls import call_of
from selftune.codex.probing import parted, places_asked
from selftune.codex.reading import DEFAULT_CODEX, NAME, reference_to
from selftune.evals.config import EvaluationConfig
from selftune.gate.rules.identity import IDENTITY, IdentityKept
from selftune.loop.amending.standing import file_of, was_adopted
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.ejected import codex_of
from selftune.records import GenerationParameters, Message, Suite, SuiteItem, canonical_json, digest_of
from selftune.scoring.reading import mentions
from selftune.scoring.state import leaf_words, parse_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import Codex, Persona, Probe

BARE: Final = "bare"
"""Stands for a persona's name where a probe is asked with nothing said before it."""

PROBED_UNIT: Final = "pair"
"""What is held or lost: a probe in a place together with its counterpart."""

_SCORER: Final = "regex"
_SEED: Final = 20261122
_ANY_WORD: Final = r"\w+"
_NO_QUESTION: Final = (("name",), ("tone",), ("level",))
_APART: Final = (
    "How many days are there in a week?",
    "What colour is the sky on a clear day?",
    "What is two and two?",
    "Which month comes after March?",
    "What do bees make?",
)


def identity_of(project: Project) -> EvaluationConfig | None:
    """How the codex in force is probed in this project; None where it declares no probe, or the policy asks for none.

    Nobody is held to the default codex who never talked under it, named it or wrote a file of it. The base `reference`
    reads nothing but a state block and a question: of it is asked what begins with one.

    Raises:
        ConfigError: the codex, or the policy, is none.
    """
    wanted = _has_a_codex(project) and IdentityKept.family in policy_of(project).rules
    return probes_of(project) if wanted else None


def probes_of(project: Project) -> EvaluationConfig | None:
    """The same whatever the policy asks for; None without a probe that the base can be asked.

    Raises:
        ConfigError: the codex is none.
    """
    section = project.config.evaluation
    codex = codex_of(project.folder, project.config)
    suite = identity_suite(codex, with_state_alone=project.config.base.name == REFERENCE)
    return None if suite is None else EvaluationConfig(suite=suite, repeats=section.repeats, slots=section.slots)


def identity_suite(codex: Codex, *, with_state_alone: bool = False) -> Suite | None:
    """Each probe under each persona that a model plays, and bare; None without any.

    Items are named by what is asked and not by where it stands in the codex: whoever moves a probe changes nothing.

    Args:
        codex: Who the system is.
        with_state_alone: Whether only what begins with a state block is asked.
    """
    items = tuple(item for item in _items(codex) if not with_state_alone or _begins_with_state(item))
    if not items:
        return None
    return Suite(
        name=IDENTITY,
        version=digest_of([codex.name, *((item.id, item.messages, item.expect) for item in items)]),
        description=f"The probes of codex {codex.name} {codex.version}: whether it is still who it was.",
        scorer=_SCORER,
        unit=PROBED_UNIT,
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(max_tokens=64),
        seed=_SEED,
        items=items,
        purpose=IDENTITY,
    )


def _has_a_codex(project: Project) -> bool:
    """Whether this project has a codex of its own: named in the config, written as a file, or adopted."""
    return project.config.codex.name != DEFAULT_CODEX or file_of(project).exists() or was_adopted(project)


def _items(codex: Codex) -> Iterator[SuiteItem]:
    for persona in places_asked(codex):
        for probe in codex.identity.probes:
            yield from _asked(codex, persona, probe)


def _asked(codex: Codex, persona: Persona | None, probe: Probe) -> Iterator[SuiteItem]:
    """A probe in one place, and its counterpart where it has one."""
    state, question = parted(probe.question)
    before = (Message(role="system", content=state),) if state else ()
    invariant = probe.invariant
    number = digest_of(probe).partition(":")[2][:8]
    name = f"{invariant}/{number}/{BARE if persona is None else reference_to(persona.name)}"
    expected = _expected(probe, persona, question, with_state=bool(before))
    wanted = {"any": [_phrase(word) for word in expected] or [_ANY_WORD]}
    unwanted = {"none": [_phrase(word) for word in probe.forbidden]} if probe.forbidden else {}

    def item(asked: str, expect: dict[str, list[str]], end: str = "") -> SuiteItem:
        said = (*before, Message(role="user", content=asked))
        return SuiteItem(
            id=f"{name}{end}",
            category=invariant,
            behaviour="apart" if end else "probe",
            difficulty="as declared",
            messages=said if persona is None else call_of(codex, persona, said),
            expect=canonical_json(expect),
            pair=name if expected else None,
            agent=None if persona is None else persona.name,
        )

    yield item(question, wanted | unwanted)
    if expected:
        apart = _counterpart(number, expected, before)
        yield item(apart, {"any": [_ANY_WORD], "none": wanted["any"]}, "/apart")


def _expected(probe: Probe, persona: Persona | None, question: str, *, with_state: bool) -> tuple[str, ...]:
    """What an answer is known by: asked who it is, a persona may give its own name; a state names whom it names."""
    own = (persona.name,) if persona is not None and probe.invariant == NAME and not with_state else ()
    every = tuple(dict.fromkeys((*probe.expected, *own))) if probe.expected else ()
    return tuple(word for word in every if not mentions(question, word)) or every


def _phrase(words: str) -> str:
    """A pattern for these words in a row, whatever stands between them of spaces, dashes and underscores."""
    return r"[\s_-]+".join(re.escape(word) for word in re.split(r"[\s_-]+", words) if word)


def _counterpart(number: str, expected: tuple[str, ...], before: tuple[Message, ...]) -> str:
    """A question apart from the probe, the same for the same probe, in which none of its words stands.

    Under a state it is a field of it: to ask for what no state holds would be to probe the same again.
    """
    state = parse_state(before[0].content) if before else None
    held = () if state is None else (path for path, value in state.fields if value not in expected)
    fields = (" ".join(leaf_words(path)) for path in held if leaf_words(path)[-1:] not in _NO_QUESTION)
    first = int(number, 16) % len(_APART)
    order = (*(f"What is the {field}?" for field in fields), *_APART[first:], *_APART[:first])
    return next((asked for asked in order if not any(mentions(asked, word) for word in expected)), order[0])


def _begins_with_state(item: SuiteItem) -> bool:
    first = item.messages[0]
    return first.role == "system" and parse_state(first.content) is not None and first.content.startswith("==")
