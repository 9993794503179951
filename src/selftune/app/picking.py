"""`selftune pick`: a person compares champion and candidate blind, on real prompts of the log."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.context import ChatRequest
from selftune.curation.base import Yardstick
from selftune.curation.likeness.contamination import Measured, asked_in, find_overlaps
from selftune.errors import NothingNewError, RequestRefusedError
from selftune.gate.picks.bet import bet
from selftune.gate.picks.needs import more_picks
from selftune.governance.keys import sign_statement
from selftune.governance.statements import pick as say_picked
from selftune.interactions.door import clean_text
from selftune.interactions.reading.assemble import find_state, said_by_assistant
from selftune.ledger.keys import load_machine_key
from selftune.loop.deciding.picks import (
    SKIP,
    caveat_of,
    first_of_each,
    open_contest,
    pairs_between,
    picks_between,
    statements_about,
)
from selftune.loop.incoming.news import OUR_OWN
from selftune.loop.incoming.privacy import door_of
from selftune.records import BlindPair, Dataset, Interaction, Run, Trigger, not_erased
from selftune.store import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selftune.gate.picks.base import Picks
    from selftune.gate.picks.bet import Bet
    from selftune.gate.picks.needs import MorePicks
    from selftune.loop.deciding.picks import Contest
    from selftune.loop.project import Project
    from selftune.records import Build, Example

_REAL: Final = frozenset({Trigger.USER, Trigger.IMPORT})
_LESSON: Final = "a lesson"
_TALK_ON: Final = "Use the model for a while and go on with `selftune pick`, or run `selftune cycle`."
_MOST_DRAWN: Final = 5
"""For each pair that is wanted so many prompts are answered at most: where nearly all answers are alike, we stop."""

_CHUNK: Final = 128


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Where the picks stand.

    Attributes:
        skipped: Pairs that the person did not want to judge.
        more: What it would still take; None when it is settled, or more would not help.
    """

    picks: Picks
    bet: Bet
    skipped: int
    more: MorePicks | None


class Picking:
    """One person's picking: pairs that nobody has judged yet, and each pick kept as soon as it is made.

    Attributes:
        caveat: Why the candidate would not be promoted even if the person preferred it; None where it would be.
    """

    def __init__(self, project: Project, *, picker: str, tell: Callable[[str], object]) -> None:
        """Open the contest.

        Raises:
            NothingNewError: there is no candidate that picks could help.
        """
        self._project = project
        self._contest = open_contest(project)
        self.caveat = caveat_of(self._contest)
        self._door = door_of(project)
        pseudonyms = self._door.pseudonyms
        assert pseudonyms is not None, "a project always has a key for names"  # noqa: S101 - its door says so
        self._author = pseudonyms.of(picker)
        self._tell = tell

    def pairs(self, most: int) -> Iterator[BlindPair]:
        """Up to `most` pairs to judge, drawn as they are needed; no more once the picks have settled it.

        Raises:
            NothingNewError: no prompt is left on which the two answers differ.
            ServingError: one of the builds could not be served; what was drawn is kept.
        """
        shown, drawn = 0, 0
        while shown < most and not self.is_settled():
            waiting = self.waiting()[: most - shown]
            if not waiting:
                # As many as before again: where nearly all answers are alike, starting the servers is what takes time.
                wanted = min(max(most - shown, drawn), _MOST_DRAWN * most - drawn)
                fresh = self._draw(wanted) if wanted else 0
                if not fresh:
                    break
                drawn += fresh
            for pair in waiting:
                yield pair
                shown += 1
                if self.is_settled():
                    return
        if shown == 0 and not self.is_settled():
            raise NothingNewError(_why_nothing(drawn), next_step=_TALK_ON)

    def is_settled(self) -> bool:
        """Whether more picks would change nothing."""
        return self.tally().bet.settled is not None

    def prompt_of(self, pair: BlindPair) -> tuple[tuple[str, str], ...]:
        """What was asked: speaker and text, turn by turn."""
        asked = self._project.store.record(pair.interaction_id, Interaction).prompt
        return tuple((message.persona or message.role, message.content) for message in asked)

    def pick(self, pair: BlindPair, side: str) -> None:
        """Keep what the person took: `left`, `right`, `tie` or `skip`; it is on record before this returns."""
        said = say_picked(
            pair.id,
            author=self._author,
            text=side,
            context=self._project.context(),
            door=self._door,
            evidence=(self._contest.decision.id,),
        )
        statement = sign_statement(said, load_machine_key(self._project.hidden / "keys"))
        self._project.store.save([statement], event="picked")

    def tally(self) -> Tally:
        """Where the picks stand; it tells who is who, so that nobody sees it before the end."""
        contest, policy = self._contest, self._contest.policy
        picks = picks_between(self._project, contest.champion, contest.candidate)
        pairs = pairs_between(self._project, contest.champion, contest.candidate)
        said = first_of_each(statements_about(self._project, pairs))
        return Tally(
            picks=picks,
            bet=bet(picks.choices, policy.alpha),
            skipped=sum(one.text == SKIP for one in said),
            more=more_picks(picks, policy.alpha),
        )

    def waiting(self) -> list[BlindPair]:
        """Pairs that were drawn and that nobody has judged yet; no model is asked for more."""
        pairs = pairs_between(self._project, self._contest.champion, self._contest.candidate)
        judged = {one.subject for one in statements_about(self._project, pairs)}
        # Of a prompt that has a later version, its author may allow less by now.
        overtaken = self._project.store.superseded()
        return [
            pair
            for pair in pairs.values()
            if not pair.identical and pair.id not in judged and pair.interaction_id not in overtaken
        ]

    def _draw(self, count: int) -> int:
        """Draw answers to so many prompts more, and keep them; how many there were."""
        contest, context = self._contest, self._project.context()
        seed = int(context.draw_salt(), 16) % 2**31
        known = pairs_between(self._project, contest.champion, contest.candidate).values()
        prompts = draw_prompts(self._project, contest, count, seed, asked={pair.interaction_id for pair in known})
        if not prompts:
            return 0
        self._tell(f"Both models answer {len(prompts)} prompts of your log …")
        answers = [self._answers(build, prompts, seed) for build in (contest.champion, contest.candidate)]
        drawn = [
            BlindPair(
                salt=context.draw_salt(),
                interaction_id=prompt.id,
                champion_build_id=contest.champion.id,
                candidate_build_id=contest.candidate.id,
                champion_answer=old,
                candidate_answer=new,
                candidate_left=is_left(seed, prompt.id),
                seed=seed,
            )
            for prompt, old, new in zip(prompts, *answers, strict=True)
        ]
        self._project.store.save(drawn, event="blind pairs drawn", detail={"seed": str(seed)})
        return len(drawn)

    def _answers(self, build: Build, prompts: Sequence[Interaction], seed: int) -> list[str]:
        """What a build answers as it is served; nothing where the server refuses a prompt, as it would in service."""
        rest = [ChatRequest(messages=prompt.prompt, seed=seed) for prompt in prompts]
        found: list[str] = []
        with self._project.context().serve(build, slots=self._project.config.capture.slots) as served:
            while len(found) < len(rest):
                try:
                    for answer in served.chat_many(rest[len(found) :], build.generation):
                        message, _ = said_by_assistant(answer.text)
                        found.append(clean_text(message.content, self._door))
                except RequestRefusedError:
                    found.append("")
        return found


