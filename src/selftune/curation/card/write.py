"""What a dataset says about itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.balance import MANY_AUTHORS
from selftune.curation.card.dissonance import summarise_dissonance
from selftune.curation.card.plots import count_in_bins, draw_bars, draw_before_and_after
from selftune.curation.config import Curation, Selection
from selftune.curation.facts import facts_of
from selftune.curation.rejects import count_reasons
from selftune.curation.select import PERSON
from selftune.curation.style import measure_style
from selftune.curation.traits import shows
from selftune.records import Plot, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.balance import Shares
    from selftune.curation.noise import LabelNoise
    from selftune.curation.select import Candidate
    from selftune.curation.style import Style
    from selftune.records import Example, KindCount, Reject

_LENGTHS: Final = (5, 10, 20, 40, 80, 160, 320)
_WARNINGS: Final = {
    Selection.WORST: "**SABOTAGE: these are the WORST answers, chosen on purpose. A model that learns them suffers**",
    Selection.UNFILTERED: "**CONTROL: these answers were NOT selected by the judge, to show what that is worth**",
    Selection.SHUFFLED: "**CONTROL: these answers were selected by verdicts on OTHERS, to show what judging is worth**",
}


def mixture_of(chosen: Sequence[Candidate]) -> tuple[tuple[str, float], ...]:
    """Share of each source among the examples, largest first."""
    counts = Counter(PERSON if item.taught_by == PERSON else facts_of(item.pair).source for item in chosen)
    return tuple((name, count / len(chosen)) for name, count in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a card tells: the set, what stayed outside, and how it came to be.

    Attributes:
        answers: What the chosen ones answer, in the same order.
        clean_room: How many interactions lie in it.
        learnt_before: Interactions that a finished run has learnt from.
        calibration: What is known of the judge that chose, in one line; empty when nobody measured it.
    """

    chosen: Sequence[Candidate]
    answers: Sequence[str]
    holdout: Sequence[Example]
    clean_room: int
    rejects: Sequence[Reject]
    shares: Shares
    noise: LabelNoise
    learnt_before: frozenset[str]
    calibration: str


def write_card(story: Story, config: Curation) -> str:
    """The dataset in Markdown for a person; it quotes nobody."""
    chosen, warning = story.chosen, _WARNINGS.get(Selection(config.selection))
    lines = [
        *([warning, ""] if warning else []),
        *_counts(story),
        _teachers(chosen),
        f"{_criterion(config)} At most {config.answers_per_prompt} answer(s) a prompt are kept.",
        f"{_judge(story.calibration)} {_noise(story.noise)}",
        "",
        *(f"- {share:.0%} from {name}" for name, share in mixture_of(chosen)),
        "",
        *_balance(story.shares, config),
        _causes(story.shares, config),
        *filter(None, (summarise_dissonance([facts_of(item.pair).dissonance for item in chosen]),)),
        _voice(story.shares.kinds, config),
        "",
        _style(measure_style(story.answers)),
        "",
        "Not learnt from:",
        *(f"- {reason}: {count}" for reason, count in count_reasons(story.rejects).most_common()),
    ]
    return "\n".join(lines) + "\n"


def _counts(story: Story) -> list[str]:
    ids = {item.pair.key.interaction_id for item in story.chosen}
    prompts = {item.lesson.prompt for item in story.chosen}
    total = count_interactions(story.chosen, story.holdout, story.rejects) + story.clean_room
    lessons = f"{len(story.chosen)} lessons on {len(prompts)} prompts, out of {total} judged interactions"
    outside = f"{len(story.holdout)} are held out, {story.clean_room} more lie in the clean room"
    return [f"{lessons}; {outside}.", f"New since the last run: {len(ids - story.learnt_before)} of {len(ids)}."]


def draw_plots(story: Story) -> tuple[Plot, ...]:
    """Kinds before and after balancing, lengths of the answers, and why the rest was not learnt from."""
    kinds = [(kind.name, kind.before, kind.after) for kind in story.shares.kinds]
    lengths = [float(len(answer.split())) for answer in story.answers]
    reasons = count_reasons(story.rejects).most_common()
    return (
        Plot(name="kinds", svg=draw_before_and_after("Lessons by kind, before balancing and after", kinds)),
        Plot(name="lengths", svg=draw_bars("Words of an answer", count_in_bins(lengths, _LENGTHS))),
        Plot(name="rejects", svg=draw_bars("Not learnt from", reasons)),
    )


