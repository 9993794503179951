"""A person at a keyboard: types commands in a project's folder and looks at what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import selftune
from selftune.app.cli import main as cli

if not cli.app.registered_commands:
    cli.register_commands()

# What runs a command where the tests of this folder do; a program in a name space of its own starts it anew.
WARM = None
CLI = (sys.executable, "-c", "from selftune.app.cli.main import main; main()")


@dataclass(frozen=True)
class Said:
    """The words of a command that was run within this process."""

    stdout: str
    stderr: str


@dataclass(frozen=True)
class Walker:
    """Types commands in a project's folder, as a person would."""

    folder: Path

    def run(self, *arguments: str, failpoint: str = "", cli: tuple[str, ...] = CLI):
        environment = os.environ | {"SELFTUNE_FAILPOINTS": failpoint}
        if WARM is not None and cli is CLI:
            return WARM.run(arguments, cwd=self.folder, env=environment)
        return subprocess.run(
            [*cli, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def expect(self, code: int, *arguments: str, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def look(self, code: int, *arguments: str) -> Said:
        """What a command says that begins nothing: run within this process, which costs a tenth of one of its own."""
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as here, redirect_stdout(out), redirect_stderr(err):
            here.chdir(self.folder)
            here.setattr(sys, "argv", ["selftune", *arguments])
            here.setattr(cli, "register_commands", lambda: None)
            with pytest.raises(SystemExit) as end:
                cli.main()
        said = Said(stdout=out.getvalue(), stderr=err.getvalue())
        assert (end.value.code or 0) == code, f"{arguments}: exit {end.value.code}\n{said.stdout}{said.stderr}"
        return said

    def status(self):
        return json.loads(self.look(0, "status", "--json").stdout)

    def serves(self):
        """Whether the model in service answers at its address; no command is started that could bring it back."""
        address = urlsplit(json.loads((self.folder / ".selftune/serving.json").read_text())["address"])
        connection = HTTPConnection(address.hostname, address.port, timeout=60)
        body = json.dumps({"messages": [{"role": "user", "content": "Hello!"}]})
        connection.request("POST", f"{address.path}/chat/completions", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answered:
            said = json.loads(answered.read())
        return answered.status == HTTPStatus.OK and bool(said["choices"][0]["message"]["content"])

    def ledger(self):
        lines = [part.read_text().splitlines() for part in sorted((self.folder / ".selftune/ledger").glob("0*.jsonl"))]
        return [json.loads(line) for part in lines for line in part]

    def set(self, old: str, new: str):
        """Edit `selftune.toml` by hand."""
        path = self.folder / "selftune.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def verify(self):
        verifier = Path(selftune.__file__).parent / "ledger/verify.py"
        done = subprocess.run([sys.executable, str(verifier), str(self.folder)], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
