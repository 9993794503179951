"""curate: choose what the next model learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.context import Progress
from selftune.curation.as_served import describe_rendering, keep_renderable, rendered
from selftune.curation.balance import balance, refuse_unbalanced
from selftune.curation.canaries import describe_canaries, plant_canaries
from selftune.curation.card.known_harm import warn_of_known_harm
from selftune.curation.card.tokens import count_lesson_tokens, describe_tokens
from selftune.curation.card.write import Story, draw_plots, mixture_of, write_card
from selftune.curation.certainty import set_aside_unsure
from selftune.curation.config import Curation, check_curation
from selftune.curation.corrections import describe_corrections, without_worse_corrections
from selftune.curation.full_disk import told_when_full
from selftune.curation.holdout import draw_holdout
from selftune.curation.likeness.twins import Finders
from selftune.curation.noise import estimate_noise
from selftune.curation.notes import Notebook, with_words
from selftune.curation.preference.pairs import pair_up, pairing_rules, reject_partners
from selftune.curation.preference.style import contrast_examples, write_pairing
from selftune.curation.rejects import Rejects, count_reasons
from selftune.curation.select import Candidate, as_said, select, sift, without_near_duplicates
from selftune.curation.taken_out import without_taken_out
from selftune.curation.thumbs import describe_thumbs, find_thumbs, split_thumbs
from selftune.curation.traits import SYNTHETIC, Origins, kinds_of
from selftune.curation.weakness import find_weaknesses
from selftune.errors import BelowTriggerError, NothingToTrainOnError
from selftune.plugins import load_plugin
from selftune.records import Dataset, DatasetKind, Example, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.context import Context
    from selftune.curation.base import Filter, Judged, Pair
    from selftune.curation.preference.pairs import Paired, PairingRules
    from selftune.records import Message

STAGE_VERSION: Final = 8


def curate(judged: Judged, config: Curation, context: Context) -> Dataset:
    """Choose what the next model learns from; keep every reject with its reason.

    Raises:
        NothingToTrainOnError: all were rejected; the message names the commonest reason.
        UnbalancedError: one kind makes up nearly all of it, a floor is not met, or a cap or a mixture can't hold.
        BelowTriggerError: too few are golden and new; the message says how many more are needed.
        ConfigError: a value of the config is out of range.
        UnknownNameError: the config names a selection or a filter that there is not.
        BudgetError: the disk is full under the notes.
    """
    check_curation(config)
    with told_when_full(context.notes), Notebook(context.notes) as notebook:
        pairs = notebook.recall(judged.pairs)
        dataset = _curate(pairs, judged, config, Finders(notebook.folder, config), context)
        notebook.keep(pairs)
    return dataset


def _curate(pairs: tuple[Pair, ...], judged: Judged, config: Curation, finders: Finders, context: Context) -> Dataset:
    rejects, origins = Rejects(), Origins(pairs)
    apart = _renderable(_set_apart(pairs, judged, config, finders, rejects), config, rejects)
    finds = {DatasetKind.PREFERENCE: _find_pairs, DatasetKind.THUMBS: _find_thumbs}
    found = finds.get(DatasetKind(config.kind), _find_answers)(apart, judged, config, context.seed, finders, rejects)
    chosen, shares = balance(found.golden, origins, config, rejects)
    if found.paired:
        reject_partners(found.paired, chosen, rejects)
    _check_enough(chosen, rejects, len(found.held) + len(apart.sealed), judged.learnt_before, config)
    refuse_unbalanced(shares.kinds, config)
    context.report(Progress(done=len(chosen), total=len(pairs), note="golden"))
    shown = kinds_of(item.pair for item in found.golden)
    kinds = {item.order: kind for item, kind in zip(found.golden, shown, strict=True)}
    train: tuple[Example, ...] = tuple(_examples(chosen, origins, config, kinds))
    train, disliked = split_thumbs(train) if config.kind == DatasetKind.THUMBS else (train, ())
    holdout = tuple(_examples(found.held, origins, config, {}))
    story = Story(
        chosen=chosen,
        answers=tuple(example.messages[-1].content for example in train),
        holdout=holdout,
        clean_room=len(apart.sealed),
        rejects=rejects.listed(),
        shares=shares,
        noise=estimate_noise(pairs, config.threshold),
        learnt_before=judged.learnt_before,
        calibration=judged.calibration,
    )
    dataset = Dataset(
        kind=DatasetKind(config.kind),
        train=train,
        holdout=holdout,
        rejects=rejects.listed(),
        mixture=mixture_of(chosen),
        watermark=judged.watermark,
        config_digest=digest_of(config),
        card="",  # written last: it tells of all the others
        clean_room=tuple(pair.key.interaction_id for pair in apart.sealed),
        kinds=shares.kinds,
        # Of the pool alone: what is held out must not steer what is generated next.
        weaknesses=find_weaknesses(
            apart.learnable, low_below=config.threshold, least_conversations=config.recurring_from
        ),
        plots=draw_plots(story),
        contrasts=contrast_examples(train),
        tokens=count_lesson_tokens(train, context),
        canaries=plant_canaries(train, config.canaries, context.seed),
        disliked=disliked,
    )
    return replace(dataset, card=_write_whole_card(dataset, story, found, pairs, config))


def _write_whole_card(dataset: Dataset, story: Story, found: _Found, pairs: tuple[Pair, ...], config: Curation) -> str:
    """The card, with what only some datasets have to tell behind it."""
    lessons = len(dataset.train)
    parts = (
        write_card(story, config),
        describe_tokens(dataset.tokens, lessons),
        describe_canaries(dataset.canaries, lessons, config.canaries),
        warn_of_known_harm(dataset.kinds),
        describe_thumbs(lessons, len(dataset.disliked)),
        f"\n{write_pairing(found.paired, dataset.train, found.rules)}" if found.paired and found.rules else "",
        describe_corrections(pairs, story.chosen, dataset.rejects),
        describe_rendering(story.chosen, dataset.train, config),
    )
    return "".join(parts)


@dataclass(frozen=True, kw_only=True)
class _Apart:
    """What may be learnt from, what measures, and what nobody looks at; filters have been asked of all three."""

    learnable: tuple[Pair, ...]
    held: tuple[Pair, ...]
    sealed: tuple[Pair, ...]
    filters: tuple[Filter, ...]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is good enough to learn, and the same of what is held out; with `paired` it is pairs of answers."""

    golden: tuple[Candidate, ...]
    held: tuple[Candidate, ...]
    paired: Paired | None = None
    rules: PairingRules | None = None


