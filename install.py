"""Install selftune into a virtual environment of its own, then say what to type next.

    python install.py [--dev] [--extras train,serve] [--venv .venv] [--dry-run] [--check]

Standard library only. It looks at the machine before it touches the disk, and prints the fix for whatever is missing.
The one decision in here is which PyTorch to install: on Linux the same requirement means a 200 MB processor build from
one index and 3 GB of CUDA from another, so pip is asked first (`--dry-run --report`); `choose_torch` reads its answer.
Everything below must parse on Python 3.7, so that an old interpreter gets a sentence and not a stack trace.
"""

from __future__ import annotations  # selftune needs Python 3.11, 3.12 or 3.13: run this file again with one of them

import argparse
import ast
import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent
PYTHONS = ((3, 11), (3, 12), (3, 13))
TORCH = "torch==2.13.0"  # repeated in constraints.txt; a test keeps the two equal
UV = "uv==0.13.9"  # a tool of the installation alone: nothing of selftune asks for it
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DEFAULT_EXTRAS = ("train", "serve", "graph")
KNOWN_EXTRAS = ("train", "serve", "graph", "lance", "inspect", "postgres", "notify", "otel", "dev")
# The tests need what a user may do without.
DEV_EXTRAS = ("lance", "inspect", "postgres", "notify", "otel", "dev")
GIGABYTE = 1_000_000_000
# Measured on Linux with the processor build of PyTorch, pip's downloads while they are unpacked included.
NEEDED_BYTES = {
    "core": 0.4 * GIGABYTE,
    "train": 2.2 * GIGABYTE,
    "serve": 0.2 * GIGABYTE,
    "graph": 0.1 * GIGABYTE,
    "lance": 0.4 * GIGABYTE,
    "inspect": 0.3 * GIGABYTE,
    "postgres": 0.1 * GIGABYTE,
    "notify": 0.1 * GIGABYTE,
    "otel": 0.1 * GIGABYTE,
    "dev": 0.3 * GIGABYTE,
}
X86 = frozenset({"x86_64", "amd64"})
ARM = frozenset({"arm64", "aarch64"})

# uv reads none of pip's settings (decisions/0112): these it is told as options, these as variables of its environment,
# and these change nothing about what is installed. With any other setting pip does the work itself.
UV_OPTIONS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}
UV_VARIABLES = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
PIP_ALONE = frozenset(
    (
        *("disable-pip-version-check", "user", "require-virtualenv", "progress-bar", "quiet", "verbose", "no-color"),
        *(
            "no-input",
            "root-user-action",
            "no-python-version-warning",
            "no-warn-script-location",
            "retries",
            "cache-dir",
        ),
    )
)

# What pip says when it fails, and what helps.
FIXES = (
    ("No space left on device", "Free some disk space, then run this again: what was downloaded is kept."),
    ("CERTIFICATE_VERIFY_FAILED", "Name your network's certificate: PIP_CERT=/path/to/ca.pem python install.py"),
    ("connection broken", "Check the network; behind a mirror, set PIP_INDEX_URL, and TORCH_INDEX for PyTorch."),
    ("No matching distribution", "The package index lacks it: see PIP_INDEX_URL, and TORCH_INDEX for PyTorch."),
)


@dataclass(frozen=True)
class Problem:
    """Something that is missing, and what to type about it."""

    what: str
    fix: str


