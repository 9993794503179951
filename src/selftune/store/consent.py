"""What may be done today with what is kept: a person may allow less than before, and nothing ever allows more.

What was captured is never altered. So words that may be used for less come in once more, as a later version under the
stricter consent, and readers pass over the earlier one. What may not even be kept gets a version without its words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from selftune.records import Consent, Interaction, Quarantined
from selftune.store.dialect import dialect_of
from selftune.store.tables import RECORDS, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection, Row

TIGHTENED: Final = "consent_tightened"
NOT_KEPT: Final = "not kept: its author did not agree"

NOTHING: Final = Consent(keep=False, train=False, send=False)
_AS_FIRST_WRITTEN: Final = Consent()
_LEVELS: Final = ("keep", "train", "send")


def tightened(interaction: Interaction, consent: Consent, *, salt: str) -> Interaction:
    """The later version of an interaction under a stricter consent; without its words when they may not be kept."""
    flags = tuple(dict.fromkeys((*interaction.flags, TIGHTENED)))
    later = replace(interaction, salt=salt, consent=consent, flags=flags, supersedes=interaction.id)
    return later if consent.keep else replace(later, messages=(), state=None, feedback=None, rejected=())


def refused(interaction: Interaction) -> Quarantined:
    """The line that stays of what may not be kept: where it stood, and none of its words."""
    return Quarantined(
        salt=interaction.salt,
        source=interaction.source,
        position=interaction.position,
        reason=NOT_KEPT,
        raw="",
        consent=NOTHING,
    )


@dataclass(kw_only=True)
class InForce:
    """What may be done with interactions, by the newest version of each.

    Attributes:
        kept: Consent of what was looked up, by id.
        later: The version after it, where there is one.
        fresh: Consent of what was met since the beginning and is new.
        fresh_later: What of that supersedes something.
    """

    connection: Connection
    kept: dict[str, Consent] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    fresh: dict[str, Consent] = field(default_factory=dict)
    fresh_later: dict[str, str] = field(default_factory=dict)

    def look_up(self, record_ids: Iterable[str | None]) -> None:
        """Read the consent of these interactions and of all their later versions."""
        wanted = {name for name in record_ids if name is not None and name.startswith(f"{Interaction.KIND}:")}
        while wanted := wanted - self.kept.keys() - self.fresh.keys():
            rows = _read_consents(self.connection, wanted)
            self.kept |= {row.id: NOTHING if row.erased else _consent(*levels) for row, levels in rows}
            found = {row.id: row.later for row, _ in rows if row.later is not None}
            self.later |= found
            wanted = set(found.values())

    def newest(self, record_id: str) -> str:
        """The version that readers take."""
        while (after := self.fresh_later.get(record_id) or self.later.get(record_id)) is not None:
            record_id = after
        return record_id

    def of(self, record_id: str) -> Consent:
        """What may be done with the newest version; nothing where the words were erased."""
        newest = self.newest(record_id)
        return self.fresh.get(newest) or self.kept.get(newest, NOTHING)

    def note(self, interaction: Interaction) -> None:
        """Remember a new one."""
        self.fresh[interaction.id] = interaction.consent
        if interaction.supersedes is not None:
            self.fresh_later[interaction.supersedes] = interaction.id

    def forget_found(self) -> None:
        """Remember only what is new."""
        self.kept, self.later = {}, {}


def _read_consents(connection: Connection, wanted: Collection[str]) -> Sequence[tuple[Row[Any], tuple[Any, ...]]]:
    """Id and later version of interactions, and what each one's consent says."""
    later = VERSIONS.c.record_id.label("later")
    both = RECORDS.outerjoin(VERSIONS, VERSIONS.c.supersedes == RECORDS.c.id)
    asked = select(RECORDS.c.id, RECORDS.c.body.is_(None).label("erased"), later).select_from(both)
    return dialect_of(connection).levels(connection, RECORDS.c.body, asked.where(RECORDS.c.id.in_(wanted)), _LEVELS)


def _consent(keep: int | None, train: int | None, send: int | None) -> Consent:
    """As it was written; what an older record does not hold is as it was meant then."""
    whole = _AS_FIRST_WRITTEN
    return Consent(
        keep=whole.keep if keep is None else bool(keep),
        train=whole.train if train is None else bool(train),
        send=whole.send if send is None else bool(send),
    )