def draw_prompts(
    project: Project, contest: Contest, count: int, seed: int, *, asked: set[str]
) -> tuple[Interaction, ...]:
    """Up to `count` prompts of real people, in an order that the seed draws, one of each conversation.

    Only words that their author lets be used, in their newest version. None that champion or candidate learnt from or
    that lies close to a lesson, none of a conversation with a lesson in it, and none of the clean room.
    """
    store = project.store
    datasets = [store.record(run.dataset_id, Dataset) for run in _runs(project, contest)]
    lessons = [example for dataset in datasets for example in not_erased(dataset.train)]
    shut = {name for dataset in datasets for name in dataset.clean_room} | {one.interaction_id for one in lessons}
    out_of_bounds = tuple(store.kept_records(shut | asked, Interaction))
    ids = [one.interaction_id for one in store.said(Span(passing_over=OUR_OWN))]
    random.Random(seed).shuffle(ids)  # noqa: S311 - the draw must repeat, not be secret
    measured = Measured([_as_yardstick(lesson) for lesson in lessons])
    open_questions = _open_questions(store.records(ids, Interaction), out_of_bounds)
    found: list[Interaction] = []
    while len(found) < count and (chunk := list(islice(open_questions, _CHUNK))):
        close = find_overlaps([asked_in(one) for one in chunk], measured) if lessons else {}
        found += [one for place, one in enumerate(chunk) if place not in close]
    return tuple(found[:count])


def _as_yardstick(lesson: Example) -> Yardstick:
    asked = "\n".join(message.content for message in lesson.messages if message.role == "user")
    return Yardstick(name=_LESSON, text=asked, state=find_state(lesson.messages))


def _runs(project: Project, contest: Contest) -> Iterator[Run]:
    for build in (contest.champion, contest.candidate):
        if build.run_id is not None:
            yield project.store.record(build.run_id, Run)


def _open_questions(said: Iterable[Interaction], out_of_bounds: Sequence[Interaction]) -> Iterator[Interaction]:
    """What real people asked and a model must answer, once for each conversation and for each wording."""
    closed = {one.conversation for one in out_of_bounds}
    met = {asked_in(one) for one in out_of_bounds}
    for one in said:
        real = one.trigger in _REAL and bool(one.prompt) and one.prompt[-1].role == "user"
        if real and one.conversation not in closed and asked_in(one) not in met:
            closed.add(one.conversation)
            met.add(asked_in(one))
            yield one


def _why_nothing(drawn: int) -> str:
    if drawn:
        return f"nothing to pick: on {drawn} prompts of the log both models answer the same, word for word."
    return "nothing to pick: the log holds no prompt of a person that is left and that neither model learnt from."


def is_left(seed: int, interaction_id: str) -> bool:
    """Whether the candidate's answer to this prompt stands on the left: a fair coin that the seed throws."""
    return random.Random(f"{seed} {interaction_id}").random() < 1 / 2  # noqa: S311 - the draw must repeat
