"""Pairs of answers to one prompt: which is preferred, which lost, and on whose word.

Five things may say so, and the first that can, does: a person's own correction, the log (an imported pair, a swipe),
thumbs, a teacher's name, and last the judge's margin. Only the last two ever rest on a judge.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Pair
from selftune.curation.confidence import doubt_about, verdict_on
from selftune.curation.likeness.near import normalise
from selftune.curation.render import conversation_of, correction_of, lesson_of
from selftune.curation.select import PERSON, Candidate
from selftune.records import Message, PairFacts, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.curation.base import Filter
    from selftune.curation.config import Curation
    from selftune.curation.rejects import Rejects
    from selftune.records import Interaction, Rejected

NO_RIVAL: Final = "no pair: no other answer to hold this one against"
PASSED_OVER: Final = "passed over: another answer was set against the chosen one"
_DISTRUSTED: Final = (
    "injection_suspected",
    "unmoved",
    "unsupported",
    "empty_answer",
    "echoed_question",
    "constant_answer",
)


class Verdict(StrEnum):
    """Who says that one answer beats the other, the highest authority first."""

    CORRECTION = "correction"
    CHOICE = "choice"
    THUMBS = "thumbs"
    TEACHER = "teacher"
    MARGIN = "margin"


JUDGED: Final = frozenset({Verdict.TEACHER, Verdict.MARGIN})


# Below, a mean is chance, and volume is what pairs lack first (mission B18).
MEANS_FROM: Final = 50


@dataclass(frozen=True, kw_only=True)
class PairingRules:
    """By which rules answers become pairs.

    Attributes:
        champion: Digest of the build that serves; what it answered is on-policy.
        teachers: Models whose answers are preferred to those of any other.
        judge_noise: Margin of two overalls up to which the judge counts as undecided.
        disagreement: How far the overalls of several judges may lie apart before a person must look.
        golden: Least overall of a chosen answer where a judge scored it.
        length_ratio: How often the longer answer may hold the words of the shorter one.
        length_gap: Largest gap between the mean lengths, as a share of the longer one; 1 for no such rule.
        means_from: Pairs that means are matched over at least; of fewer, means are chance and each pair is dear.
        per_prompt: Most pairs kept of one prompt.
    """

    champion: str | None = None
    teachers: tuple[str, ...] = ()
    judge_noise: float = 0.5
    disagreement: float = 1.0
    golden: float = 4.5
    length_ratio: float = 2.0
    length_gap: float = 1.0
    means_from: int = 0
    per_prompt: int = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to a prompt, by whom, and what the judge made of it; no overall unless scored."""

    pair: Pair
    text: str
    by: str | None
    overall: float | None = None
    place: int = 0

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(self.text.split())


@dataclass(frozen=True, kw_only=True)
class Preference:
    """An answer that is preferred to another one.

    Attributes:
        clear: Whether the judge's margin alone decided against which of several rivals; else the rules of a tie did.
    """

    prompt: tuple[Message, ...]
    chosen: Answer
    rejected: Answer
    verdict: Verdict
    clear: bool = False

    @property
    def margin(self) -> float | None:
        """By how much the judge prefers it; None unless both are scored."""
        return margin_of(self.chosen, self.rejected)


@dataclass(frozen=True, kw_only=True)
class Paired:
    """What pairing came to.

    Attributes:
        candidates: The pairs, as candidates with a rejected answer, oldest first.
        preferences: The same pairs with both answers, in the same order.
        unmatched: Those that would have stood without the rule on lengths.
        dropped: How many possible pairs each reason ruled out.
    """

    candidates: tuple[Candidate, ...]
    preferences: tuple[Preference, ...]
    unmatched: tuple[Preference, ...]
    dropped: tuple[tuple[str, int], ...]


@dataclass(kw_only=True)
class _Desk:
    """What is on the desk while pairs are made: the rules, and what was ruled out so far."""

    rules: PairingRules
    filters: Sequence[Filter]
    dropped: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    unmatched: list[Preference] = field(default_factory=list)

    def drop(self, reason: str, *answers: Answer) -> None:
        """Rule a possible pair out, and remember the first reason for each interaction in it."""
        self.dropped[reason.split(":", maxsplit=1)[0]] += 1
        for answer in answers:
            self.reasons.setdefault(answer.pair.interaction.id, reason)


