"""Runs what a page tells a reader to type, and holds what the page shows against what comes out.

In a block fenced as `console`, a line that begins with `$ ` is typed; the lines below it, up to the next one, are what
the page shows. Each of them must stand in the output, in this order, where `…` stands for anything. A last line such as
`(exit 5)` names the exit code; without one it is 0. A line that ends in `********` is a question that is answered
unseen: its command is typed at a terminal, with the same passphrase everywhere. A block fenced as `toml` with the
comment `# selftune.toml` above its lines is added to that file, each below its own heading.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import tomlkit

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\(exit (\d+)\)")
_SETTINGS = "# selftune.toml\n"
_UNSEEN = "********"
_PASSPHRASE = "eight letters or more"


@dataclass(frozen=True)
class Typed:
    """One command of a page: what is typed, what is shown of its output, how it ends."""

    command: str
    shown: tuple[str, ...]
    code: int


@dataclass(frozen=True)
class Settings:
    """Lines that a page adds to `selftune.toml`."""

    text: str


def steps_of(page: str) -> list[Typed | Settings]:
    """What a page tells its reader to do, in order."""
    found: list[Typed | Settings] = []
    for language, body in _FENCE.findall(page):
        if language == "console":
            found += _typed(body)
        elif language == "toml" and body.startswith(_SETTINGS):
            found.append(Settings(body.removeprefix(_SETTINGS)))
    return found


def _typed(body: str) -> list[Typed]:
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not parts[0].strip(), f"a console block begins with output: {parts[0]!r}"
    found = []
    for part in parts[1:]:
        command, *shown = [line for line in part.replace("\\\n", "").splitlines() if line.strip()]
        ending = _EXIT.fullmatch(shown[-1].strip()) if shown else None
        found.append(Typed(command, tuple(shown[:-1] if ending else shown), int(ending[1]) if ending else 0))
    return found


class Reader:
    """Sits in a folder and does what a page says; `cd FOLDER` moves to another one."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def follow(self, step: Typed | Settings) -> None:
        """Do one step.

        Raises:
            AssertionError: another exit code, or a line that the page shows and the command does not say.
        """
        if isinstance(step, Settings):
            _add_settings(self._folder / "selftune.toml", tomlkit.parse(step.text))
        elif step.command.startswith("cd "):
            self._folder = (self._folder / step.command.removeprefix("cd ")).resolve(strict=True)
        else:
            asked = [line.strip().removesuffix(_UNSEEN) for line in step.shown if line.strip().endswith(_UNSEEN)]
            _hold_against(step, self._answer(step.command, asked) if asked else self._type(step.command))

    def _type(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _answer(self, command: str, asked: list[str]) -> subprocess.CompletedProcess[str]:
        """The command at a terminal, each of its questions answered in its turn."""
        from terminals import sitting_at  # not every platform has such terminals

        program = ["bash", "-c", command]
        # What a page shows has no colours.
        with sitting_at(program, self._environment | {"TERM": "dumb"}, folder=self._folder) as typing:
            for prompt in asked:
                typing.answer(prompt.strip(), _PASSPHRASE)
            code = typing.end()
        return subprocess.CompletedProcess(program, code, typing.seen)


def _hold_against(step: Typed, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == step.code, f"$ {step.command}\nexit {done.returncode}, not {step.code}\n{done.stdout}"
    rest = " ".join(done.stdout.split())
    for line in step.shown:
        told = line.strip().removesuffix(_UNSEEN)
        pattern = r".*?".join(re.escape(" ".join(piece.split())) for piece in told.split("…"))
        found = re.search(pattern, rest)
        assert found, f"$ {step.command}\nis said to print: {line}\nand prints:\n{done.stdout}"
        rest = rest[found.end() :]


def _add_settings(path: Path, added: tomlkit.TOMLDocument) -> None:
    """As a reader would: each line goes below its own heading."""
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for section, lines in added.items():
        document.setdefault(section, tomlkit.table()).update(lines)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
