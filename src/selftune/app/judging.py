"""`selftune judge import`: answers that were judged elsewhere come in with their verdicts.

The answers pass the same door as any log. They were given to an examination, so nothing is trained on them. Their
verdicts bear the name of the judge that gave them, so that no cycle takes them for those of its own judge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.interactions.reading.assemble import Origin, assemble, said_by_assistant
from selftune.interactions.stage import capture
from selftune.judges.adopt import Adopting, JudgedAnswers, adopt
from selftune.judges.adopted import summarise
from selftune.judges.calibration.human import HUMAN, is_human
from selftune.judges.judged_files import read_judged_file
from selftune.judges.rubric import load_rubric
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.executor import Silent
from selftune.loop.incoming.privacy import NotesDoor, door_of, rules_of
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Interaction, Judgement, JudgementStatus, Message, Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.context import Context
    from selftune.judges.adopted import Adopted
    from selftune.judges.judged_files import JudgedFile, JudgedRow
    from selftune.loop.executor import Executor, Observer
    from selftune.loop.project import Project
    from selftune.records import JudgeIdentity
    from selftune.store import Store


def import_judged(
    project: Project, paths: Sequence[Path], *, rubric: str = "character", observer: Observer | None = None
) -> tuple[Adopted, ...]:
    """Bring files of judged answers in; what is known already adds nothing.

    Raises:
        MissingFileError: a file is not there; nothing was imported.
        UsageError: a file holds no judged answers; nothing was imported.
        UnknownNameError: no rubric has that name.
    """
    text, codex = find_text(project.folder, "rubric", rubric), codex_of(project.folder, project.config)
    door = NotesDoor(rules_of(project.config))
    config = Adopting(rubric=text, rubric_digest=load_rubric(text, codex).id, codex=codex, door=door)
    files = [(path, read_judged_file(path)) for path in paths]
    with hold_lease(project):
        executor = make_executor(project, observer or Silent())
        return tuple(_import_one(project, executor, path, file, config) for path, file in files)


def _import_one(project: Project, executor: Executor, path: Path, file: JudgedFile, config: Adopting) -> Adopted:
    captured = executor(capture, (_JudgedSource(path),), door_of(project)).ids
    ids = tuple(item if item.startswith(f"{Interaction.KIND}:") else None for item in captured)
    judged = iter(executor(adopt, JudgedAnswers(path=path, interaction_ids=ids), config).ids)
    judgements = [None if item is None else project.store.record(next(judged), Judgement) for item in ids]
    return summarise(file, judgements, load_rubric(config.rubric, config.codex))


def limit_spending(project: Project, budget_usd: float | None) -> Project:
    """The project with this budget for its judge; with the one in its config where none is given."""
    if budget_usd is None:
        return project
    judge = replace(project.config.judge, budget_usd=budget_usd)
    return replace(project, config=replace(project.config, judge=judge))


def expected_cost(store: Store, judge: JudgeIdentity, interaction_ids: Sequence[str], *, more_answers: int = 0) -> str:
    """What it may cost to judge these and so many more answers to each, from what this judge has cost so far.

    Verdicts that are on record cost nothing again.
    """
    if judge.name == HUMAN or is_human(judge):
        return "nothing: a person judges, with `selftune review`"
    if not judge.lineage:
        return "nothing: the judge is code"
    costs: list[float] = []
    known: set[str] = set()
    for verdict in store.verdicts():
        if verdict.judge == judge and verdict.status is JudgementStatus.SCORED:
            costs.append(verdict.cost_usd)
            known.add(verdict.interaction_id)
    if not any(costs):
        return "unknown: no verdict on record says what one costs"
    asked = len(set(interaction_ids) - known) + more_answers * len(interaction_ids)
    mean = sum(costs) / len(costs)
    return f"about ${asked * mean:.2f}: {asked} verdicts at ${mean:.4f}, the mean of {len(costs)} on record"


@dataclass(frozen=True)
class _JudgedSource:
    """The answers of a file of judged answers."""

    path: Path

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """One interaction for each row, or what is wrong with it, in order."""
        for place, row in enumerate(read_judged_file(self.path).rows, start=1):
            yield _said(
                row, Origin(source=f"judged:{self.path.name}", position=f"row {place}", salt=context.draw_salt())
            )


def _said(row: JudgedRow, origin: Origin) -> Interaction | Quarantined:
    if row.faulty is not None:
        return Quarantined(
            salt=origin.salt,
            source=origin.source,
            position=origin.position,
            reason="prompt and response are not both texts",
            raw=row.faulty,
        )
    answer, flags = said_by_assistant(row.response)
    facts = {"id": row.name, "model": row.model, "consent": {"train": False}}
    return assemble((Message(role="user", content=row.prompt), answer), facts, origin, flags)
