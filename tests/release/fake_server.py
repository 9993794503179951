"""A stand-in for llama.cpp: a process that answers over HTTP with the words of its model file, until its stdin closes.

The file's words steer it: `mute` answers nothing, `slow` takes a second for each answer, `dies` ends at the third
question that holds the word `die`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORDS = Path(sys.argv[1]).read_text()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
sys.stdin.read()
os._exit(0)