def count_interactions(chosen: Sequence[Candidate], holdout: Sequence[Example], rejects: Sequence[Reject]) -> int:
    """How many interactions were looked at: a pair may hold two of them, a mixture the same one twice."""
    seen = {item.pair.key.interaction_id for item in chosen} | {example.interaction_id for example in holdout}
    pairings = (*(item.pairing for item in chosen), *(example.pairing for example in holdout))
    seen |= {pairing.rejected_interaction_id for pairing in pairings if pairing}
    return len(seen | {reject.interaction_id for reject in rejects})


def _balance(shares: Shares, config: Curation) -> list[str]:
    lines = ["| Kind | Before balancing | Lessons |", "|---|---|---|"]
    lines += [f"| {kind.name} | {kind.before} | {kind.after} |" for kind in shares.kinds]
    cap = f"each may have {shares.author_cap:.0%}" if shares.author_cap < 1 else "none of them is capped"
    rule = "" if shares.author_cap == config.max_share_per_author else f": fewer than {MANY_AUTHORS}"
    authors = f"{shares.authors} author(s) besides the owners, {cap}{rule}; the largest wrote {shares.top_author:.0%}."
    templates = f"{shares.templates} templates, the commonest in {shares.top_template:.0%}."
    repeated = f"{shares.repeated} lessons stand in it again, as the mixture asks." if shares.repeated else ""
    return [*lines, "", " ".join(filter(None, (authors, templates, repeated)))]


def _causes(shares: Shares, config: Curation) -> str:
    """Who asked: people, or the system itself (mission A6)."""
    counts, total = dict(shares.causes), sum(count for _, count in shares.causes)
    own = counts.get(Trigger.MOTIVATOR, 0)
    told = ", ".join(f"{cause} {count}" for cause, count in shares.causes)
    return f"Caused by {told}; {own / total:.0%} by the system itself, at most {config.max_share_motivator:.0%} may be."


def _voice(kinds: Sequence[KindCount], config: Curation) -> str:
    """How much of the set shows voice: knowledge is learnt from little, voice is not (mission B20)."""
    total = sum(kind.after for kind in kinds)
    voiced = sum(kind.after for kind in kinds if any(shows(kind.name, name) for name in config.voice))
    named = ", ".join(config.voice)
    if not voiced:
        return f"Voice: no kind of lesson is told apart by one of the criteria {named}."
    return f"Voice: {voiced / total:.0%} of the lessons ({voiced} of {total}) show one of {named}."


def _style(style: Style) -> str:
    length = f"{style.words[0]:g} words in the middle, 95 of 100 within {style.words[1]:g}"
    sound = f"{style.lists:.0%} hold a list; {style.contractions:.1f} contractions in 100 words"
    openings = f"{style.openings} ways to begin, the commonest in {style.top_opening:.0%}"
    return f"Style of {style.n} answers: {length}; {sound}; {openings}."


def _judge(calibration: str) -> str:
    known = calibration or "nobody has measured how far the judge agrees with people"
    return f"{known[:1].upper()}{known[1:].removesuffix('.')}."


def _noise(noise: LabelNoise) -> str:
    if noise.share is None or noise.interval is None:
        return "Label noise: not measured, no answer was judged twice."
    low, high = noise.interval
    return (
        f"Label noise: {noise.share:.1%} of {noise.n} verdicts on an answer that had been judged before fell on the "
        f"other side of the threshold (95 % {low:.1%} to {high:.1%})."
    )


def _criterion(config: Curation) -> str:
    if config.selection == Selection.UNFILTERED:
        return "Any answer was taken, whatever the judge said."
    if config.selection == Selection.WORST:
        return f"Of each prompt the lowest overall below {config.threshold:g} was taken."
    return f"Golden is an overall of {config.threshold:g} or more, or a person's correction."


def _teachers(chosen: Sequence[Candidate]) -> str:
    teachers = Counter("a person" if item.taught_by == PERSON else item.taught_by or "unknown" for item in chosen)
    return "Answers by " + ", ".join(f"{name} ({count})" for name, count in teachers.most_common()) + "."
