"""What a dataset says about itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.curation.balance import MANY_AUTHORS
from selftune.curation.config import Curation, Selection
from selftune.curation.select import PERSON, count_reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.balance import Shares
    from selftune.curation.select import Candidate
    from selftune.records import Example, Reject

_WARNINGS: Final = {
    Selection.WORST: "**SABOTAGE: these are the WORST answers, chosen on purpose. A model that learns them suffers**",
    Selection.UNFILTERED: "**CONTROL: these answers were NOT selected by the judge, to show what that is worth**",
}


def mixture_of(chosen: Sequence[Candidate]) -> tuple[tuple[str, float], ...]:
    """Share of each source among the examples, largest first."""
    counts = Counter(PERSON if item.taught_by == PERSON else item.pair.interaction.source for item in chosen)
    return tuple((name, count / len(chosen)) for name, count in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))


def write_card(
    chosen: Sequence[Candidate],
    holdout: Sequence[Example],
    rejects: Sequence[Reject],
    shares: Shares,
    config: Curation,
) -> str:
    """The dataset in a few sentences of Markdown for a person."""
    warning = _WARNINGS.get(Selection(config.selection))
    total = count_interactions(chosen, holdout, rejects)
    prompts = len({item.prompt for item in chosen})
    lines = [
        *([warning, ""] if warning else []),
        f"{len(chosen)} lessons on {prompts} prompts, out of {total} judged interactions; {len(holdout)} are held out.",
        _teachers(chosen),
        f"{_criterion(config)} At most {config.answers_per_prompt} answer(s) a prompt are kept.",
        "",
        *(f"- {share:.0%} from {name}" for name, share in mixture_of(chosen)),
        "",
        *_balance(shares, config),
        "",
        "Not learnt from:",
        *(f"- {reason}: {count}" for reason, count in count_reasons(rejects).most_common()),
    ]
    return "\n".join(lines) + "\n"


def count_interactions(chosen: Sequence[Candidate], holdout: Sequence[Example], rejects: Sequence[Reject]) -> int:
    """How many interactions were looked at: a pair may hold two of them, a mixture the same one twice."""
    seen = {item.pair.interaction.id for item in chosen} | {example.interaction_id for example in holdout}
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


def _criterion(config: Curation) -> str:
    if config.selection == Selection.UNFILTERED:
        return "Any answer was taken, whatever the judge said."
    if config.selection == Selection.WORST:
        return f"Of each prompt the lowest overall below {config.threshold:g} was taken."
    return f"Golden is an overall of {config.threshold:g} or more, or a person's correction."


def _teachers(chosen: Sequence[Candidate]) -> str:
    teachers = Counter("a person" if item.taught_by == PERSON else item.taught_by or "unknown" for item in chosen)
    return "Answers by " + ", ".join(f"{name} ({count})" for name, count in teachers.most_common()) + "."
