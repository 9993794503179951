"""`selftune doctor`: what this machine has, what the project holds, and how to mend what is wrong."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from selftune.app.endpoints import look_at_endpoints
from selftune.app.findings import Finding
from selftune.app.machine import look_at_ledger_clock, look_at_machine, look_at_ports, noted_processes
from selftune.errors import SelftuneError
from selftune.loop.fronting import DashboardSection, GatewaySection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Release

_NAMED: Final = 3
_LACKING: Final = "Nothing needs mending on a machine of your own; docs/sandbox.md says what it comes to."
_OLLAMA: Final = "ollama"
_VLLM: Final = "vllm"
_LLAMA_SERVER: Final = "llama_server"


def examine(folder: Path) -> list[Finding]:
    """Everything that can be told without changing anything; the project too, if the folder holds one."""
    from selftune.loop.config import CONFIG_FILE

    findings = [*look_at_machine(folder), *_packages(), *_sandbox()]
    if (folder / CONFIG_FILE).exists():
        findings += [*_ports(folder), *_project(folder)]
    else:
        findings += look_at_ports({"gateway": GatewaySection().port, "dashboard": DashboardSection().port})
        findings.append(Finding(level="note", what=f"no project in {folder}", mend="Run `selftune init` to make one."))
    return findings


def _ports(folder: Path) -> list[Finding]:
    from selftune.loop.config import load_config

    try:
        config = load_config(folder)
    except SelftuneError:
        return []  # said where the project is looked at
    ports = {"gateway": config.gateway.port, "dashboard": config.dashboard.port}
    return [*look_at_ports(ports, noted_processes(folder))]


def _packages() -> Iterator[Finding]:
    wanted = (("torch", "training", "train"), ("xllamacpp", "serving", "serve"), ("langgraph", "dialogues", "graph"))
    for package, what, extra in wanted:
        if find_spec(package) is None:
            mend = f"Run `pip install 'selftune[{extra}]'`."
            yield Finding(level="note", what=f"no {what}: {package} is missing", mend=mend)
        else:
            yield Finding(level="ok", what=f"{what}: {package} is installed")


def _sandbox() -> Iterator[Finding]:
    """Whether programs that nobody has read can be held, seen from inside and by trying to get out."""
    from selftune.toolforge.sandbox import find_sandbox
    from selftune.toolforge.sandbox.attempts import ATTEMPTS
    from selftune.toolforge.sandbox.attempts.battery import run_battery

    try:
        box = find_sandbox()
        battery = run_battery(box, ATTEMPTS)
    except SelftuneError as error:
        yield Finding(level="note", what=f"no tools can be forged: {error.message}", mend=error.next_step)
        return
    seen = box.posture
    if battery.got_out:
        yield Finding(
            level="bad",
            what=f"the sandbox ({seen.box}) lets through what {', '.join(battery.got_out)}",
            mend="Forge and call no tools on this machine; update bubblewrap and the kernel.",
        )
        return
    filtered = ", system calls filtered" if seen.filter_digest else ""
    held = f"none of {battery.tried} attempts got out"
    yield Finding(level="ok", what=f"sandbox: {seen.box}, Python {seen.python} inside{filtered}; {held}")
    for what in seen.lacking:
        yield Finding(level="note", what=f"sandbox: {what}", mend=_LACKING)
    if not seen.verified:
        yield Finding(
            level="note",
            what=f"NOT VERIFIED: {seen.box} was held against a stand-in only",
            mend="Install bubblewrap, or call no forged tools here.",
        )


def _project(folder: Path) -> Iterator[Finding]:
    from selftune.loop.project import open_project

    try:
        with open_project(folder) as project:
            yield Finding(level="ok", what=f"project {project.config.project.name!r} on base {project.base.name!r}")
            yield Finding(level="ok", what=f"records: {project.store.sqlite_note}")
            yield look_at_ledger_clock(project)
            yield _base(project.config.base.name)
            yield from look_at_endpoints(project)
            yield from _driver(project.config.serving.driver)
            yield from _release(project)
            yield _records(project)
            yield from _nights(project)
            yield check_ledger(folder)
    except SelftuneError as error:
        yield Finding(level="bad", what=error.message, mend=error.next_step)


def _base(name: str) -> Finding:
    """Whether the files of the base are the ones that were pinned; every byte of them is read."""
    from selftune.bases.registry import resolve_base

    try:
        base, folder = resolve_base(name)
    except SelftuneError as error:
        return Finding(level="bad", what=error.message, mend=error.next_step)
    return Finding(level="ok", what=f"the files of base {base.name!r} are the ones that were pinned: {folder}")


def _driver(name: str) -> Iterator[Finding]:
    """What serves, where it does not come with selftune: whether it is there, and what nobody has seen of it."""
    from selftune.plugins import load_plugin

    try:
        load_plugin("selftune.servers", name)
        if name == _OLLAMA:
            yield from _ollama()
        if name == _VLLM:
            yield from _vllm()
        if name == _LLAMA_SERVER:
            yield from _llama_server()
    except SelftuneError as error:
        yield Finding(level="bad", what=error.message, mend=error.next_step)


def _ollama() -> Iterator[Finding]:
    from selftune.serving.addresses import port_from
    from selftune.serving.ollama import PORT, VARIABLE, OllamaApi

    port = port_from(VARIABLE, PORT)
    yield Finding(level="ok", what=f"Ollama {OllamaApi(port).version()} answers on port {port}")
    yield Finding(
        level="note",
        what="NOT VERIFIED: the driver for Ollama was held against a stand-in over llama.cpp only",
        mend=f"Set {VARIABLE} and run tests/serving/test_ollama.py out of the sources: it meets yours.",
    )


def _vllm() -> Iterator[Finding]:
    from selftune.serving.addresses import port_from
    from selftune.serving.vllm import PORT, START, VARIABLE, VllmApi

    api = VllmApi(port_from(VARIABLE, PORT))
    version, base = api.version(), api.base()
    yield Finding(level="ok", what=f"vLLM {version} answers on port {api.port}, started on {base.name}")
    if api.takes_adapters():
        yield Finding(level="ok", what="it takes adapters while it runs")
    else:
        yield Finding(level="bad", what="this vLLM takes no adapters while it runs", mend=f"Start it so: {START}")
    yield Finding(
        level="note",
        what="NOT VERIFIED: the driver for vLLM was held against a stand-in over llama.cpp only",
        mend=f"Set {VARIABLE} and run tests/serving/test_vllm.py out of the sources: it meets yours.",
    )


def _llama_server() -> Iterator[Finding]:
    from selftune.serving.program import NAME, find_program, program_version

    program = find_program(NAME)
    yield Finding(level="ok", what=f"{program} is {program_version(program)}")
    yield Finding(
        level="note",
        what=f"NOT VERIFIED: {NAME} was held against llama.cpp's own parser and server out of the wheel only",
        mend="Run tests/serving out of the sources with yours on the PATH.",
    )


def _release(project: Project) -> Iterator[Finding]:
    from selftune.records import Release

    release = project.store.last(Release)
    if release is None:
        yield Finding(level="bad", what="nothing is in service", mend="Run `selftune init` again in the folder.")
        return
    yield _verified(project, release)
    if release.replaced is not None:
        yield _verified(project, project.store.record(release.replaced, Release))


def _verified(project: Project, release: Release) -> Finding:
    """Whether a release lies on disk as it was released: what serves, and what would serve in its place."""
    from selftune.app.verifying import verify_release

    try:
        faults = verify_release(project, release)
    except SelftuneError as error:
        return Finding(level="bad", what=error.message, mend=error.next_step)
    if faults:
        mend = f"Run `selftune rollback {release.version}`: it writes that version's manifest anew."
        return Finding(level="bad", what=f"the manifest of {release.version}: {'; '.join(faults)}", mend=mend)
    return Finding(level="ok", what=f"{release.version} is intact on disk, its manifest sealed")


def _records(project: Project) -> Finding:
    """Whether every record is the one that its id names; only what is read would tell."""
    damaged = list(project.store.damaged())
    if not damaged:
        return Finding(level="ok", what="every record is the one that its id names")
    named = ", ".join(damaged[:_NAMED])
    return Finding(
        level="bad",
        what=f"damaged records: {len(damaged)}, among them {named}",
        mend="Restore .selftune/store.db from a backup.",
    )


def _nights(project: Project) -> Iterator[Finding]:
    """Alarms of the nights; where none has begun yet and no timer is to begin one, there is nothing to say."""
    from selftune.loop.night.alarms import alarms, read_nights
    from selftune.loop.night.clock import SystemClock

    found = alarms(project, SystemClock().now())
    for alarm in found:
        yield Finding(level="bad", what=alarm.text, mend=alarm.next_step)
    nights = read_nights(project)
    if not found and (nights.begun or nights.timer is not None):
        yield Finding(level="ok", what="the nights come and end")


def check_ledger(folder: Path) -> Finding:
    """Whether the project's ledger verifies from its first entry to its last, as the verifier alone says it."""
    import subprocess

    from selftune.ledger.keys import read_public
    from selftune.ledger.verify import CHECKPOINTS
    from selftune.loop.project import HIDDEN

    # Here the key is known: it is this project's own, whether or not the one before it could vouch for it.
    signed = (folder / HIDDEN / "ledger" / CHECKPOINTS).exists()
    own = [word for key in read_public(folder / HIDDEN / "keys")[:1] if signed for word in ("--key", key)]
    outcome = subprocess.run(
        [sys.executable, "-m", "selftune.ledger.verify", str(folder), *own], capture_output=True, text=True, check=False
    )
    said = (outcome.stdout or outcome.stderr).strip().splitlines()
    first = said[0] if said else "the ledger could not be verified"
    mend = "" if outcome.returncode == 0 else "Compare with a checkpoint or a copy kept elsewhere."
    return Finding(level="ok" if outcome.returncode == 0 else "bad", what=first, mend=mend)
