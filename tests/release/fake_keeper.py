"""The real keeper over the fake server. A model file that says `refuses` does not start, one that says `lies` proves
to be another model; how one is made to hang stands in `fake_server.py`."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from selftune.context import Answer
from selftune.errors import ServingError
from selftune.release.keeper import main
from selftune.testing import fake_proof

SERVER = Path(__file__).with_name("fake_server.py")


class FakeChild:
    fields = MappingProxyType({})

    def __init__(self, port, proof):
        self.address, self.proof, self._port = f"http://127.0.0.1:{port}/v1", proof, port

    def chat(self, request, parameters):
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        body = {"model": "", "messages": [{"role": "user", "content": request.messages[-1].content}]}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body))
            text = json.loads(connection.getresponse().read())["choices"][0]["message"]["content"]
        except (OSError, http.client.HTTPException) as error:
            raise ServingError(f"the fake server broke off: {error!r}.", next_step="None.") from error
        finally:
            connection.close()
        return Answer(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=len(text.split()))


@contextmanager
def start_fake(manifest, files, *, logs):
    build = manifest.build
    path = files[build.file("model.gguf").digest]
    if "refuses" in path.read_text():
        raise ServingError("the fake server does not start.", next_step="Use another file.")
    proof = fake_proof(build, slots=manifest.slots)
    if "lies" in path.read_text():
        proof = replace(proof, fingerprint="sha256:other")
    process = subprocess.Popen([sys.executable, SERVER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline()
        if not port:
            raise ServingError("the fake server ended before it was up.", next_step="None.")
        yield FakeChild(int(port), proof)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], "--beat", "0.1"], start_fake))