class RefusedError(Exception):
    """The installation cannot go on; nothing half-done is left in use."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True)
class Machine:
    """What this installer needs to know about where it runs.

    Attributes:
        has_avx2: None where the processor's flags could not be read, and on processors that are not x86.
        glibc: False on a Linux with another C library, for which no wheels are published.
    """

    system: str
    architecture: str
    python: str
    has_avx2: bool | None
    has_nvidia: bool
    has_venv: bool
    glibc: bool
    free_bytes: int


@dataclass(frozen=True)
class TorchChoice:
    """Where PyTorch comes from: an index of its own, or None for whatever pip is configured with."""

    index: str | None
    why: str


@dataclass(frozen=True)
class Tool:
    """What puts packages into the environment: pip, or uv with what pip was told.

    Attributes:
        command: How it begins, up to its word for installing.
        words: Options that follow that word.
        environment: What it finds in its environment beside ours.
    """

    command: tuple[str, ...]
    words: tuple[str, ...]
    environment: Mapping[str, str]

    def install(self, *arguments: str) -> list[str]:
        """The command that installs; an index among the arguments stands for the configured one, as with pip."""
        words = list(self.words)
        if "--index-url" in arguments and "--default-index" in words:
            place = words.index("--default-index")
            del words[place : place + 2]
        return [*self.command, "install", *words, *arguments]


# --- what the machine can do -----------------------------------------------------------------------------------------


def python_problem(version: tuple[int, ...], find: Callable[[str], str | None] = shutil.which) -> Problem | None:
    """What is wrong with this interpreter, naming a better one that is already installed."""
    if version[:2] in PYTHONS:
        return None
    what = f"This is Python {version[0]}.{version[1]}; selftune runs on 3.11, 3.12 and 3.13."
    for major, minor in PYTHONS:
        name = f"python{major}.{minor}"
        if find(name):
            return Problem(what, f"Run: {name} install.py")
    return Problem(what, "Install one (python.org, or the package python3.12), then run: python3.12 install.py")


def look_at_machine(venv: Path) -> Machine:
    """The machine as it is now; reads files and asks the system, changes nothing."""
    return Machine(
        system=platform.system(),
        architecture=platform.machine().lower(),
        python=platform.python_version(),
        has_avx2=read_avx2(platform.system(), platform.machine().lower()),
        has_nvidia=has_nvidia_device(),
        has_venv=all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
        glibc=platform.system() != "Linux" or platform.libc_ver()[0] == "glibc",
        free_bytes=shutil.disk_usage(nearest_folder(venv)).free,
    )


def nearest_folder(path: Path) -> Path:
    """The folder itself or its first parent that exists."""
    return next(folder for folder in (path, *path.resolve().parents) if folder.is_dir())


def read_avx2(system: str, architecture: str) -> bool | None:
    """Whether an x86 processor has AVX2; None where nobody can say."""
    if architecture not in X86:
        return None
    if system == "Linux" and Path("/proc/cpuinfo").is_file():
        return avx2_in_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    if system == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.leaf7_features"]
        flags = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return "AVX2" in flags.split() if flags.strip() else None
    if sys.platform == "win32":
        avx2_feature = 40  # PF_AVX2_INSTRUCTIONS_AVAILABLE in winnt.h
        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(avx2_feature))
    return None


def avx2_in_cpuinfo(text: str) -> bool | None:
    """Whether the `flags` line of /proc/cpuinfo names avx2; None when there is no such line."""
    flags = re.search(r"^flags\s*:(.*)$", text, flags=re.MULTILINE)
    return "avx2" in flags.group(1).split() if flags else None


def has_nvidia_device() -> bool:
    """Whether an NVIDIA driver is loaded here, Windows' own included when this is its Linux."""
    traces = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/nvidia-smi")
    return any(Path(trace).exists() for trace in traces) or shutil.which("nvidia-smi") is not None


def refused_extras(machine: Machine) -> dict[str, Problem]:
    """The extras that cannot work on this machine, each with its reason."""
    refused = {}
    if machine.system == "Darwin" and machine.architecture in X86:
        refused["train"] = Problem(
            "training is refused on an Intel Mac: PyTorch has published nothing for it since 2.2.",
            "Import, judge and decide here; train on an Apple-silicon Mac, Linux or Windows.",
        )
    if machine.architecture not in X86 | ARM:
        for extra in DEFAULT_EXTRAS:
            refused[extra] = Problem(
                f"{extra} is refused on {machine.architecture}: no wheels.", "Use x86-64 or ARM64."
            )
    if not machine.glibc:
        for extra in DEFAULT_EXTRAS:
            refused[extra] = Problem(f"{extra} is refused on this C library: no wheels.", "Use a Linux with glibc.")
    if machine.has_avx2 is False:
        refused["serve"] = Problem(
            "serving is refused on this processor: the llama.cpp wheel needs AVX2, and the CPU flags lack it.",
            "Serve on a processor with AVX2 (Intel since 2013, AMD since 2015).",
        )
    return refused


def notes_about(machine: Machine) -> list[str]:
    """What works here in another way than elsewhere."""
    notes = []
    if machine.system == "Linux" and machine.architecture in ARM:
        notes.append("ARM Linux: pysqlite3 has no wheel, so Python's own SQLite is used, in safe mode if it is old.")
    if machine.architecture in X86 and machine.has_avx2 is None:
        notes.append("The processor's flags could not be read: serving needs AVX2.")
    return notes


