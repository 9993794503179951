"""Which model a word on the command line means: a build of the project, or a name at an OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.judges.config import Judging
from selftune.judges.endpoint import appoint_endpoint
from selftune.judges.purse import Prices
from selftune.loop.releasing.service import serving_release
from selftune.records import Build, Release

if TYPE_CHECKING:
    from selftune.judges.endpoint import Endpoint
    from selftune.loop.config import BenchmarkModel
    from selftune.loop.project import Project

SECTION: Final = "benchmark"
CHAMPION: Final = "champion"
BASE: Final = "base"
_AT: Final = re.compile(r"(?P<model>.+?)@(?P<url>https?://.+)", re.IGNORECASE)
_BUILD: Final = f"{Build.KIND}:"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks for.

    Attributes:
        models: As they were typed; the others are compared with the first.
        suites: Names or files; none for the project's own.
        endpoint: Where models listen that are named without an address.
        items: Most items of each suite; 0 for all.
        at_once: Most conversations at a time with one model.
        api_key_env: Variable with the key of the endpoint on the command line.
        usd_per_million_input: Price there of a million tokens read; None where none is known.
        usd_per_million_output: The same of tokens written.
    """

    models: tuple[str, ...]
    suites: tuple[str, ...] = ()
    endpoint: str = ""
    items: int = 0
    at_once: int = 1
    api_key_env: str = ""
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None


@dataclass(frozen=True, kw_only=True)
class OwnBuild:
    """A build of the project: served by the project's driver, which proves what answers."""

    name: str
    build: Build


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A model behind somebody's endpoint, which proves nothing; `prices` is None where nobody named them."""

    name: str
    endpoint: Endpoint
    prices: Prices | None


Contender = OwnBuild | Hosted


def find_contenders(project: Project, asked: Asked) -> tuple[Contender, ...]:
    """The models that are meant, in the order in which they were named.

    Raises:
        UsageError: one is named twice, or one key would go to two hosts.
        UnknownNameError: a name means no model.
        ConfigError: an endpoint lies beyond this machine and [egress] does not allow it, a key is not set, or of two
            prices one is missing.
    """
    _refuse_one_key_for_two(asked)
    found = tuple(_contender(project, asked, typed) for typed in asked.models)
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice.", next_step="Name each model once.")
    return found


def _contender(project: Project, asked: Asked, typed: str) -> Contender:
    at = _AT.fullmatch(typed)
    if at is not None:
        return _on_the_line(project, asked, at["model"], at["url"], typed)
    build = _build(project, typed)
    if build is not None:
        return OwnBuild(name=typed, build=build)
    named = {one.name: one for one in project.config.benchmark.models}
    if typed in named:
        return _from_config(project, named[typed])
    if asked.endpoint:
        return _on_the_line(project, asked, typed, asked.endpoint, typed)
    versions = [release.version for _, release in project.store.each(Release)]
    raise UnknownNameError("model", typed, [CHAMPION, BASE, *versions, *named, f"{typed}@http://127.0.0.1:11434/v1"])


def _build(project: Project, typed: str) -> Build | None:
    """The project's build of this name; None where it names none."""
    if typed.startswith(_BUILD):
        record = project.store.any_record(typed)
        return record if isinstance(record, Build) else None
    releases = [release for _, release in project.store.each(Release)]
    if typed == CHAMPION:
        release = serving_release(project)
    elif typed == BASE and releases:
        release = releases[0]
    else:
        found = next((one for one in releases if one.version == typed), None)
        if found is None:
            return None
        release = found
    return project.store.record(release.build_id, Build)


def _on_the_line(project: Project, asked: Asked, model: str, url: str, name: str) -> Hosted:
    prices = _prices(asked.usd_per_million_input, asked.usd_per_million_output)
    return Hosted(name=name, endpoint=_endpoint(project, model, url, asked.api_key_env), prices=prices)


def _from_config(project: Project, named: BenchmarkModel) -> Hosted:
    prices = _prices(named.usd_per_million_input, named.usd_per_million_output)
    endpoint = _endpoint(project, named.model or named.name, named.endpoint, named.api_key_env)
    return Hosted(name=named.name, endpoint=endpoint, prices=prices)


def _endpoint(project: Project, model: str, url: str, api_key_env: str) -> Endpoint:
    named = Judging(
        name=model,
        endpoint=url,
        model=model,
        api_key_env=api_key_env or None,
        egress=project.config.egress.allow,
        timeout_seconds=project.config.benchmark.timeout_seconds,
    )
    return appoint_endpoint(named, SECTION)


def _prices(prompt: float | None, completion: float | None) -> Prices | None:
    if prompt is None and completion is None:
        return None
    if prompt is None or completion is None:
        raise ConfigError(
            f"[{SECTION}] of two prices one is missing.",
            next_step="Give both, usd_per_million_input and usd_per_million_output; what costs nothing is 0.",
        )
    return Prices(prompt=prompt, completion=completion)


def _refuse_one_key_for_two(asked: Asked) -> None:
    """A key is a secret between its owner and one host."""
    urls = [at["url"] for at in map(_AT.fullmatch, asked.models) if at is not None]
    hosts = {urlsplit(url).netloc for url in (*urls, asked.endpoint) if url}
    if asked.api_key_env and len(hosts) > 1:
        raise UsageError(
            f"the key in {asked.api_key_env} would go to {len(hosts)} servers.",
            next_step="Name each model with its own api_key_env as [[benchmark.models]] in selftune.toml.",
        )