def pairing_rules(config: Curation, champion: str | None) -> PairingRules:
    """The rules that a curation config holds, with what serves now."""
    return PairingRules(
        champion=champion,
        teachers=config.teachers,
        judge_noise=config.judge_noise,
        disagreement=config.disagreement,
        golden=config.threshold,
        length_ratio=config.length_ratio,
        length_gap=config.length_gap,
        means_from=MEANS_FROM,
        per_prompt=config.answers_per_prompt,
    )


def pair_up(pairs: Sequence[Pair], rules: PairingRules, filters: Sequence[Filter], rejects: Rejects) -> Paired:
    """The pairs that the log holds; an interaction that ends up in none is rejected with its reason."""
    desk = _Desk(rules=rules, filters=filters)
    prompts: dict[str, list[Preference]] = defaultdict(list)
    for draft in _drafts(pairs, desk):
        prompts[_digest_of_prompt(draft.prompt)].append(draft)
    kept = match_means([draft for drafts in prompts.values() for draft in _consistent(drafts, desk)], desk)
    kept.sort(key=lambda each: each.chosen.place)
    used = {answer.pair.interaction.id for each in kept for answer in (each.chosen, each.rejected)}
    for pair in pairs:
        if pair.interaction.id not in used:
            rejects.add(pair, desk.reasons.get(pair.interaction.id, NO_RIVAL))
    return Paired(
        candidates=tuple(_candidate(each, order, rules) for order, each in enumerate(kept)),
        preferences=tuple(kept),
        unmatched=tuple(desk.unmatched),
        dropped=tuple(desk.dropped.most_common()),
    )


def reject_partners(paired: Paired, chosen: Sequence[Candidate], rejects: Rejects) -> None:
    """Reject the losing answers whose pair was left out later, so that no interaction goes without a word."""
    facts = [item.pairing for item in chosen if item.pairing]
    settled = {item.pair.interaction.id for item in chosen} | {each.rejected_interaction_id for each in facts}
    settled |= {reject.interaction_id for reject in rejects.listed()}
    for preference in paired.preferences:
        if preference.rejected.pair.interaction.id not in settled:
            settled.add(preference.rejected.pair.interaction.id)
            rejects.add(preference.rejected.pair, "pair left out: see what it lost against")


def _drafts(pairs: Sequence[Pair], desk: _Desk) -> Iterator[Preference]:
    """Every pair that somebody or something vouches for, authority by authority."""
    said: dict[str, tuple[tuple[Message, ...], list[Answer]]] = {}
    for place, pair in enumerate(pairs):
        yield from _corrected(pair, place, desk)
        yield from _chosen_in_the_log(pair, place, desk)
        spoken = conversation_of(pair.interaction)
        if len(spoken) > 1 and not spoken[-1].tool_calls:
            _, answers = said.setdefault(_digest_of_prompt(spoken[:-1]), (spoken[:-1], []))
            answers.append(_said(pair, spoken[-1].content, place))
    for prompt, answers in said.values():
        yield from _between(prompt, answers, desk)


def _digest_of_prompt(prompt: tuple[Message, ...]) -> str:
    return digest_of([(message.role, normalise(message.content)) for message in prompt])


def _said(pair: Pair, text: str, place: int) -> Answer:
    overall = verdict_on(pair).overall
    return Answer(pair=pair, text=text, by=pair.interaction.generated_by, overall=overall, place=place)


def _corrected(pair: Pair, place: int, desk: _Desk) -> Iterator[Preference]:
    """What a person wrote in place of the answer, before the answer."""
    correction, spoken = correction_of(pair.interaction), conversation_of(pair.interaction)
    if correction is None or len(spoken) <= 1 or spoken[-1].tool_calls:
        return
    theirs = Answer(pair=pair, text=correction, by=PERSON, place=place)
    prompt = lesson_of(pair.interaction)[:-1]
    yield from _settle(prompt, theirs, [_said(pair, spoken[-1].content, place)], Verdict.CORRECTION, desk)


