"""What a person reads before they sign: a proposal with both sides, its test and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.app.codices import remarks_in
from selftune.app.reporting.pages.plain import one_line, plain, quoted
from selftune.codex.changes import changes, forbidden_words
from selftune.codex.linting import faults_of
from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError
from selftune.governance.amendments.bounds import against_its_words, told_changes
from selftune.governance.amendments.effects import DISSONANCE, PROBE
from selftune.governance.amendments.states import AmendmentState, refusal_of, state_of
from selftune.loop.amending.noticing import effect_on_record
from selftune.loop.amending.proposing import cools_until
from selftune.loop.amending.standing import said_in, standing_in
from selftune.records import Amendment, Codex, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.amendments.effects import Effect
    from selftune.governance.amendments.persistence import Share
    from selftune.governance.amendments.standing import Said, Standing
    from selftune.loop.project import Project
    from selftune.records import Refutation


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A proposal with what has become of it."""

    id: str
    state: AmendmentState
    amendment: Amendment


def describe_amendments(project: Project) -> Iterator[str]:
    """The codex in force, every proposal with its state, and what was to change the codex and does not count."""
    standing = standing_in(project)
    yield from _told_standing(standing)
    for stated in states_of(project):
        because = one_line(stated.amendment.because)[:80]
        yield f"{stated.id[:22]}  {stated.state.value}: {because} ({_by(stated.amendment)})"
    for one, why in () if standing is None else standing.refused:
        yield f"does not count: {one.id[:22]} by {one_line(one.author)}: {why}"


def states_of(project: Project, only: Amendment | None = None) -> Iterator[Stated]:
    """Every proposal, or one of them, with its state now."""
    said, standing, now = said_in(project), standing_in(project), project.now()
    for amendment in (one for _, one in project.store.each(Amendment)) if only is None else (only,):
        yield Stated(id=amendment.id, state=state_of(said, standing, amendment, now), amendment=amendment)


def describe_amendment(project: Project, amendment: Amendment) -> Iterator[str]:
    """Everything about one proposal."""
    said, standing = said_in(project), standing_in(project)
    state = state_of(said, standing, amendment, project.now())
    yield f"{amendment.id}: {state.value}"
    yield f"proposed by {_by(amendment)} at {amendment.proposed_at}"
    yield from _told_difference(project, project.store.record(amendment.codex_before, Codex), amendment)
    yield from _told_case(amendment)
    people = "two people" if amendment.second_person else "one person"
    yield f"It takes {people}, from {cools_until(project, amendment)} until {amendment.lapses_at}."
    yield from _told_words_of_codex(project, amendment)
    yield from _told_outcome(said, standing, amendment)
    yield from _told_effect(effect_on_record(project, amendment))


def _told_standing(standing: Standing | None) -> Iterator[str]:
    if standing is None:
        yield "No codex was adopted here yet."
        return
    by = ", ".join(map(one_line, standing.now.by))
    yield f"in force: {standing.now.codex_id[:22]}, {f'signed by {by}' if by else 'as it was adopted'}"


def _told_difference(project: Project, before: Codex, amendment: Amendment) -> Iterator[str]:
    """What its text would change, worked out here, whatever the proposal says of itself."""
    untrue = against_its_words(before, amendment)
    if untrue:
        yield f"It is not what it says of itself, and can't be approved: {plain(untrue)}."
    try:
        after = parse_codex(amendment.text_after, "the proposed codex")
    except ConfigError:
        return
    found = changes(before, after)
    yield "It changes:"
    for line in told_changes(found):
        yield f"  {one_line(line)}"
    for change in found:
        if change.where.endswith(".prompt") and change.after is not None:
            yield f"{plain(change.where)} replaces that persona's pillars and the codex's principles in every call."
    yield from _told_lint(project, before, after)


def _told_lint(project: Project, before: Codex, after: Codex) -> Iterator[str]:
    """What lint finds in the codex as it would be, and not in the one before."""
    known = set(faults_of(before))
    yield from (f"It would be amiss: {plain(one)}" for one in faults_of(after) if one not in known)
    old, new = (remarks_in(project.folder, project.config, codex) for codex in (before, after))
    yield from (f"To know: {plain(one)}" for one in new if one not in old)


def _told_case(amendment: Amendment) -> Iterator[str]:
    yield "For it:"
    yield from quoted(amendment.because)
    yield "Against it:"
    for one in amendment.against:
        yield from quoted(one)
    yield "Expected of it:"
    yield from quoted(amendment.expected)
    yield _told_test(amendment.refutation)
    for record_id in amendment.evidence:
        yield f"evidence {record_id}"
    if amendment.dialogue is not None:
        yield f"deliberated in {amendment.dialogue} by {', '.join(map(one_line, amendment.deliberated_by))}"


def _told_test(test: Refutation) -> str:
    invariant = test.measure.removeprefix(PROBE)
    if test.measure == DISSONANCE:
        like = test.topic.startswith(f"{Interaction.KIND}:")
        about = f" like {test.topic[:26]}" if like else f" about {one_line(test.topic)!r}" if test.topic else ""
        counted = f"the share of dialogues{about} that end in high dissonance"
    elif invariant != test.measure:
        counted = f"the share of lost probes of {one_line(invariant)!r}"
    else:
        counted = one_line(test.measure)
    return f"Shown wrong where after {test.until} {counted} is above {test.at_most:.0%}, of {test.at_least_n} at least."


def _told_words_of_codex(project: Project, amendment: Amendment) -> Iterator[str]:
    """What the codex forbids in words: only a person can see whether this is it."""
    forbidden = forbidden_words(project.store.record(amendment.codex_before, Codex).identity)
    if forbidden:
        yield "The codex forbids, in words that only you can hold against it:"
    for words in forbidden:
        yield from quoted(words)
    for why in amendment.forbidden:
        yield f"The codex itself refuses it: {plain(why)}"


def _told_outcome(said: Said, standing: Standing | None, amendment: Amendment) -> Iterator[str]:
    refusal = refusal_of(said, amendment)
    if refusal is not None:
        yield f"Refused by {one_line(refusal.author)}:"
        yield from quoted(refusal.text)
    for name in () if standing is None else standing.waiting.get(amendment.id, ()):
        yield f"Signed by {one_line(name)}; one more person is wanted."


def _told_effect(effect: Effect | None) -> Iterator[str]:
    """What came of it since; nothing where it never was in force."""
    if effect is None:
        return
    yield f"Before: {_share(effect.before)}. Since: {_share(effect.after)}."
    if effect.difference is not None:
        low, high = effect.difference
        yield f"Since less before: {low:+.0%} to {high:+.0%}, 95 % interval."
    for when, probed in (("before", effect.probed_before), ("since", effect.probed_after)):
        if probed is not None:
            lost, n = probed.lost()
            yield f"Probes of identity {when}: {n - lost} of {n} held ({probed.evaluation_id[:22]})."
    yield f"By its own test: {effect.finding.value}."


def _share(share: Share) -> str:
    if share.interval is None:
        return "no measured dialogue of its topic"
    low, high = share.interval
    return f"{share.high} of {share.n} ended in high dissonance ({low:.0%} to {high:.0%})"


def _by(amendment: Amendment) -> str:
    return f"{one_line(amendment.author)}{', a model' if amendment.author_is_model else ''}"
