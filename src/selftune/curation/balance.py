"""No author, kind or template takes a set over, and no kind that was asked for is missing from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.config import MixBy, Selection
from selftune.curation.facts import facts_of
from selftune.curation.mixture import mix
from selftune.curation.traits import kinds_of, shows
from selftune.errors import UnbalancedError
from selftune.records import KindCount, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.curation.config import Curation
    from selftune.curation.rejects import Rejects
    from selftune.curation.select import Candidate
    from selftune.curation.traits import Origins

MANY_AUTHORS: Final = 50
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Cap:
    """The largest share that one part may have.

    Attributes:
        what: What one part is, in words: "no more than 2% of the examples may {what} NAME".
        key: Where the share is set.
        part_of: The part of an item; None for one that no cap concerns.
        names_itself: Whether the part's name may be shown: a pseudonym may not.
        may_vanish: Whether nothing of it may be left, where there is something else.
    """

    what: str
    key: str
    share: float
    part_of: Callable[[Candidate], str | None]
    names_itself: bool = False
    may_vanish: bool = False


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How a set is made up, for its card.

    Attributes:
        kinds: Each kind before and after balancing, the largest first.
        authors: People besides the owners; those of one source without pseudonyms count as one.
        top_author: Share of the largest of them.
        author_cap: Share that each of them may have; the policy's own while there are too few for the rule of 2 %.
        templates: Different skeletons of the last question.
        top_template: Share of the commonest.
        repeated: Copies among the examples.
        causes: How many were caused by what, the commonest first: a person, the system itself, an import, a simulation.
    """

    kinds: tuple[KindCount, ...]
    authors: int
    top_author: float
    author_cap: float
    templates: int
    top_template: float
    repeated: int
    causes: tuple[tuple[str, int], ...]


def balance(
    items: Sequence[Candidate], origins: Origins, config: Curation, rejects: Rejects
) -> tuple[tuple[Candidate, ...], Shares]:
    """What is left when mixture and every cap hold at once, in the order of the log, and how it is made up.

    Raises:
        UnbalancedError: a cap can't hold, or a part of the mixture is missing.
    """
    kinds = dict(zip((item.order for item in items), kinds_of(item.pair for item in items), strict=True))
    authors = {item.order: origins.author_of(item.pair) for item in items}
    parts = [_part(item, MixBy(config.mix_by), kinds[item.order], origins) for item in items]
    mixed = mix(items, parts, dict(config.mixture), config.most_repeats)
    author_cap = author_share(len(set(authors.values()) - {None}), config)
    kept, over = hold_caps(
        mixed.items,
        (
            Cap(what="show", key="max_share_per_kind", share=config.max_share_per_kind,
                part_of=lambda item: kinds[item.order], names_itself=True),
            Cap(what="follow one template", key="max_share_per_template", share=config.max_share_per_template,
                part_of=lambda item: item.lesson.template),
            Cap(what="come from one author who is no owner", key="max_share_per_author", share=author_cap,
                part_of=lambda item: authors[item.order]),
            Cap(what="answer what the system asked itself", key="max_share_motivator",
                share=config.max_share_motivator, may_vanish=True,
                part_of=lambda item: _self_set(origins.cause_of(item.pair))),
        ),
    )  # fmt: skip
    _reject_lost((*mixed.left_out, *over), kept, rejects)
    counts = count_kinds(items, kept, kinds)
    ordered = tuple(sorted(kept, key=lambda item: (item.order, item.copy)))
    causes = Counter(origins.cause_of(item.pair) for item in ordered)
    return ordered, _shares_of(ordered, counts, authors, author_cap, tuple(causes.most_common()))


def author_share(authors: int, config: Curation) -> float:
    """What one author who is no owner may have: 2 % as a rule, the policy's own share while there are too few."""
    return config.max_share_per_author if authors >= MANY_AUTHORS else config.max_share_of_few_authors


def hold_caps(
    items: Sequence[Candidate], caps: Sequence[Cap]
) -> tuple[list[Candidate], tuple[tuple[Candidate, str], ...]]:
    """The items that stay when every cap holds, and those that don't with the reason; copies go first.

    Leaving something out for one cap can break another, so it goes round until nothing changes.

    Raises:
        UnbalancedError: there are too few parts for a cap to hold.
    """
    kept, over, before = list(items), [], -1
    while before != len(kept):
        before = len(kept)
        for cap in caps:
            kept, dropped = _hold(kept, cap)
            over += dropped
    return kept, tuple(over)


def _hold(items: list[Candidate], cap: Cap) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    if cap.share >= 1:
        return items, []
    groups: dict[str, list[Candidate]] = defaultdict(list)
    kept: list[Candidate] = []
    for item in items:
        part = cap.part_of(item)
        (kept if part is None else groups[part]).append(item)
    most = largest_cap([len(group) for group in groups.values()], cap.share, exempt=len(kept))
    if groups and most == 0 and not (cap.may_vanish and kept):
        raise UnbalancedError(
            f"no more than {cap.share:.0%} of the examples may {cap.what}, and {len(groups)} can't make up a whole.",
            next_step=f"Set {cap.key} under [curation] to {1 / len(groups):.2f} or more, or add others.",
        )
    dropped = []
    for part, group in groups.items():
        ranked = sorted(group, key=lambda item: (-item.copy, *item.rank), reverse=True)
        reason = f"over the cap: no more than {cap.share:.0%} of the examples may {cap.what}"
        kept += ranked[:most]
        dropped += [(item, f"{reason} {part}" if cap.names_itself else reason) for item in ranked[most:]]
    return kept, dropped


