"""What the stand-ins for other servers share: JSON routes on loopback, and a llama.cpp process for each model."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, contextmanager
from http.server import ThreadingHTTPServer

from selftune.serving.llama_cpp import run_server


class Processes:
    """A llama.cpp process for each name that was asked, started when it is asked first."""

    def __init__(self, log):
        self.log, self.running, self.stack, self.lock = log, {}, ExitStack(), threading.Lock()

    def client(self, name, order):
        """The client of the process behind this name; `order()` says what it serves."""
        with self.lock:
            if name not in self.running:
                own = self.stack.enter_context(ExitStack())
                self.running[name] = own, own.enter_context(run_server(order(), self.log)).client
            return self.running[name][1]

    def stop(self, name):
        with self.lock:
            if name in self.running:
                self.running.pop(name)[0].close()


class JsonRoutes:
    """What a request handler of these servers can do besides."""

    protocol_version = "HTTP/1.1"

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def reply(self, status, value):
        self.send(status, json.dumps(value).encode())

    def send(self, status, data, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def listening(handler, fake):
    """The fake on a port of its own, which it then knows; its processes end with it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"fake": fake}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    fake.port = server.server_address[1]
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        fake.processes.stack.close()
