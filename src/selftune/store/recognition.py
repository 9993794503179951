"""What was seen before, by keyed hashes of place, content, conversation and words: nothing comes in twice.

A place is source and position. Importers name an entry by a digest of its text, so a file that was renamed or moved is
known by what it holds. A conversation that grew is known by the name of its thread. And what is known is never used for
more than its author allowed the last time: the strictest word that was ever said of it counts (see `consent`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from selftune.records import Interaction, Quarantined, Record, Thread, decode_record, digest_of
from selftune.store.consent import InForce, refused, tightened
from selftune.store.places import before_key, entry_keys, keyed, source_key, words_key
from selftune.store.tables import RECORDS, SOURCES
from selftune.store.versions import Standing, Version, compare, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from selftune.records import Message


_NEVER_MET: Final = ""


@dataclass(frozen=True, kw_only=True)
class Met:
    """What is to be done with a record: keep it as `record` is, or nothing, for it is `known` under that id.

    Both None: a person was forgotten, and what they said must not come back. `tightened` stand in for what is there and
    may be used for less from now on.
    """

    record: Record | None = None
    known: str | None = None
    tightened: tuple[Interaction, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether anything is to be kept."""
        return self.record is not None or bool(self.tightened)


class Names(NamedTuple):
    """Keys that a record may be known under: of its place (kept under the last one), its thread, what was said."""

    places: tuple[str, ...]
    thread: str | None = None
    words: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every one of them."""
        return (*self.places, *self.beside)

    @property
    def beside(self) -> tuple[str, ...]:
        """Those that are no place."""
        return tuple(key for key in (self.thread, self.words) if key is not None)


@dataclass(kw_only=True)
class Recognition:
    """Tells what is new; made for one transaction, or for a whole dry run, which keeps nothing and remembers by this.

    Attributes:
        names: Keys of what was looked up.
        found: Keys that were asked for or met, and the records they stand for.
        fresh: Keys of what was met and is new.
        recent: What was met since `forget_found` and may get a later version.
        versions: The same from before, without its words.
        in_force: What may be done today with what is known.
    """

    connection: Connection
    secret: bytes
    names: dict[Interaction | Quarantined, Names] = field(default_factory=dict)
    found: dict[str, str | None] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    recent: dict[str, Interaction] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    in_force: InForce = field(init=False)

    def __post_init__(self) -> None:
        self.in_force = InForce(connection=self.connection)

    def look_up(self, records: Iterable[Record]) -> None:
        """Ask for all that is known of these records, at once."""
        self.names = {
            record: self._names(record) for record in records if isinstance(record, Interaction | Quarantined)
        }
        missing = {key for names in self.names.values() for key in names.all} - self.found.keys()
        if missing:
            asked = select(SOURCES.c.key, SOURCES.c.record_id).where(SOURCES.c.key.in_(missing))
            self.found.update({row.key: row.record_id for row in self.connection.execute(asked)})
            self.in_force.look_up(self.found[key] for key in missing & self.found.keys())

    def meet(self, record: Record) -> Met:
        """What is to be done with a record that was looked up; from then on it is known."""
        if not isinstance(record, Interaction | Quarantined):
            return Met(record=record)
        names, kept = self.names[record], keyed(self.secret, record)
        for key in names.places:
            if key in self.found:
                return self._meet_known(kept, names, self.found[key])
        if not isinstance(kept, Interaction):
            self._remember(names.places[-1:], kept.id)
            return Met(record=kept)
        if kept.thread is not None and names.thread in self.found:
            met = self._meet_thread(kept, kept.thread, names, self.found[names.thread])
            if met is not None:
                return met
        return self._meet_words(kept, names)

    def forget_found(self) -> None:
        """Remember only what was met and is new, so that a long dry run fits in memory."""
        self.found = dict(self.fresh)
        self.versions |= {name: version_of(record, name) for name, record in self.recent.items()}
        self.recent = {}
        self.in_force.forget_found()

    def _meet_known(self, record: Record, names: Names, known: str | None) -> Met:
        """An entry that came in before, as it is now or under a wider agreement."""
        if known is None or not isinstance(record, Interaction):
            return Met(known=known)
        # An older store knows it under fewer names.
        own = (*names.places[-1:], *((names.words,) if names.words else ()))
        self._remember((key for key in own if key not in self.found), known)
        return self._unless_stricter(record, names, known)

    def _meet_thread(self, record: Interaction, thread: Thread, names: Names, last: str | None) -> Met | None:
        """What the thread's newest version says of it; None where the thread says nothing."""
        if last is not None and last.startswith(f"{Quarantined.KIND}:"):
            return self._set_aside(record, names)
        known = None if last is None else self._version(self.in_force.newest(last))
        if known is None:
            return Met()
        # What is widened by nobody in words is not widened.
        before = self.in_force.of(known.id)
        agreed = before.stricter(record.consent)
        for other in self._alike(names.words):
            # The same words may stand elsewhere, under less.
            agreed = agreed.stricter(self.in_force.of(other))
        same_agreement = replace(record, consent=agreed)
        standing = compare(known, version_of(same_agreement, ""), whole=thread is Thread.WHOLE)
        if standing is Standing.APART:
            return None
        self._remember(names.places[-1:], known.id)
        if standing is not Standing.NEWER or not agreed.keep:
            return self._unless_stricter(record, names, known.id)
        # The name stays, so that a hold-out that holds one version holds them all.
        later = replace(same_agreement, supersedes=known.id, conversation=known.conversation)
        kept = self._keep(later, names)
        return kept if agreed == before else Met(known=later.id, tightened=(later,))

    def _meet_words(self, record: Interaction, names: Names) -> Met:
        """What no place and no thread knows: new, unless its words are known and may be used for less from now on."""
        if names.words is not None and self.found.get(names.words, _NEVER_MET) is None:
            return Met()
        alike = tuple(self._alike(names.words))
        tightened = tuple(one for known in alike for one in self._unless_stricter(record, names, known).tightened)
        if tightened:
            return Met(known=alike[0], tightened=tightened)
        for known in alike:
            record = replace(record, consent=self.in_force.of(known).stricter(record.consent))
        if not record.consent.keep:
            return self._set_aside(record, names)
        return self._keep(record, names)

    def _unless_stricter(self, record: Interaction, names: Names, known: str) -> Met:
        """Nothing new; or, where its author now allows less, what is known once more under that."""
        in_force = self.in_force.of(known)
        agreed = in_force.stricter(record.consent)
        if agreed == in_force:
            return Met(known=known)
        # A dry run has let go of the words that it met, and does without.
        newest = self._read(self.in_force.newest(known)) or record
        later = tightened(newest, agreed, salt=record.salt)
        self._note(later)
        self._remember(names.places[-1:], later.id)
        return Met(known=known, tightened=(later,))

    def _alike(self, words: str | None) -> Iterator[str]:
        """Every entry with these words by this author, the last one first."""
        known = None if words is None else self.found.get(words)
        while known is not None:
            self.in_force.look_up([known])
            yield known
            before = before_key(self.secret, known)
            if before not in self.found:
                asked = select(SOURCES.c.record_id).where(SOURCES.c.key == before)
                self.found[before] = self.connection.execute(asked).scalar()
            known = self.found[before]

    def _keep(self, record: Interaction, names: Names) -> Met:
        self._note(record)
        self._remember((*names.places[-1:], *((names.thread,) if names.thread else ())), record.id)
        if names.words is not None:
            alike = self.found.get(names.words)
            if alike is not None:
                self._remember((before_key(self.secret, record.id),), alike)
            self._remember((names.words,), record.id)
        return Met(record=record)

    def _note(self, record: Interaction) -> None:
        self.recent[record.id] = record
        self.in_force.note(record)

    def _set_aside(self, record: Interaction, names: Names) -> Met:
        """What may not be kept leaves a line without its words, and is recognised by them for ever."""
        aside = refused(record)
        keys = entry_keys(self.secret, aside.KIND, aside.source, aside.position)
        there = select(SOURCES.c.record_id).where(SOURCES.c.key.in_(keys))
        known = next((self.found[key] for key in keys if key in self.found), None)
        known = known or self.connection.execute(there).scalar()
        if known is not None:
            return Met(known=known)
        self._remember((*keys[-1:], *names.beside), aside.id)
        return Met(record=aside)

    def _remember(self, keys: Iterable[str], record_id: str) -> None:
        for key in keys:
            self.found[key] = self.fresh[key] = record_id

    def _version(self, record_id: str) -> Version | None:
        """An interaction as a version; None when its words were erased."""
        if record_id in self.versions:
            return self.versions[record_id]
        if record_id in self.recent:
            return version_of(self.recent[record_id], record_id)
        body = self.connection.execute(select(RECORDS.c.body).where(RECORDS.c.id == record_id)).scalar()
        return None if body is None else version_of(keyed(self.secret, decode_record(body, Interaction)), record_id)

    def _read(self, record_id: str) -> Interaction | None:
        """The interaction of this id, met just now or kept."""
        if record_id in self.recent:
            return self.recent[record_id]
        body = self.connection.execute(select(RECORDS.c.body).where(RECORDS.c.id == record_id)).scalar()
        return None if body is None else decode_record(body, Interaction)

    def _names(self, record: Interaction | Quarantined) -> Names:
        places = entry_keys(self.secret, record.KIND, record.source, record.position)
        if isinstance(record, Quarantined):
            return Names(places)
        return Names(places, self._thread_key(record), words_key(self.secret, record))

    def _thread_key(self, record: Interaction) -> str | None:
        if record.thread is None:
            return None
        own = record.conversation.removeprefix(f"{record.source}:")
        scope = record.source if record.thread is Thread.ROW else record.source.partition(":")[0]
        # Rows of one conversation may be about anything, so of exchanges the beginning has to be the same too.
        opening = () if record.thread is Thread.WHOLE else (digest_of(_opening(record)),)
        return source_key(self.secret, "thread", scope, own, *opening)


def known_at(connection: Connection, secret: bytes, source: str, positions: Iterable[str]) -> dict[str, str]:
    """By position the newest version of the interaction that came from there; none where it is new, or gone."""
    keys = {key: place for place in positions for key in entry_keys(secret, Interaction.KIND, source, place)}
    asked = select(SOURCES.c.key, SOURCES.c.record_id).where(SOURCES.c.key.in_(keys))
    found = {keys[row.key]: row.record_id for row in connection.execute(asked) if row.record_id is not None}
    in_force = InForce(connection=connection)
    in_force.look_up(found.values())
    return {place: in_force.newest(record_id) for place, record_id in found.items()}


def _opening(interaction: Interaction) -> tuple[Message, ...]:
    """What was said up to the first answer."""
    messages = interaction.messages
    first = next((at for at, message in enumerate(messages, start=1) if message.role == "assistant"), len(messages))
    return messages[:first]
