"""A person at a keyboard: types commands in a project's folder and looks at what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import selftune

CLI = (sys.executable, "-c", "from selftune.app.cli.main import main; main()")


@dataclass(frozen=True)
class Walker:
    """Types commands in a project's folder, as a person would."""

    folder: Path

    def run(self, *arguments: str, failpoint: str = "", cli: tuple[str, ...] = CLI):
        environment = os.environ | {"SELFTUNE_FAILPOINTS": failpoint}
        return subprocess.run(
            [*cli, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def expect(self, code: int, *arguments: str, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def status(self):
        return json.loads(self.expect(0, "status", "--json").stdout)

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
