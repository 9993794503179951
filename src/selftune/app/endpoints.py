"""Whether the endpoints that a project names answer: its judges and its teacher. Nothing anybody said is sent there."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from selftune.app.findings import Finding
from selftune.errors import SelftuneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.judges.config import Judging
    from selftune.judges.endpoint import Endpoint
    from selftune.loop.project import Project

_SECONDS: Final = 5.0
_MOST_MODELS: Final = 2_000_000


def look_at_endpoints(project: Project) -> Iterator[Finding]:
    """Each endpoint under [judge], its members, [gate_judge] and [teacher]: asked for the list of its models."""
    from selftune.judges.endpoint import appoint_endpoint

    for section, judging in _named(project):
        try:
            endpoint = appoint_endpoint(judging, section)
        except SelftuneError as error:
            yield Finding(level="bad", what=error.message, mend=error.next_step)
        else:
            yield _ask(section, endpoint)


def _named(project: Project) -> Iterator[tuple[str, Judging]]:
    from selftune.loop.configured import make_judging
    from selftune.loop.measuring.grading import gate_judging

    judging = make_judging(project)
    if judging.endpoint:
        yield "judge", judging
    for member in judging.members:
        if member.endpoint:
            told = replace(judging, endpoint=member.endpoint, model=member.model, api_key_env=member.api_key_env)
            yield f"judge.members: {member.name}", told
    at_gate = gate_judging(project)
    if at_gate is not None and at_gate.endpoint:
        yield "gate_judge", at_gate
    teacher = project.config.teacher
    if teacher.endpoint:
        key = teacher.api_key_env or None
        yield "teacher", replace(judging, endpoint=teacher.endpoint, model=teacher.model or None, api_key_env=key)


def _ask(section: str, endpoint: Endpoint) -> Finding:
    import asyncio

    import aiohttp

    told = f"[{section}] {endpoint.url}"
    try:
        status, models = asyncio.run(_models_of(endpoint))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        mend = f"Start what should answer there, or correct [{section}] endpoint in selftune.toml."
        return Finding(level="bad", what=f"{told} does not answer ({type(error).__name__})", mend=mend)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        mend = "Check the key in the environment variable that api_key_env names."
        return Finding(level="bad", what=f"{told} refuses the key ({status})", mend=mend)
    if models and endpoint.model not in models:
        mend = f"Load it there, or name another under [{section}] model: {', '.join(sorted(models)[:5])}."
        return Finding(level="bad", what=f"{told} answers and has no model {endpoint.model!r}", mend=mend)
    listed = f"has {endpoint.model!r}" if models else f"lists no models ({status})"
    mend = "" if models else f"Look there by hand whether it has {endpoint.model!r}: nobody else can tell."
    return Finding(level="ok" if models else "note", what=f"{told} answers and {listed}", mend=mend)


async def _models_of(endpoint: Endpoint) -> tuple[int, set[str]]:
    """The status of the answer, and the names of the models in it; none where it lists none."""
    import json

    from selftune.judges.endpoint import connect

    async with (
        connect(endpoint, at_once=1, timeout_seconds=_SECONDS) as session,
        session.get(f"{endpoint.url}/models", allow_redirects=False) as response,
    ):
        if response.status != HTTPStatus.OK:
            return response.status, set()
        told: Any = json.loads(await response.content.read(_MOST_MODELS))
    rows = told.get("data", []) if isinstance(told, dict) else []
    return response.status, {str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row}
