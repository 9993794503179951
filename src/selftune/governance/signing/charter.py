"""The charter: who must sign, in which order, and over which documents. A text of its own, beside the gate's policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.records import digest_of
from selftune.settings import Shipped, from_mapping, read_toml, refusal

if TYPE_CHECKING:
    from pathlib import Path

CHARTERS: Final = Shipped(kind="charter", package="selftune.governance", folder="charters")
SOLO: Final = "solo"
TEAM: Final = "team"

EVALUATION: Final = "post_training_evaluation"
READINESS: Final = "readiness"
HANDOFF: Final = "handoff"
DOCUMENTS: Final = (EVALUATION, READINESS, HANDOFF)
"""Every document that can be asked for. The handoff tells of the signatures before it, so its signer cites it."""

_FEWEST: Final = 2


@dataclass(frozen=True, kw_only=True)
class Link:
    """One signature of the chain.

    Attributes:
        role: Who signs, as the roster calls it.
        after: Roles that must have signed before.
        different_from: Roles that its signer never held: nobody examines what they made.
        document: What its signer must cite beside the bundle.
    """

    role: str
    after: tuple[str, ...] = ()
    different_from: tuple[str, ...] = ()
    document: str = ""


@dataclass(frozen=True, kw_only=True)
class Charter:
    """The chain of sign-offs.

    Attributes:
        name: Under which it is known.
        documents: Without which nothing is deployed.
        expiry_hours: How long a signature holds.
    """

    chain: tuple[Link, ...]
    documents: tuple[str, ...] = ()
    expiry_hours: float = 336.0
    name: str = ""

    @property
    def digest(self) -> str:
        """Of what it asks for; its name is no part of it."""
        links = [[link.role, list(link.after), list(link.different_from), link.document] for link in self.chain]
        return digest_of([links, list(self.documents), self.expiry_hours])

    def link(self, role: str) -> Link | None:
        """The signature of this role."""
        return next((one for one in self.chain if one.role == role), None)


def load_charter(name: str, *, team: bool, place: str | Path = "") -> Charter:
    """A charter that the package ships, or that of a file.

    Args:
        name: What it is called.
        team: Whether several people work here.
        place: What the shelf is given for it, where the project has its own; else the name.

    Raises:
        UnknownNameError: no charter has that name.
        ConfigError: it asks for what can't be, or for less than a team may ask for.
    """
    where = f"charter {name}"
    table = read_toml(CHARTERS.text(place or name), where)
    charter = from_mapping(Charter, table | {"name": name}, where)
    _require_sound(charter, where)
    if team:
        _require_independence(charter, where)
    return charter


def _require_sound(charter: Charter, where: str) -> None:
    roles = [link.role for link in charter.chain]
    if len(set(roles)) < len(roles) or not all(role.strip() for role in roles):
        raise refusal(f"{where}: role", roles, "a name that no other link has")
    for place, link in enumerate(charter.chain):
        if not set(link.after) <= set(roles[:place]):
            raise refusal(f"{where}: after", link.after, f"roles that stand before {link.role}")
        if link.document and link.document not in charter.documents:
            raise refusal(f"{where}: document", link.document, "one of its documents")
    unknown = [one for one in charter.documents if one not in DOCUMENTS]
    if unknown:
        raise refusal(f"{where}: documents", unknown[0], f"one of {', '.join(DOCUMENTS)}")
    if not charter.expiry_hours > 0:
        raise refusal(f"{where}: expiry_hours", charter.expiry_hours, "above 0")


def _require_independence(charter: Charter, where: str) -> None:
    """A text in the project can't do away with the second person: the roster made a team of it."""
    followed = [link for link in charter.chain if link.after and set(link.different_from) & set(link.after)]
    if len(charter.chain) < _FEWEST or not followed:
        raise ConfigError(
            f"{where} lets one person sign alone, and the roster has several.",
            next_step="Name two roles at least, the later one with `after` and `different_from`.",
        )