def machine_problems(machine: Machine, extras: Iterable[str]) -> list[Problem]:
    """What stops an installation with these extras."""
    problems = []
    if not machine.has_venv:
        package = "python{}.{}-venv".format(*machine.python.split("."))
        problems.append(
            Problem(
                "This Python cannot make virtual environments (no venv or ensurepip module).",
                f"On Debian and Ubuntu: sudo apt-get install {package}",
            )
        )
    needed = sum(NEEDED_BYTES[extra] for extra in ("core", *extras))
    if machine.free_bytes < needed:
        problems.append(
            Problem(
                f"Too little disk: {machine.free_bytes / GIGABYTE:.1f} GB free, {needed / GIGABYTE:.1f} GB needed.",
                "Free some, or put the environment elsewhere: python install.py --venv /other/disk/venv",
            )
        )
    return problems


def choose_extras(asked: Sequence[str] | None, refused: Mapping[str, Problem], *, dev: bool) -> tuple[str, ...]:
    """The extras to install: those asked for, or all that this machine can use.

    Raises:
        RefusedError: one that was asked for by name cannot work here.
    """
    for extra in asked or ():
        if extra in refused:
            raise RefusedError(refused[extra])
    chosen = [extra for extra in DEFAULT_EXTRAS if extra not in refused] if asked is None else list(asked)
    return tuple(extra for extra in KNOWN_EXTRAS if extra in chosen or (dev and extra in DEV_EXTRAS))


# --- which PyTorch ---------------------------------------------------------------------------------------------------


def choose_torch(report: Mapping[str, Any], *, has_nvidia: bool) -> TorchChoice:
    """PyTorch's own processor index when pip would bring CUDA to a machine without an NVIDIA device.

    Args:
        report: What `pip install --dry-run --report` wrote, version 1 of its format.
        has_nvidia: Whether an NVIDIA driver is loaded.
    """
    names = [str(item["metadata"]["name"]).lower().replace("_", "-") for item in report["install"]]
    cuda = [name for name in names if name.startswith("nvidia-")]
    if not cuda:
        return TorchChoice(None, "your package index offers a build without CUDA")
    if has_nvidia:
        return TorchChoice(None, f"with {len(cuda)} CUDA packages, for the NVIDIA device")
    return TorchChoice(TORCH_CPU_INDEX, f"the processor build: no NVIDIA device for {len(cuda)} CUDA packages")


def resolve_torch(venv: Path, report: Path, index: str | None) -> list[str]:
    """The command that asks pip what the PyTorch requirement would bring, installing nothing."""
    source = ["--no-deps", "--index-url", index] if index else []
    return pip(venv, "install", "--dry-run", "--ignore-installed", "--report", str(report), *source, TORCH)


def install_torch(tool: Tool, choice: TorchChoice) -> list[str]:
    """The command that installs PyTorch first, alone and exact; the rest of its needs come with selftune's."""
    # --index-url and not --extra-index-url: if that index can't be reached, fail; don't fetch 3 GB from the other one.
    source = ["--no-deps", "--index-url", choice.index] if choice.index else ["-c", str(ROOT / "constraints.txt")]
    return tool.install(*source, TORCH)


def install_selftune(tool: Tool, extras: Sequence[str], choice: TorchChoice) -> list[str]:
    """The command that installs this checkout and everything it needs, at the pinned versions."""
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    # Some builds (ROCm) need packages that only their own index has.
    more = ["--extra-index-url", choice.index] if choice.index and choice.index != TORCH_CPU_INDEX else []
    return tool.install("-c", str(ROOT / "constraints.txt"), *more, "-e", target)


def compile_sources(venv: Path) -> list[str]:
    """The command that compiles this checkout: pip compiles what it copies, and this it leaves where it lies."""
    return [str(program(venv, "python")), "-m", "compileall", "-q", str(ROOT / "src")]


# --- what installs ---------------------------------------------------------------------------------------------------


def pip_itself(venv: Path) -> Tool:
    """pip, as the user has set it up."""
    return Tool(tuple(pip(venv)), (), {})


