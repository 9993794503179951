"""A stand-in for llama.cpp: a process that answers over HTTP with the words of its model file, until its stdin closes.

The file's words steer it: `mute` answers nothing, `slow` takes a second for each answer, `dies` ends at the third
question that holds the word `die`. A file `hangs` beside it steers those whose words it names: after `silent: WORDS`
they never say that they are up, after `deaf: WORDS` they take questions and never answer.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = Path(sys.argv[1])
WORDS = MODEL.read_text()


def hangs_how() -> str:
    """How a server of these words hangs from now on; empty where it does not."""
    said = MODEL.with_name("hangs")
    how, _, words = said.read_text().partition(": ") if said.exists() else ("", "", "")
    return how if words == WORDS else ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if HANGS == "deaf":
            threading.Event().wait()
        question = body["messages"][-1]["content"]
        if question == "die":
            os._exit(9)
        if "slow" in WORDS:
            time.sleep(1)
        text = "" if "mute" in WORDS else json.dumps(body) if question == "echo" else f"I am {WORDS}."
        message = {"role": "assistant", "content": text}
        self._reply({"choices": [{"message": message, "finish_reason": "stop"}], "model": body["model"]})

    def _reply(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


HANGS = hangs_how()
if HANGS == "silent":
    threading.Event().wait()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
sys.stdin.read()
os._exit(0)