def _set_apart(pairs: tuple[Pair, ...], judged: Judged, config: Curation, finders: Finders, rejects: Rejects) -> _Apart:
    """Held out before selection: a test made only of favourites flatters every model."""
    filters: tuple[Filter, ...] = tuple(load_plugin("selftune.filters", name)() for name in config.filters)
    split = draw_holdout(
        pairs,
        config.holdout_share,
        config.holdout_seed,
        config.near_duplicate,
        config.clean_room_share,
        twins=finders.prompts,
    )
    wanted = without_taken_out(split.pool, judged.left_out, rejects)
    pool = finders.without_exams(
        sift(wanted, filters, rejects), judged.yardsticks, (*split.held, *split.clean_room), rejects
    )
    return _Apart(
        learnable=without_worse_corrections(pool, pairs, rejects),
        held=sift(split.held, filters, rejects),
        sealed=sift(split.clean_room, filters, rejects),
        filters=filters,
    )


def _renderable(apart: _Apart, config: Curation, rejects: Rejects) -> _Apart:
    """What of it can be told in the shape that the config asks for."""
    learnable, held = (keep_renderable(pairs, config, rejects) for pairs in (apart.learnable, apart.held))
    return replace(apart, learnable=learnable, held=held)


def _find_answers(
    apart: _Apart, judged: Judged, config: Curation, seed: int, finders: Finders, rejects: Rejects
) -> _Found:
    """The best answers, and everything held out as it was said, good or bad."""
    del judged
    settled = set_aside_unsure(apart.learnable, config.threshold, config.sure, rejects)
    return _Found(
        golden=select(settled, config, seed, rejects, finders),
        held=tuple(as_said(pair, place) for place, pair in enumerate(apart.held)),
    )


