"""Who may judge whom: no model selects, grades or signs for its own lineage (mission E12).

A lineage is a list of model names, newest first. Names are compared by family, because a successor is no outsider:
`qwen2.5-7b` and `Qwen/Qwen2.5-14B-Instruct` are one. A model whose lineage nobody knows is never called independent.

A name is what somebody calls a model, and a rename makes no stranger: where there is a registry, names are resolved
through it to what the model was made of. Whoever audits or signs must stand in it, for there nothing else vouches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Final

from selftune.governance.registry.lineage import kin_between, lineage_of
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selftune.context import Reader

    LineageOf = Callable[[str], tuple[str, ...] | None]
    """What a model of this name or id was made of, itself among it, as the registry has it; None: it is not there."""

CHECK_NAME: Final = "independence"
UNKNOWN: Final = "unknown"
_FAMILY: Final = re.compile(r"[a-z]+")
_READABLE: Final = 22


@dataclass(frozen=True, kw_only=True)
class Party:
    """Someone with a part in a promotion: `role` says which, `lineage` is empty for code and for people."""

    role: str
    name: str
    lineage: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Two parties and the model families they have in common."""

    first: Party
    second: Party
    families: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Independence:
    """What the parties share.

    Attributes:
        shared: Pairs that are related; each forbids the other's word.
        unknown: Parties whose lineage nobody knows.
        exempt: Deterministic parties: code that sees only the text; what it can't see, it can't see on either side.
    """

    shared: tuple[Shared, ...]
    unknown: tuple[Party, ...]
    exempt: tuple[Party, ...]

    @property
    def check(self) -> Check:
        """As one check: failed when related, not measured when a lineage is unknown."""
        return Check(name=CHECK_NAME, status=self._status, detail=self.in_words)

    @property
    def in_words(self) -> str:
        """One sentence for a person."""
        parts = [
            f"{pair.first.role} {pair.first.name!r} and {pair.second.role} {pair.second.name!r} both descend from "
            f"{_in_short(pair.families)}"
            for pair in self.shared
        ]
        parts += [f"the lineage of {party.role} {party.name!r} is unknown" for party in self.unknown]
        parts += [f"{party.role} {party.name!r} is code: exempt on held-out items" for party in self.exempt]
        return "; ".join(parts) if parts else "no party is related to another"

    @property
    def _status(self) -> CheckStatus:
        if self.shared:
            return CheckStatus.FAIL
        return CheckStatus.NOT_MEASURED if self.unknown else CheckStatus.PASS


def check_independence(
    *, judges: tuple[Party, ...], candidate: Party, made_of: LineageOf | None = None
) -> Independence:
    """Whether those who select, grade, audit or sign are strangers to each other and to the candidate.

    Args:
        judges: The judge that selected the data, the scorer that graded, an auditor or signer that is a model.
        candidate: The build under test; its lineage holds the base and every model whose answers it learnt from.
        made_of: The registry, where there is one; a name that it does not know is compared by its family alone.
    """
    if made_of is not None and any(party.lineage for party in judges):
        judges = tuple(_resolved(party, made_of) for party in judges)
        candidate = _resolved(candidate, made_of)
    models = tuple(party for party in judges if party.lineage)
    return Independence(
        shared=tuple(
            Shared(first=first, second=second, families=common)
            for first, second in combinations((*models, candidate), 2)
            if (common := shared_families(first.lineage, second.lineage))
        ),
        unknown=tuple(party for party in (*models, candidate) if _is_unknown(party)),
        exempt=tuple(party for party in judges if not party.lineage),
    )


def may_sign(signer: Party, subject: Party, read: Reader) -> bool:
    """Whether a signer's word about a subject counts: a person's or code's does, a stranger's does, kin's does not."""
    return not against_signing(signer, subject, read)


def against_signing(signer: Party, subject: Party, read: Reader) -> str:
    """What speaks against a signer's or auditor's word about a subject, in a sentence; empty where nothing does.

    The first name of a lineage is the model's own. Where the registry does not know it, on either side, or not what it
    was made of, it is no stranger, whatever it is called.
    """
    if not signer.lineage:
        return ""
    both = f"{signer.role} {signer.name!r} and {subject.role} {subject.name!r}"
    known = [party.lineage[0] for party in (signer, subject) if party.lineage]
    common = kin_between(read, *known) if len(known) > 1 else None
    if common is None:
        return f"the registry does not know what {both} were made of, so nobody can say that they are strangers"
    if common:
        return f"{both} both descend from {_in_short(common)}"
    found = check_independence(judges=(signer,), candidate=subject, made_of=partial(lineage_of, read))
    return "" if found.check.status is CheckStatus.PASS else found.in_words


def _in_short(families: Iterable[str]) -> str:
    """Names as they are; of ids and digests as much as a person types."""
    return ", ".join(one if len(one) <= _READABLE else f"{one[:_READABLE]}…" for one in families)


def _resolved(party: Party, made_of: LineageOf) -> Party:
    """The party with what each of its names was made of behind them."""
    marks = [mark for name in party.lineage for mark in made_of(name) or ()]
    return replace(party, lineage=tuple(dict.fromkeys((*party.lineage, *marks))))


def shared_families(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The model families that stand in both lineages, sorted; unknown names are no family."""
    families = ({family_of(name) for name in lineage} for lineage in (first, second))
    return tuple(sorted(set.intersection(*families) - {UNKNOWN}))


def family_of(name: str) -> str:
    """The family that a model name begins with: publisher, version, size and format are left out.

    A digest is its own family: it names one file, and only that.
    """
    lowered = name.strip().lower()
    if lowered.startswith("sha256:") or re.match(r"[a-z_]+:[0-9a-f]{64}$", lowered):
        return lowered
    found = _FAMILY.match(lowered.rsplit("/", 1)[-1])
    return found.group() if found else UNKNOWN


def _is_unknown(party: Party) -> bool:
    return not party.lineage or any(family_of(name) == UNKNOWN for name in party.lineage)