def _chosen_in_the_log(pair: Pair, place: int, desk: _Desk) -> Iterator[Preference]:
    """What stands in the log before what stands beside it as rejected, place by place."""
    interaction = pair.interaction
    if correction_of(interaction) is not None:
        return  # what the person wrote stands above what they swiped to
    for at in dict.fromkeys(lost.at for lost in interaction.rejected):
        kept = _ending_at(interaction, at, interaction.messages[at:])
        rivals = [lost for lost in interaction.rejected if lost.at == at]
        chosen = _text_of(kept)
        if chosen is None:
            desk.drop("no text: what was kept is a call or nothing at all", _said(pair, "", place))
            continue
        answer = replace(_said(pair, chosen, place), overall=_overall_of_last(pair, at))
        answers = list(_lost_answers(pair, rivals, kept[:-1], place, desk))
        yield from _settle(kept[:-1], answer, answers, Verdict.CHOICE, desk)


def _lost_answers(
    pair: Pair, rivals: Sequence[Rejected], prompt: tuple[Message, ...], place: int, desk: _Desk
) -> Iterator[Answer]:
    for lost in rivals:
        ended = _ending_at(pair.interaction, lost.at, lost.messages)
        text = _text_of(ended)
        answer = Answer(pair=pair, text=text or "", by=lost.generated_by, place=place)
        said = replace(pair.interaction, messages=ended, feedback=None, rejected=())
        as_said = Pair(interaction=said, judgement=pair.judgement, opinions=pair.opinions)
        objection = next((reason for each in desk.filters if (reason := each.objection(as_said))), None)
        if text is None or ended[:-1] != prompt:
            desk.drop("no text: what lost is a call, several turns or nothing at all", answer)
        elif objection is not None:
            desk.drop(objection, answer)
        else:
            yield answer