def uv_as_told(venv: Path, settings: Mapping[str, str]) -> Tool:
    """uv, from pip's indexes and by pip's rule that the best version of them all is taken.

    Raises:
        RefusedError: pip is set up in a way that uv can't be told.
    """
    unknown = sorted(set(settings) - set(UV_OPTIONS) - set(UV_VARIABLES) - PIP_ALONE)
    if unknown:
        raise RefusedError(Problem(f"pip has a setting that uv does not know: {unknown[0]}.", "pip does it itself."))
    words = ["--python", str(program(venv, "python")), "--compile-bytecode", "--index-strategy", "unsafe-best-match"]
    for name, option in UV_OPTIONS.items():
        for value in settings.get(name, "").split():
            words += [option, value]
    told = {variable: settings[name] for name, variable in UV_VARIABLES.items() if name in settings}
    return Tool((str(program(venv, "uv")), "pip"), tuple(words), told)


def read_pip_settings(text: str) -> dict[str, str]:
    """What `pip config list` printed; a variable of the environment beats a command's section, and that `global`."""
    found: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for line in text.splitlines():
            name, sign, value = line.partition("=")
            if sign and name.startswith(f"{section}."):
                found[name[len(section) + 1 :]] = str(ast.literal_eval(value))
    return found


def find_tool(venv: Path, steps: Steps) -> Tool:
    """uv, put into the environment by pip; pip where this machine has no uv, or uv can't be told what pip was told."""
    listed = "" if steps.dry_run else read_lines(pip(venv, "config", "list"))
    done = steps.done
    try:
        tool = uv_as_told(venv, read_pip_settings(listed))
        # --only-binary: where no uv was built for this machine, none is built here.
        steps.run(UV.replace("==", " "), pip_itself(venv).install("--only-binary", ":all:", UV))
    except RefusedError as refusal:
        steps.done = done + 1
        say(f"        without uv, which is faster: {last_line(refusal)}")
        return pip_itself(venv)
    return tool


def fill(venv: Path, title: str, steps: Steps, tool: Tool, command: Callable[[Tool], list[str]]) -> None:
    """Install one thing by this tool; by pip after all where uv fails.

    Raises:
        RefusedError: pip failed too.
    """
    try:
        steps.run(title, command(tool), tool.environment)
    except RefusedError as refusal:
        if tool == pip_itself(venv):
            raise
        say(f"        uv failed, so pip does it: {last_line(refusal)}")
        steps.done -= 1
        steps.run(title, command(pip_itself(venv)))


def last_line(refusal: RefusedError) -> str:
    """The end of what a command said."""
    return refusal.problem.what.splitlines()[-1].strip(" |")


def read_lines(command: Sequence[str]) -> str:
    """What a command printed, empty if it failed."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, errors="replace", check=False).stdout


# --- the environment -------------------------------------------------------------------------------------------------


def program(venv: Path, name: str) -> Path:
    """Where a program of the environment lies, on Windows too."""
    return venv / "Scripts" / f"{name}.exe" if os.name == "nt" else venv / "bin" / name


def pip(venv: Path, *arguments: str) -> list[str]:
    """A pip command of the environment; mirrors and certificates stay as the user configured them."""
    return [str(program(venv, "python")), "-m", "pip", "--disable-pip-version-check", *arguments]


def make_venv(venv: Path, python: str) -> list[str]:
    """The command that makes the environment; one of another Python version is replaced, anything else is not touched.

    Raises:
        RefusedError: the folder holds something that is no virtual environment.
    """
    settings = venv / "pyvenv.cfg"
    if not settings.is_file():
        if venv.exists() and any(venv.iterdir()):
            what = f"{venv} is not empty and no virtual environment."
            raise RefusedError(Problem(what, "Choose another folder: python install.py --venv FOLDER"))
        return [sys.executable, "-m", "venv", str(venv)]
    same = f"version = {python}" in settings.read_text(encoding="utf-8").splitlines()
    return [sys.executable, "-m", "venv", *([] if same else ["--clear"]), str(venv)]


def stamp_of(extras: Iterable[str], python: str) -> dict[str, Any]:
    """What an environment was made from; equal stamps mean that there is nothing to do."""
    content = b"\0".join((ROOT / name).read_bytes() for name in ("constraints.txt", "pyproject.toml", "install.py"))
    digest = hashlib.sha256(content).hexdigest()
    return {"digest": digest, "extras": sorted(extras), "python": python, "checkout": str(ROOT)}


def read_stamp(venv: Path) -> dict[str, Any] | None:
    """The stamp that the last finished installation left, or None."""
    path = venv / "selftune-install.json"
    if not path.is_file() or not program(venv, "python").exists():
        return None
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list) else None


def is_current(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether an environment with the stamp `found` holds all that `wanted` asks for."""
    if found is None or not set(wanted["extras"]) <= set(found["extras"]):
        return False
    return all(found.get(key) == wanted[key] for key in ("digest", "python", "checkout"))