def largest_cap(sizes: Sequence[int], share: float, *, exempt: int = 0) -> int:
    """The largest number of items per part under which no part has more than `share` of all that is kept; 0 for none.

    What is kept grows with the cap, each step by less than the one before, so the caps that hold have no gap.
    """
    low, high = 0, max(sizes, default=0)
    while low < high:
        cap = (low + high + 1) // 2
        holds = cap <= share * (exempt + sum(min(size, cap) for size in sizes)) + _ROUNDING
        low, high = (cap, high) if holds else (low, cap - 1)
    return low


def count_kinds(
    before: Sequence[Candidate], after: Sequence[Candidate], kinds: Mapping[int, str]
) -> tuple[KindCount, ...]:
    """Each kind with its number of lessons before and after balancing, the largest afterwards first."""
    had, has = (Counter(kinds[item.order] for item in items) for items in (before, after))
    counts = [KindCount(name=name, before=had[name], after=has[name]) for name in had]
    return tuple(sorted(counts, key=lambda count: (-count.after, -count.before, count.name)))


def refuse_unbalanced(counts: Sequence[KindCount], config: Curation) -> None:
    """Refuse a set that would teach one thing at the cost of the others; experiments may be as they are.

    Raises:
        UnbalancedError: a floor is not met, or one kind among several makes up nearly all of it.
    """
    if config.selection == Selection.BEST:
        refuse_below_floor(counts, config)
        refuse_one_sided(counts, config)


def refuse_below_floor(counts: Sequence[KindCount], config: Curation) -> None:
    """Refuse a set that holds too little of a kind that was asked for.

    Raises:
        UnbalancedError: a floor is not met; the message has its share, and that of the largest kind.
    """
    total = sum(count.after for count in counts)
    for name, floor in config.floors:
        share = sum(count.after for count in counts if shows(count.name, name)) / total
        if share < floor - _ROUNDING:
            raise UnbalancedError(
                f"{share:.0%} of {total} lessons show {name}, and at least {floor:.0%} must; "
                f"{counts[0].after / total:.0%} show {counts[0].name}.",
                next_step=f"Add interactions that show {name}, or lower its floor under [curation.floors].",
            )


def refuse_one_sided(counts: Sequence[KindCount], config: Curation) -> None:
    """Refuse a set of several kinds of which one makes up nearly all.

    A set with 76 % identity examples took a model of 14 billion parameters from 0.704 to 0.252 (mission C23).

    Raises:
        UnbalancedError: one kind has more than `one_sided_above`; the message has the figure.
    """
    largest, total = counts[0], sum(count.after for count in counts)
    others = sum(count.after > 0 for count in counts) - 1
    share = largest.after / total
    if others and share > config.one_sided_above + _ROUNDING:
        raise UnbalancedError(
            f"{share:.0%} of {total} lessons show {largest.name}: a set so one-sided makes a model forget the rest.",
            next_step="Add interactions of other kinds; or leave some of this kind out with "
            f"`max_share_per_kind = {config.one_sided_above:g}` under [curation]; or raise `one_sided_above` there.",
        )


def _part(item: Candidate, mix_by: MixBy, kind: str, origins: Origins) -> str:
    match mix_by:
        case MixBy.KIND:
            return kind
        case MixBy.ORIGIN:
            return origins.origin_of(item.pair)
        case MixBy.SOURCE:
            return facts_of(item.pair).source
        case MixBy.TEACHER:
            return item.taught_by or "unknown"


def _reject_lost(dropped: Sequence[tuple[Candidate, str]], kept: Sequence[Candidate], rejects: Rejects) -> None:
    """An item is rejected when no copy of it is left, and then once."""
    settled = {item.order for item in kept}
    for item, reason in dropped:
        if item.order not in settled:
            settled.add(item.order)
            rejects.add(item.pair, reason)


def _self_set(cause: str) -> str | None:
    return cause if cause == Trigger.MOTIVATOR else None


def _shares_of(
    items: Sequence[Candidate],
    kinds: tuple[KindCount, ...],
    authors: Mapping[int, str | None],
    author_cap: float,
    causes: tuple[tuple[str, int], ...],
) -> Shares:
    by_author = Counter(name for item in items if (name := authors[item.order]) is not None)
    by_template = Counter(item.lesson.template for item in items)
    return Shares(
        kinds=kinds,
        authors=len(by_author),
        top_author=_top_share(by_author, len(items)),
        author_cap=author_cap,
        templates=len(by_template),
        top_template=_top_share(by_template, len(items)),
        repeated=sum(item.copy > 0 for item in items),
        causes=causes,
    )


def _top_share(counts: Counter[str], total: int) -> float:
    return max(counts.values(), default=0) / total if total else 0.0