def _ending_at(interaction: Interaction, at: int, turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation as it would have been learnt from, had it ended with these turns of the assistant."""
    answer = tuple(takewhile(lambda message: message.role == "assistant", turns))
    return conversation_of(replace(interaction, messages=(*interaction.messages[:at], *answer)))


def _text_of(conversation: tuple[Message, ...]) -> str | None:
    if len(conversation) <= 1 or conversation[-1].role != "assistant" or conversation[-1].tool_calls:
        return None
    return conversation[-1].content


def _overall_of_last(pair: Pair, at: int) -> float | None:
    """The judge's overall where it was given for this very answer: the one that the interaction ends with."""
    ends_here = all(message.role == "assistant" for message in pair.interaction.messages[at:])
    return _said(pair, "", 0).overall if ends_here else None


def _between(prompt: tuple[Message, ...], answers: list[Answer], desk: _Desk) -> Iterator[Preference]:
    """Of several answers to one prompt: what thumbs, a teacher's name and the judge's margin say."""
    if len(answers) <= 1:
        return
    up, down = ([one for one in answers if _thumbs(one) == sign] for sign in (1, -1))
    if up and down:
        yield from _settle(prompt, _best(up), down, Verdict.THUMBS, desk)
    taught, others = ([one for one in answers if (one.by in desk.rules.teachers) is wanted] for wanted in (True, False))
    if taught and others:
        yield from _settle(prompt, _best(taught), others, Verdict.TEACHER, desk)
    scored = [one for one in answers if one.overall is not None]
    if len(scored) > 1:
        best = _best(scored)
        yield from _settle(prompt, best, [one for one in scored if one is not best], Verdict.MARGIN, desk)


def _thumbs(answer: Answer) -> int | None:
    feedback = answer.pair.interaction.feedback
    return feedback.thumbs if feedback else None


def _best(answers: Sequence[Answer]) -> Answer:
    """The one with the highest overall, the oldest among equals; one without a score stands behind any that has one."""
    return max(answers, key=lambda one: (one.overall is not None, one.overall or 0.0, -one.place))


def _settle(
    prompt: tuple[Message, ...], chosen: Answer, rivals: Sequence[Answer], verdict: Verdict, desk: _Desk
) -> Iterator[Preference]:
    """The pair of the chosen answer and the best fit among its rivals; every rival that is ruled out is counted."""
    sound = []
    for rival in rivals:
        objection = objection_to(chosen, rival, verdict, desk.rules)
        if objection is None:
            sound.append(rival)
        else:
            desk.drop(objection, chosen, rival)
    if not sound:
        return
    before, clear = pick_rival(chosen, sound, desk.rules)
    free = Preference(prompt=prompt, chosen=chosen, rejected=before, verdict=verdict, clear=clear)
    desk.unmatched.append(free)
    # A person's correction is never thrown away for its length.
    matched = sound if verdict is Verdict.CORRECTION else [one for one in sound if _fits(chosen, one, desk)]
    if matched:
        rejected, clear = pick_rival(chosen, matched, desk.rules)
        for one in matched:
            desk.reasons.setdefault(one.pair.interaction.id, PASSED_OVER)
        yield replace(free, rejected=rejected, clear=clear)


def match_means(preferences: Sequence[Preference], desk: _Desk) -> list[Preference]:
    """Pairs whose mean gap in length is small enough: of those that lean to the heavier side as many leave as must.

    A cap on ratios leaves a gap where all pairs lean one way; this looks at all of them together. Those that lean
    furthest leave first, as long as that does not tip the set over. A person's correction stays, whatever it weighs,
    and never are fewer left than means are matched over.
    """
    chosen, rejected = (sum(getattr(one, side).words for one in preferences) for side in ("chosen", "rejected"))
    free = sorted((one for one in preferences if one.verdict is not Verdict.CORRECTION), key=_lead)
    gone: set[int] = set()
    spare = len(preferences) - desk.rules.means_from
    while len(gone) < spare and abs(chosen - rejected) > desk.rules.length_gap * max(chosen, rejected):
        at = _next_to_leave(free, chosen - rejected)
        if at is None:
            break  # nothing but corrections leans this way
        one = free.pop(at)
        gone.add(id(one))
        chosen, rejected = chosen - one.chosen.words, rejected - one.rejected.words
        desk.drop(f"lengths lean: {_lead(one):+d} words, and so does the set", one.chosen, one.rejected)
    return [one for one in preferences if id(one) not in gone]


def _next_to_leave(ordered: Sequence[Preference], gap: int) -> int | None:
    """Of pairs ordered by lead the place of the one that closes most of a gap without tipping it, else the nearest."""
    if gap > 0:
        first = bisect_right(ordered, 0, key=_lead)
        at = max(first, bisect_right(ordered, gap, key=_lead) - 1)
        return at if at < len(ordered) else None
    last = bisect_left(ordered, 0, key=_lead) - 1
    at = min(last, bisect_left(ordered, gap, key=_lead))
    return at if at >= 0 else None


def _lead(preference: Preference) -> int:
    return preference.chosen.words - preference.rejected.words


def _fits(chosen: Answer, rival: Answer, desk: _Desk) -> bool:
    shorter, longer = sorted((chosen.words, rival.words))
    if longer <= desk.rules.length_ratio * shorter:
        return True
    ratio = f"at most {desk.rules.length_ratio:g} times as many may stand against"
    desk.drop(f"lengths apart: {chosen.words} words chosen, {rival.words} rejected, {ratio} the fewer", chosen, rival)
    return False


def objection_to(chosen: Answer, rival: Answer, verdict: Verdict, rules: PairingRules) -> str | None:
    """Why the two can't be a pair, whatever their lengths; None when they can."""
    if not chosen.text.strip() or not rival.text.strip():
        return "empty: one of the two answers says nothing"
    if normalise(chosen.text) == normalise(rival.text):
        return "no difference: the two answers are equal but for white space"
    if verdict is Verdict.CORRECTION:
        return None
    distrust = next((flag for flag in chosen.pair.judgement.flags if flag in _DISTRUSTED), None)
    if chosen.pair.judgement.critical_failures:
        return f"critical failure: {', '.join(chosen.pair.judgement.critical_failures)} in what would be chosen"
    if distrust is not None:
        return f"not trusted: the judgement of what would be chosen is flagged {distrust}"
    return _objection_to_margin(chosen, rival, rules) if verdict in JUDGED else None


def _objection_to_margin(chosen: Answer, rival: Answer, rules: PairingRules) -> str | None:
    if chosen.overall is not None and chosen.overall < rules.golden:
        return f"below the threshold: overall {chosen.overall:.2f}, chosen from {rules.golden:g}"
    for answer in (chosen, rival):
        doubt = doubt_about(answer.pair, verdict_on(answer.pair), rules.disagreement)
        if answer.overall is not None and doubt is not None:
            return doubt
    margin = margin_of(chosen, rival)
    if margin is not None and margin <= rules.judge_noise:
        return f"within the judge's noise: a margin of {margin:.2f}, undecided up to {rules.judge_noise:g}"
    return None


def margin_of(chosen: Answer, rival: Answer) -> float | None:
    """The overall of the one less that of the other; None unless both are scored."""
    return None if chosen.overall is None or rival.overall is None else chosen.overall - rival.overall


def pick_rival(chosen: Answer, rivals: Sequence[Answer], rules: PairingRules) -> tuple[Answer, bool]:
    """The rival that the chosen answer is set against, and whether the judge's margin alone decided.

    It is the one that lost by the widest margin, when it leads the next by more than the judge's noise (B16). When it
    does not: what the champion itself said as served (B19), then what is nearest in length, then what is oldest.
    """
    by_tie = min(rivals, key=lambda one: (one.by is None or one.by != rules.champion, _gap(chosen, one), one.place))
    margins = sorted(((margin, -one.place, one) for one in rivals if (margin := margin_of(chosen, one)) is not None),
                     key=lambda entry: entry[:2], reverse=True)  # fmt: skip
    if len(margins) < len(rivals) or len(rivals) == 1:
        return by_tie, False
    leads = margins[0][0] - margins[1][0] > rules.judge_noise
    return (margins[0][2], True) if leads else (by_tie, False)


def _gap(chosen: Answer, rival: Answer) -> int:
    return abs(chosen.words - rival.words)


def _consistent(drafts: list[Preference], desk: _Desk) -> Iterator[Preference]:
    """The pairs of one prompt that do not gainsay a higher authority, as many as the rules let stand."""
    won: set[str] = set()
    lost: set[str] = set()
    for draft in sorted(drafts, key=lambda one: (list(Verdict).index(one.verdict), -(one.margin or 0.0))):
        chosen, rejected = normalise(draft.chosen.text), normalise(draft.rejected.text)
        if chosen in won:
            continue  # one pair for each answer that won
        if chosen in lost or rejected in won:
            desk.drop(f"gainsaid: {draft.verdict} against a higher authority", draft.chosen, draft.rejected)
        elif len(won) == desk.rules.per_prompt:
            desk.drop(f"enough: {desk.rules.per_prompt} pair(s) of this prompt are kept", draft.chosen, draft.rejected)
        else:
            won.add(chosen)
            lost.add(rejected)
            yield draft


def _candidate(preference: Preference, order: int, rules: PairingRules) -> Candidate:
    chosen, rejected = preference.chosen, preference.rejected
    return Candidate(
        pair=chosen.pair,
        written=(*preference.prompt, Message(role="assistant", content=chosen.text)),
        taught_by=chosen.by,
        rank=(-float(list(Verdict).index(preference.verdict)), preference.margin or 0.0),
        order=order,
        rejected=rejected.text,
        pairing=PairFacts(
            verdict=preference.verdict,
            rejected_interaction_id=rejected.pair.interaction.id,
            rejected_judgement_id=None if rejected.overall is None else rejected.pair.judgement.id,
            rejected_by=rejected.by,
            margin=preference.margin,
            clear=preference.clear,
            on_policy=rejected.by is not None and rejected.by == rules.champion,
        ),
    )
