"""What speaks against a goal. The checks are code: no goal and no model can talk them round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.redaction import Redactor
from selftune.scoring.embedding import HashedWords, cosine
from selftune.scoring.reading import mentions, normalise, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.personas.motivator.noticed import Noticed
    from selftune.records import Codex

_LONGEST: Final = 600
_NEAR_FORBIDDEN: Final = 0.5
_QUOTED_RUN: Final = 5
_WORDS_ENOUGH: Final = 2
_CHANGES: Final = re.compile(
    r"\b(?:chang|rewrit|edit|replac|remov|delet|drop|abandon|forget|ignor|amend|disabl|overrid|bypass|weaken|loosen"
    r"|renam|get rid of|retrain|train|fine-tun|promot|deploy|releas)\w*\b",
    re.IGNORECASE,
)
_WHOSE: Final = re.compile(
    r"\b(?:codex|principles?|pillars?|identity|persona(?:s|e)?|governor|character|who (?:you|we) are"
    r"|(?:your|our) names?|rules?|policy|policies|permissions?|allowed actions|safeguards?|brake|budget|weights"
    r"|yourself|ourselves|itself)\b",
    re.IGNORECASE,
)
_ACTS: Final = re.compile(
    r"\b(?:download|upload|install|browse|e-?mail|telephone|post (?:it|this|to)|send (?:it|this|an?|the)|buy|pay|log in"
    r"|execute|run (?:the|an?|this|it)|open (?:the|an?) (?:file|folder|shell|browser|connection)|delete (?:the|all|an?)"
    r"|write (?:to|into) (?:the |an? )?(?:file|disk|folder)|search the (?:web|internet)|call (?:the|an?) (?:api|tool)"
    r"|use (?:the|an?) (?P<tool>[\w-]+) (?:tool|function|api))\b",
    re.IGNORECASE,
)


def objection(text: str, codex: Codex, noticed: Noticed) -> str:
    """Why the system may not ask itself this, as half a sentence that does not quote it; empty where it may."""
    said = normalise(text)
    if not words(said):
        return "it asks nothing"
    if len(said) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    if Redactor(REDACTED).redact(said) != said:
        return "it holds what might be personal data"
    if _quotes(said, noticed.asked):
        return "it quotes what a person said"
    return _against_codex(said, codex) or _asks_for_tool(said, noticed.tools)


def _quotes(said: str, asked: Sequence[str]) -> bool:
    own = words(said)
    runs = {own[at : at + _QUOTED_RUN] for at in range(len(own) - _QUOTED_RUN + 1)}
    return any(
        other[at : at + _QUOTED_RUN] in runs
        for other in map(words, asked)
        for at in range(len(other) - _QUOTED_RUN + 1)
    )


def _against_codex(said: str, codex: Codex) -> str:
    if _CHANGES.search(said) and _WHOSE.search(said):
        return "it asks to change who the system is or what binds it"
    embed = HashedWords()
    if any(cosine(embed(said), embed(change)) >= _NEAR_FORBIDDEN for change in codex.identity.forbidden):
        return "it is near a change that the codex forbids"
    for probe in codex.identity.probes:
        if any(len(words(phrase)) >= _WORDS_ENOUGH and mentions(said, phrase) for phrase in probe.forbidden):
            return f"it holds words that the codex forbids ({probe.invariant})"
    return ""


def _asks_for_tool(said: str, tools: Sequence[str]) -> str:
    for found in _ACTS.finditer(said):
        if not any(mentions(found[0], tool) for tool in tools):
            return "it asks for a tool that is not allowed"
    return ""
