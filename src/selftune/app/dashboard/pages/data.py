"""Data: from interaction to lesson and why not, every dataset with its card, the log page by page, and a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.reading import Place, acting_on, project_of, record_named, remembered
from selftune.app.dashboard.rendering import body_of, show, show_page
from selftune.app.datasets import find_dataset, list_datasets
from selftune.app.funnel import funnel_of
from selftune.app.reporting.datasets import dataset_page
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Points, Section, Table, Transcript
from selftune.app.searching import find_words, find_words_so_far
from selftune.app.ways import way_of
from selftune.drawing import shorten
from selftune.records import Interaction, Judgement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.store.browsing import Entry

router = APIRouter()

PAGE: Final = 50
"""Interactions on a page of the log."""
_FOUND: Final = 30
_ASKED: Final = 80  # letters of a question in a list


@router.get("/data")
def data(request: Request) -> Response:
    """The funnel, and every dataset."""
    datasets, funnel = remembered(request, "datasets", list_datasets), remembered(request, "funnel", funnel_of)
    rows = [
        [
            linked(one.id[8:20], f"/data/datasets/{one.id}"), one.saved_at[:16].replace("T", " "), one.kind,
            *(figure(f"{count:,}") for count in (one.train, one.holdout, one.rejects, one.runs)),
            figure("-" if one.tokens is None else f"{one.tokens:,}"),
        ]
        for one in reversed(datasets.value)
    ]  # fmt: skip
    behind = datasets.is_behind or funnel.is_behind
    return show(request, "data", title="Data", funnel=funnel.value, datasets=rows, behind=behind)


@router.get("/data/datasets/{name}")
def dataset(request: Request, name: str) -> Response:
    """One dataset: its card, its parts, its rejects by reason, and its first lessons."""
    project = project_of(request)
    return show_page(request, dataset_page(project, find_dataset(project, name)))


@router.get("/data/interactions")
def interactions(request: Request, before: Place = None, after: Place = None) -> Response:
    """The log, newest first, fifty at a time."""
    page = project_of(request).store.log.page(PAGE, before=before, after=after, words=True)
    return show(request, "interactions", title="Interactions", page=page, rows=[_row(entry) for entry in page.entries])


@router.get("/data/interactions/{name}")
def interaction(request: Request, name: str) -> Response:
    """One interaction: what was said, by whom it was judged, and how."""
    project, found = project_of(request), record_named(request, name, Interaction)
    names = project.store.log.judgement_ids(project.store.sequence_of(found.id))
    judged = tuple(project.store.kept_records(names, Judgement))
    page = Page(title="Interaction", lead=(_where(found),), sections=tuple(_said(found, judged)), foot=found.id)
    return show(request, "interaction", title="Interaction", body=body_of(page), name=found.id)


@router.get("/data/interactions/{name}/way")
def way(request: Request, name: str) -> Response:
    """All that happened to it, as `selftune why` tells; reads every judgement, so it takes its time on a long log."""
    found = record_named(request, name, Interaction)
    points = Points(points=tuple(way_of(project_of(request), found)))
    page = Page(title="The way of an interaction", lead=(), sections=(Section(title="In order", parts=(points,)),))
    return show(request, "interaction", title=page.title, body=body_of(page), name=found.id)


@router.get("/data/search")
def search(request: Request, words: str = "") -> Response:
    """Interactions that hold these words, in the index as it lies."""
    asked = words.strip()
    found = find_words_so_far(project_of(request), asked, limit=_FOUND) if asked else None
    rows = [] if found is None else [
        [linked(one.id[12:24], f"/data/interactions/{one.id}"), one.source, _short(one.asked), _short(one.answered)]
        for one in found.found
    ]  # fmt: skip
    return show(request, "search", title="Search", words=asked, rows=rows, behind=found is not None and found.behind)


@router.post("/data/search/catch-up")
def catch_up(request: Request, form: Form) -> Response:
    """Bring the index up to date, as every `selftune search` does first."""
    with acting_on(request) as project:
        unread = find_words(project, form.text("words") or "selftune", limit=1).unread
    told = "The search knows everything now." if not unread else f"A runner is at work: {unread:,} wait to be read."
    return done(request, "/data/search", told)


def _row(entry: Entry) -> list[Any]:
    at = (entry.happened_at or entry.saved_at)[:16].replace("T", " ")
    if entry.words is None:
        words: list[Any] = [tinted("erased", "unsure"), ""]
    elif not entry.words.readable:
        words = [tinted("damaged", "bad"), ""]
    else:
        words = [_short(entry.words.asked), _short(entry.words.answered)]
    state = "went on later" if entry.superseded else "" if entry.may_train else tinted("not learnt from", "unsure")
    name = linked(str(entry.sequence), f"/data/interactions/{entry.interaction_id}")
    return [name, at, shorten(entry.source, 26), *words, state]


def _short(text: str) -> str:
    return shorten(" ".join(text[: 4 * _ASKED].split()), _ASKED)


def _where(found: Interaction) -> str:
    consent = found.consent
    may = [word for word, given in (("keep", consent.keep), ("train", consent.train), ("send", consent.send)) if given]
    flags = f" Flags: {', '.join(found.flags)}." if found.flags else ""
    by = found.generated_by or "a model that nobody named"
    return f"From {found.source} {found.position}, answered by {by}; consent: {', '.join(may) or 'none'}.{flags}"


def _said(found: Interaction, judged: tuple[Judgement, ...]) -> Iterator[Section]:
    turns = tuple((f"{one.role} {one.persona or ''}".strip(), one.content) for one in found.messages)
    transcript = Transcript(name=found.conversation, note=found.happened_at or "", asked=turns, answers=())
    yield Section(title="What was said", parts=(transcript,))
    if found.feedback is not None:
        thumbs = {1: "thumbs up", -1: "thumbs down"}.get(found.feedback.thumbs or 0, "no thumbs")
        told = f"{thumbs}; asked again: {'yes' if found.feedback.retried else 'no'}"
        corrected = (("correction", found.feedback.correction),) if found.feedback.correction else ()
        heard = Transcript(name="A person", note=told, asked=corrected, answers=())
        yield Section(title="What a person thought of it", parts=(heard,))
    if judged:
        rows = tuple(row for one in judged for row in _verdict(one))
        table = Table(
            caption="Every verdict, oldest first", head=("judge", "criterion", "score", "reasoning"), rows=rows
        )
        yield Section(title="Verdicts", parts=(table,))


def _verdict(one: Judgement) -> Iterator[tuple[str, ...]]:
    told = "; ".join(filter(None, (one.reason or "", ", ".join(one.critical_failures), ", ".join(one.flags))))
    overall = figures.number(one.overall) if one.overall is not None else one.status.value
    yield (f"{one.judge.name} {one.judge.version}", "overall", overall, told)
    for criterion in one.criteria:
        yield ("", criterion.name, figures.number(criterion.score), criterion.reasoning)