def _find_pairs(
    apart: _Apart, judged: Judged, config: Curation, seed: int, finders: Finders, rejects: Rejects
) -> _Found:
    """Pairs of a better and a worse answer, one of each cluster, and those of what is held out."""
    del seed
    rules = pairing_rules(config, judged.champion)
    # Both answers of every pair are looked at word for word: nothing of this can be told from notes.
    paired = pair_up(tuple(with_words(apart.learnable)), rules, apart.filters, rejects)
    return _Found(
        golden=tuple(without_near_duplicates(paired.candidates, finders.lessons, rejects)),
        held=pair_up(tuple(with_words(apart.held)), rules, apart.filters, rejects).candidates,
        paired=paired,
        rules=rules,
    )


def _find_thumbs(
    apart: _Apart, judged: Judged, config: Curation, seed: int, finders: Finders, rejects: Rejects
) -> _Found:
    """Answers that a person liked, or did not, and everything held out as it was said."""
    del judged, config, seed
    return _Found(
        golden=find_thumbs(apart.learnable, finders, rejects),
        held=tuple(as_said(pair, place) for place, pair in enumerate(apart.held)),
    )


def _check_enough(
    chosen: Sequence[Candidate], rejects: Rejects, held: int, learnt: frozenset[str], config: Curation
) -> None:
    reasons = count_reasons(rejects.listed()).most_common(1)
    commonest = f"Commonest reason not to learn from one: {reasons[0][0]} ({reasons[0][1]})." if reasons else ""
    if not chosen:
        judged = len(rejects.listed()) + held
        raise NothingToTrainOnError(
            f"none of {judged} judged interactions can be learnt from ({held} held out). {commonest}".strip(),
            next_step="Add interactions or corrections, or look at single ones with `selftune why ID`.",
        )
    new = len({item.pair.key.interaction_id for item in chosen} - learnt)
    if new < config.trigger:
        raise BelowTriggerError(
            f"{new} new golden interactions, {config.trigger - new} more are needed to train. {commonest}".strip(),
            next_step="Collect or import more, or set a lower `trigger` under [curation] in selftune.toml; meanwhile "
            "`selftune examples` makes a system prompt of your best answers.",
        )


def _examples(
    items: Sequence[Candidate], origins: Origins, config: Curation, kinds: Mapping[int, str]
) -> Iterator[Example]:
    """The items as lessons; `kinds` has the kind of behaviour by an item's place in the log."""
    for item, pair in zip(items, with_words(item.pair for item in items), strict=True):
        at_hand, synthetic = replace(item, pair=pair), origins.origin_of(item.pair) == SYNTHETIC
        for messages in rendered(at_hand, config):
            yield _example(at_hand, messages, synthetic=synthetic, kind=kinds.get(item.order))


def _example(item: Candidate, messages: tuple[Message, ...], *, synthetic: bool, kind: str | None) -> Example:
    # The salt goes with the text that it hides: the same words under the same salt give the same dataset digest.
    return Example(
        salt=item.pair.interaction.salt,
        interaction_id=item.pair.interaction.id,
        judgement_id=item.pair.key.judgement_id,
        messages=messages,
        taught_by=item.taught_by,
        synthetic=synthetic,
        rejected=item.rejected,
        pairing=item.pairing,
        source=item.pair.interaction.source,
        kind=kind,
    )