def write_stamp(venv: Path, stamp: Mapping[str, Any]) -> None:
    """Leave the stamp; the last thing that an installation does."""
    fresh = venv / "selftune-install.json.new"
    fresh.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    fresh.replace(venv / "selftune-install.json")


# --- doing it --------------------------------------------------------------------------------------------------------


class Steps:
    """Runs commands one after the other and tells the user, each with its seconds.

    What they print goes to a log in the environment; on a terminal their last line is shown while they work.
    """

    def __init__(self, log: Path, count: int, *, dry_run: bool) -> None:
        self.log = log
        self.count = count
        self.done = 0
        self.dry_run = dry_run

    def run(self, title: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Run one command, with more in its environment, or print it on a dry run.

        Raises:
            RefusedError: it failed; the problem ends with the log's last lines and names what helps.
        """
        self.done += 1
        head = f"  [{self.done}/{self.count}] {title} "
        if self.dry_run:
            say(head + "\n        " + " ".join(without_password(word) for word in command))
            return
        began = time.monotonic()
        code, lines = follow(command, lambda line: show(head + line), environment or {})
        show("")
        if self.log.parent.is_dir():
            with self.log.open("a", encoding="utf-8") as log:
                log.writelines([f"{head}\n", *lines])
        if code:
            raise RefusedError(explain(lines, title, self.log))
        say(f"{head.ljust(48, '.')} {time.monotonic() - began:6.1f} s")


def follow(command: Sequence[str], each: Callable[[str], None], more: Mapping[str, str]) -> tuple[int, list[str]]:
    """A command's exit code and the lines it printed, which `each` saw as they came."""
    lines = []
    # A user-wide `user = true` in pip's settings would lead out of the environment.
    environment = {**os.environ, "PIP_USER": "0", **more}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            each(line.strip())
    return process.returncode, lines


def show(text: str) -> None:
    """Write over the current line of a terminal; elsewhere nothing."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text[:100]}", end="", flush=True)


def explain(lines: Sequence[str], title: str, log: Path) -> Problem:
    """What a failed command said, and the first of the known fixes that fits."""
    text = "".join(lines)
    fix = next((fix for sign, fix in FIXES if sign.lower() in text.lower()), f"The whole story is in {log}.")
    tail = "".join(f"    | {line.rstrip()}\n" for line in lines[-12:])
    return Problem(f"The step '{title}' failed:\n{tail.rstrip()}", fix)


def without_password(url: str) -> str:
    """A URL as it may be shown: without user and password."""
    parts = urlsplit(url)
    return url.replace(parts.netloc, parts.netloc.rpartition("@")[2]) if "@" in parts.netloc else url


def install(venv: Path, extras: Sequence[str], machine: Machine, *, dry_run: bool) -> None:
    """Make the environment and fill it; a second call goes on where the first was interrupted.

    Raises:
        RefusedError: a step failed.
    """
    wants_torch = "train" in extras
    steps = Steps(venv / "install.log", 6 if wants_torch else 4, dry_run=dry_run)
    steps.run(f"environment {venv.name}", make_venv(venv, machine.python))
    tool = find_tool(venv, steps)
    choice = TorchChoice(None, "no PyTorch")
    if wants_torch:
        choice = find_torch(venv, machine, steps)
        fill(venv, TORCH.replace("==", " "), steps, tool, lambda by: install_torch(by, choice))
    title = "selftune" + (f" [{','.join(extras)}]" if extras else "")
    fill(venv, title, steps, tool, lambda by: install_selftune(by, extras, choice))
    steps.run("compiled, so that commands start at once", compile_sources(venv))
    if not dry_run:
        write_stamp(venv, stamp_of(extras, machine.python))


def find_torch(venv: Path, machine: Machine, steps: Steps) -> TorchChoice:
    """Where PyTorch comes from: TORCH_INDEX if it is set, else what pip's dry run shows to be best."""
    override = os.environ.get("TORCH_INDEX")
    report = venv / "torch-report.json"
    steps.run("which PyTorch", resolve_torch(venv, report, override))
    if override:
        choice = TorchChoice(override, f"from TORCH_INDEX, {without_password(override)}")
    elif steps.dry_run:
        choice = TorchChoice(None, "as pip's answer suggests; shown here without an index of its own")
    else:
        choice = choose_torch(json.loads(report.read_text(encoding="utf-8")), has_nvidia=machine.has_nvidia)
    say(f"        PyTorch: {choice.why}")
    return choice


def say(text: str) -> None:
    """One line to the user, at once."""
    print(text, flush=True)


def describe(machine: Machine) -> str:
    """The machine in one line."""
    avx2 = {True: ", AVX2", False: ", no AVX2", None: ""}[machine.has_avx2]
    device = "an NVIDIA device" if machine.has_nvidia else "no NVIDIA device"
    free = machine.free_bytes / GIGABYTE
    return f"Python {machine.python}, {machine.system} {machine.architecture}{avx2}, {device}, {free:.0f} GB free"


def next_words(venv: Path, extras: Sequence[str]) -> str:
    """What to type next, with the path that works from here."""
    verb = "demo" if {"train", "serve"} <= set(extras) else "--help"
    return f"Next:\n    {nearest_name(program(venv, 'selftune'))} {verb}"


def nearest_name(path: Path) -> str:
    """The path as seen from here, where that is below; else the whole path."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Install selftune into a virtual environment of its own.")
    parser.add_argument("--dev", action="store_true", help="add what the tests, the checks and the docs need")
    parser.add_argument("--extras", help="train, serve, all or none (default: all that this machine can use)")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where to make it (default: .venv, here)")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    parser.add_argument("--check", action="store_true", help="look at the machine, install nothing")
    options = parser.parse_args(arguments)
    if options.extras is not None:
        names = options.extras.replace("all", "train,serve").replace("none", "").split(",")
        options.extras = [name.strip() for name in names if name.strip()]
        unknown = [name for name in options.extras if name not in KNOWN_EXTRAS]
        if unknown:
            parser.error(f"unknown extra {unknown[0]!r}: choose from {', '.join(KNOWN_EXTRAS)}, all, none")
    return options


def run(options: argparse.Namespace) -> None:
    """Look, refuse or install, and say what comes next.

    Raises:
        RefusedError: the machine lacks something, or a step failed.
    """
    began = time.monotonic()
    venv = Path(os.path.abspath(options.venv))  # noqa: PTH100 - a linked folder stays the folder that was named
    machine = look_at_machine(venv)
    refused = refused_extras(machine)
    extras = choose_extras(options.extras, refused, dev=options.dev)
    found = read_stamp(venv)
    if is_current(found, stamp_of(extras, machine.python)) and not options.check:
        say(f"selftune is installed in {nearest_name(venv)}: nothing to do.")
        return
    say(describe(machine))
    for problem in refused.values():
        say(f"  {problem.what} {problem.fix}")
    for note in notes_about(machine):
        say(f"  {note}")
    problems = machine_problems(machine, extras)
    if problems:
        raise RefusedError(problems[0])
    if options.check:
        say(f"This machine can install: {', '.join(('core', *extras))}.")
        return
    # What an earlier call installed stays installed: `make test` after `make demo` adds to it.
    kept = set(found["extras"]) - set(refused) if found else set()
    wanted = tuple(extra for extra in KNOWN_EXTRAS if extra in {*extras, *kept})
    install(venv, wanted, machine, dry_run=options.dry_run)
    if not options.dry_run:
        say(f"Ready in {time.monotonic() - began:.0f} s. {next_words(venv, wanted)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 installed, 1 refused or failed, 2 wrong command line or wrong Python."""
    problem = python_problem(tuple(sys.version_info[:2]))
    if problem:
        print(f"{problem.what}\n{problem.fix}", file=sys.stderr)
        return 2
    try:
        run(read_options(arguments))
    except RefusedError as refusal:
        print(f"{refusal.problem.what}\n{refusal.problem.fix}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to go on; nothing that was finished is done twice.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
