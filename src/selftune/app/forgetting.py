"""`selftune forget`: what would go and what learnt from it, in words; then it goes."""

from __future__ import annotations

import getpass
from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.records import Build, Dataset, Forgetting, Release, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selftune.context import Progress
    from selftune.loop.forgetting.finding import Words
    from selftune.loop.forgetting.rebuild import Rebuilt
    from selftune.loop.project import Project
    from selftune.records import Record

_FIRST: Final = 5


def look_for(project: Project, name: str, author: str = "", told: Callable[[Progress], None] = lambda _: None) -> Words:
    """What is kept of a person or under an id, what the gateway captured until now included; as `find_words`."""
    from selftune.app.gateway.capture.ingest import take_now
    from selftune.loop.forgetting.finding import (
        find_words,  # wakes all that forgets; a status only asks whether anybody did
    )

    # What is still in the spool would come in behind the forgetting.
    take_now(project)
    return find_words(project, name, asks=author or getpass.getuser(), told=told)


def find_done(project: Project, name: str) -> Forgetting | None:
    """The forgetting of this id, or of the beginning of one; None where something else is named."""
    return project.store.record(name, Forgetting) if name.startswith(f"{Forgetting.KIND}:") else None


def describe(project: Project, words: Words) -> Iterator[str]:
    """What would lose its words, what learnt from them, and what is out of reach."""
    from selftune.loop.forgetting.forget import out_of_reach

    erasure = words.erasure
    yield f"Forgetting a {words.of}: {_counted(erasure.ids)}."
    if erasure.quoting or erasure.bare:
        kept = len(erasure.quoting | erasure.bare)
        yield f"  {kept} of these stay without these words; the others can't be read again."
    yield from _learnt(words)
    if words.answers:
        yield f"  {len(words.answers)} answers were written by what had learnt from them."
    for sentence in out_of_reach(project, words):
        yield f"Not in reach: {sentence}."


def describe_done(project: Project, done: Forgetting) -> Iterator[str]:
    """What was done, and what is left to do."""
    yield f"Forgotten: {len(done.erased)} records lost their words; the ledger says so and verifies. {done.id}"
    serving = project.store.last(Release)
    if serving is not None and serving.id in done.touched:
        yield (
            f"The model that serves, {serving.version}, learnt from them. Train without them: selftune cycle, or "
            f"with a proof: selftune forget {done.id[:23]} --rebuild"
        )
    elif any(name.startswith(f"{Release.KIND}:") for name in done.touched):
        yield "An earlier release learnt from them, and the one that serves did not."
    else:
        yield "No release learnt from them."


def lines_of_forgetting(done: Forgetting) -> Iterator[str]:
    """What was erased, what had learnt from it, and where it may still be."""
    yield f"forgotten at {done.at}, a {done.of}: {_counted(done.erased)}"
    yield from (f"had learnt from it or held it: {name}" for name in done.touched)
    yield from (f"out of reach: {sentence}" for sentence in done.unreachable)


def lines_of_learning(project: Project, record: Record) -> Iterator[str]:
    """That a record had learnt from words which were erased since; nothing where it had not."""
    for _, done in project.store.each(Forgetting):
        if record.id in done.touched:
            yield f"learnt from words, or held some, that were erased at {done.at}: {done.id}"


def forgotten_line(project: Project) -> str | None:
    """What of the model in service should be known: it learnt from words that were erased since; None where not."""
    serving = project.store.last(Release)
    forgotten = (done.touched for _, done in project.store.each(Forgetting))
    if serving is None or not any(serving.id in touched for touched in forgotten):
        return None
    return f"{serving.version} learnt from words that were erased since; train without them: selftune cycle"


def describe_rebuilt(project: Project, found: Rebuilt) -> Iterator[str]:
    """What was rebuilt, what shows it, and what the gate is to be asked."""
    yield f"Rebuilt without them: {found.run.id[:20]}, {found.lessons} lessons in place of {found.before}."
    if found.dropped:
        yield f"{found.dropped} answers that an affected generation gave were left out on both sides."
    yield "A second training, in a store that never held them, gave the same adapter byte for byte."
    place = found.certificate.relative_to(project.folder)
    yield f"Certificate: {place}. Anybody can check it: python -m selftune.ledger.verify . --certificate {place}"
    yield f"Next: selftune cycle --run {found.run.id[:20]} asks the gate about it."


def as_data(project: Project, words: Words) -> dict[str, object]:
    """The same as data; it names records and quotes nobody."""
    from selftune.loop.forgetting.forget import out_of_reach

    return {
        "of": words.of,
        "erased": list(words.erasure.ids),
        "touched": list(words.touched),
        "answers": list(words.answers),
        "unreachable": list(out_of_reach(project, words)),
    }


def _learnt(words: Words) -> Iterator[str]:
    for kind in (Dataset, Run, Build, Release):
        ids = [name for name in words.touched if name.startswith(f"{kind.KIND}:")]
        if ids:
            more = f" and {len(ids) - _FIRST} more" if len(ids) > _FIRST else ""
            named = ", ".join(one[:24] for one in ids[:_FIRST])
            yield f"  {kind.KIND} that learnt from them or holds them: {named}{more}"
    if not words.touched:
        yield "  Nothing learnt from them."


def _counted(ids: Iterable[str]) -> str:
    counts = Counter(name.partition(":")[0].replace("_", " ") for name in ids)
    return ", ".join(f"{many} {kind}{'' if many == 1 else 's'}" for kind, many in sorted(counts.items())) or "nothing"
