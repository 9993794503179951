"""Generation 0: the base, built and put into service, so that there is a champion to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.builds.config import BuildConfig
from selftune.builds.stage import build
from selftune.loop.releasing.service import make_target
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Release
from selftune.release.base import Promotion
from selftune.release.stage import release

if TYPE_CHECKING:
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project


def put_base_into_service(project: Project, observer: Observer) -> Release:
    """The release of the base; the one that is there already if there is one."""
    with hold_lease(project):
        serving = project.store.last(Release)
        if serving is not None:
            return serving
        project.check_base_files()
        if project.store.count(type(project.base)) == 0:
            project.store.save([project.base], event="base pinned")
        step = make_executor(project, observer)
        config = project.config.build
        form = BuildConfig(form="base", quantisation=config.quantisation, prompting=config.prompting)
        base = step(build, project.base, form)
        promotion = Promotion(
            build=base,
            decision=None,
            generation=0,
            replaced=None,
            approvals=(),
            reason="the base, before any training",
        )
        return step(release, promotion, make_target(project))
