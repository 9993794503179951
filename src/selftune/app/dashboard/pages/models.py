"""Models: which generations served, in which form, what serves now; and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.reading import acting_on, project_of
from selftune.app.dashboard.rendering import show, show_page
from selftune.app.dashboard.trials import GUARD_HEAD, trial_under_way
from selftune.app.projects import choose_earlier, roll_back
from selftune.app.reporting.naming import page_of_card
from selftune.app.reporting.pages import figures
from selftune.app.trial_page import describe_trial
from selftune.errors import UsageError
from selftune.loop.canary.ending import stop_trial
from selftune.loop.releasing.service import make_target, serving_release
from selftune.records import Build, LiveTrial, Release
from selftune.release.live import LiveServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.project import Project
    from selftune.release.live import LiveStatus

router = APIRouter()


@router.get("/models")
def models(request: Request) -> Response:
    """Every release and every build."""
    project = project_of(request)
    releases, tried = [release for _, release in project.store.each(Release)], project.store.last(LiveTrial)
    live = LiveServer(make_target(project)).status()
    builds = {build.id: build for _, build in project.store.each(Build)}
    return show(
        request,
        "models",
        title="Models",
        live=live,
        newest=releases[-1] if releases else None,
        releases=list(_releases(project, releases, builds, live)),
        builds=list(_builds(project, builds, releases)),
        trial=trial_under_way(project),
        guard_head=GUARD_HEAD,
        tried=() if tried is None else tuple(describe_trial(tried)),
    )


@router.post("/models/trial/stop")
def end_trial(request: Request) -> Response:
    """Do as `selftune canary stop` does."""
    with acting_on(request) as project:
        kept = stop_trial(project)
    return done(request, "/models", "The champion answers everybody.", f"On record: {kept.id}")


@router.get("/models/card")
def card(request: Request, name: str) -> Response:
    """The card of a model, as `selftune report card`."""
    return show_page(request, page_of_card(project_of(request), name))


@router.get("/models/rollback")
def ask(request: Request, to: str = "") -> Response:
    """What going back would do, and the button."""
    project = project_of(request)
    current = serving_release(project)
    earlier = choose_earlier(project, current, to or None)
    build = project.store.record(earlier.build_id, Build)
    return show(request, "rollback", title="Go back", current=current, earlier=earlier, build=build)


@router.post("/models/rollback")
def go_back(request: Request, form: Form) -> Response:
    """Do as `selftune rollback` does, where the release serves still that was to be left."""
    version, reason = form.needed("to", "The version"), form.text("reason") or "rolled back by hand"
    with acting_on(request) as project:
        if serving_release(project).version != form.text("from"):
            raise UsageError(
                "another release serves by now, and nothing was changed.",
                next_step="Look at the page Models as it stands, and choose again.",
            )
        release = roll_back(project, to=version, reason=reason)
    return done(request, "/models", f"{release.version} serves (generation {release.generation}).")


def _releases(
    project: Project, releases: Sequence[Release], builds: dict[str, Build], live: LiveStatus | None
) -> Iterator[list[Any]]:
    """Newest first; what serves by the server's own word is marked."""
    serves = None if live is None or live.resting else live.version
    for place, one in enumerate(reversed(releases)):
        build = builds.get(one.build_id)
        form = "not on record" if build is None else f"{build.form.value} {build.quantisation}"
        state = _state(one, serves=one.version == serves, newest=not place)
        reason = one.reason if one.decision_id is None else linked(one.reason, f"/decisions/{one.decision_id}")
        card = linked(one.version, "/models/card", name=one.version)
        kept = project.store.saved_at(one.id)[:16].replace("T", " ")
        size = "" if build is None else figures.size(build.size_bytes)
        yield [card, state, figure(str(one.generation)), kept, form, figure(size), reason]


def _state(one: Release, *, serves: bool, newest: bool) -> Any:
    if newest:
        return tinted("serves now", "good") if serves else "in service"
    # What answers in the place of a newer one that fell can be put into service for good.
    return linked("serves now; go back to it" if serves else "go back to it", "/models/rollback", to=one.version)


def _builds(project: Project, builds: dict[str, Build], releases: Sequence[Release]) -> Iterator[list[Any]]:
    served = {release.build_id: release.version for release in releases}
    for build in reversed(builds.values()):
        prompt = "yes" if build.prompt is not None else "no"
        made = project.store.saved_at(build.id)[:16].replace("T", " ")
        sealed = "yes" if build.manifest_signature else "no"
        name = linked(build.id[6:18], "/models/card", name=build.id)
        form, size = f"{build.form.value} {build.quantisation}", figure(figures.size(build.size_bytes))
        yield [name, build.origin.value, form, size, prompt, sealed, made, served.get(build.id, "")]
