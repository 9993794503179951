"""`fake-ollama`: Ollama's routes over real llama.cpp, as its `docs/api.md` and `api/types.go` tell them.

It says that it is a fake in its version. What it can be told to do wrong is what a real one does wrong: keep serving
old weights under a name (`stale`), put a template of its own in (`template`), forget a parameter (`forgets`), compute
something else from the right files (`instead`).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from selftune.errors import RequestRefusedError
from selftune.serving.child import Order
from selftune.serving.llama_cpp import run_server

VERSION = "fake-ollama 0"


class FakeOllama:
    """The state behind the routes: blobs, models, and a llama.cpp process for each model that was asked."""

    def __init__(self, folder):
        self.folder, self.models, self.running = folder, {}, {}
        self.stack, self.lock = ExitStack(), threading.Lock()
        self.uploads = 0
        self.stale, self.template, self.forgets, self.fails, self.instead = False, None, None, None, None
        self.shows_prompts, self.lists_logprobs, self.drops_adapters = True, True, False

    def blob(self, digest):
        return self.folder / digest.replace(":", "-")

    def create(self, body):
        if self.fails:
            return [{"status": "parsing GGUF"}, {"error": self.fails}]
        known = self.models.get(body["model"])
        if not (known and self.stale):
            (model,), adapters = body["files"].values(), list(body.get("adapters", {}).values())
            self.models[body["model"]] = {"model": model, "adapter": adapters[0] if adapters else None}
            self.stop(body["model"])
        self.models[body["model"]] |= {
            "template": self.template or body["template"],
            "system": body.get("system", ""),
            "parameters": {key: value for key, value in (body.get("parameters") or {}).items() if key != self.forgets},
        }
        return [{"status": "parsing GGUF"}, {"status": "writing manifest"}, {"status": "success"}]

    def show(self, name):
        model = self.models[name]
        lines = [
            f"{key:<30} {json.dumps(value)}"
            for key, values in model["parameters"].items()
            for value in (values if isinstance(values, list) else [values])
        ]
        file = [f"FROM {self.blob(model['model'])}", *([f"ADAPTER {model['adapter']}"] if model["adapter"] else [])]
        facts = {"details": {"format": "gguf"}, "model_info": {"general.architecture": "llama"}}
        return model | facts | {"parameters": "\n".join(lines), "modelfile": "\n".join(file)}

    def client(self, name):
        with self.lock:
            if name not in self.running:
                model, own = self.models[name], self.stack.enter_context(ExitStack())
                given = model["adapter"] and not self.drops_adapters
                adapter = str(self.blob(model["adapter"])) if given else None
                order = Order(model=str(self.instead or self.blob(model["model"])), adapter=adapter, context_tokens=512)
                server = own.enter_context(run_server(order, self.folder / "log"))
                self.running[name] = own, server.client
            return self.running[name][1]

    def stop(self, name):
        with self.lock:
            if name in self.running:
                self.running.pop(name)[0].close()

    def chat(self, body):
        model, messages = self.models[body["model"]], body["messages"]
        if messages[0]["role"] != "system" and model["system"]:
            messages = [{"role": "system", "content": model["system"]}, *messages]
        prompt = render_go(model["template"], messages)
        if body.get("_debug_render_only"):
            return {"_debug_info": {"rendered_template": prompt}} if self.shows_prompts else {"message": {}}
        said = self.complete(body, prompt)
        return said | {"message": {"role": "assistant", "content": said.pop("response")}}

    def complete(self, body, prompt):
        options = self.models[body["model"]]["parameters"] | body.get("options", {})
        asked = {
            "prompt": prompt,
            "n_predict": options["num_predict"],
            "cache_prompt": False,
            "samplers": ["temperature", "top_k", "top_p"],
            **{key: options[key] for key in ("temperature", "top_p", "top_k", "seed", "stop") if key in options},
        }
        if body.get("logprobs"):
            asked["n_probs"] = body["top_logprobs"]
        client = self.client(body["model"])
        answered = client.post("/completion", asked | client.extra)
        reason = "length" if answered["stop_type"] == "limit" else "stop"
        said = {
            "response": answered["content"],
            "done_reason": reason,
            "prompt_eval_count": answered["tokens_evaluated"],
            "eval_count": answered["tokens_predicted"],
        }
        if self.lists_logprobs and answered.get("completion_probabilities"):
            said["logprobs"] = answered["completion_probabilities"]
        return said

    def openai(self, body):
        """Ollama's OpenAI route: fields that it does not know are passed over in silence."""
        options = {"num_predict": body["max_tokens"], "temperature": body["temperature"], "top_p": body["top_p"]}
        said = self.chat({"model": body["model"], "messages": body["messages"], "options": options})
        return {"choices": [{"message": said["message"], "finish_reason": said["done_reason"]}]}


def render_go(template, messages):
    """What Go makes of the few actions that selftune writes."""
    pieces = re.findall(r"\{\{ (.*?) \}\}", template)
    assert "".join(f"{{{{ {piece} }}}}" for piece in pieces) == template
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    text, rest = _run(pieces, {"System": system, "Messages": messages}, live=True)
    assert rest == []
    return text


def _run(pieces, scope, *, live):
    """The text of these actions up to their `end` or `else`, and what is left of them."""
    out = []
    while pieces and pieces[0] != "end" and not pieces[0].startswith("else"):
        action, pieces = pieces[0], pieces[1:]
        if action.startswith('"'):
            out.append(json.loads(action))
        elif action == ".Content":
            out.append(scope["content"] if live else "")
        elif action == "range .Messages":
            _, after = _run(pieces, scope, live=False)
            out += [_run(pieces, scope | message, live=True)[0] for message in scope["Messages"]] if live else []
            pieces = after[1:]
        else:
            text, pieces = _branches(action, pieces, scope, live=live)
            out.append(text)
    return "".join(out), pieces


def _branches(action, pieces, scope, *, live):
    chosen = None
    while True:
        condition = action.removeprefix("else ")
        if condition == "if not .System":
            holds = not scope["System"]
        else:
            holds = scope.get("role") == json.loads(condition.removeprefix("if eq .Role "))
        text, pieces = _run(pieces, scope, live=live)
        if holds and chosen is None:
            chosen = text
        action, pieces = pieces[0], pieces[1:]
        if action == "end":
            return chosen or "", pieces


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ollama: FakeOllama

    def do_HEAD(self):
        found = self.ollama.blob(self.path.removeprefix("/api/blobs/")).is_file()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self._reply(*((200, {"version": VERSION}) if self.path == "/api/version" else (404, {"error": "not found"})))

    def do_DELETE(self):
        name = json.loads(self._body())["model"]
        self.ollama.stop(name)
        known = self.ollama.models.pop(name, None)
        self._reply(*((200, {}) if known else (404, {"error": f"model {name!r} not found"})))

    def do_POST(self):
        data = self._body()
        if self.path.startswith("/api/blobs/"):
            self._take_blob(self.path.removeprefix("/api/blobs/"), data)
            return
        body = json.loads(data)
        if self.path == "/api/create":
            lines = self.ollama.create(body)
            self._reply_lines(lines if body.get("stream", True) else lines[-1:])
        elif body["model"] not in self.ollama.models:
            self._reply(404, {"error": f"model {body['model']!r} not found"})
        elif self.path == "/api/generate" and body.get("keep_alive") == 0:
            self.ollama.stop(body["model"])
            self._reply(200, {"done": True, "done_reason": "unload"})
        else:
            self._answer(body)

    def _answer(self, body):
        routes = {
            "/api/show": lambda: self.ollama.show(body["model"]),
            "/api/chat": lambda: self.ollama.chat(body),
            "/api/generate": lambda: self.ollama.complete(body, body["prompt"]),
            "/v1/chat/completions": lambda: self.ollama.openai(body),
        }
        try:
            self._reply(200, routes[self.path]())
        except RequestRefusedError as error:
            self._reply(400, {"error": error.message})

    def _take_blob(self, digest, data):
        if digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
            self._reply(400, {"error": "digest does not match"})
            return
        self.ollama.blob(digest).write_bytes(data)
        self.ollama.uploads += 1
        self._reply(201, {})

    def _body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _reply(self, status, value):
        self._send(status, json.dumps(value).encode())

    def _reply_lines(self, lines):
        self._send(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _send(self, status, data):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def run_fake_ollama(folder):
    """A fake that listens; `port` says where."""
    folder.mkdir(parents=True, exist_ok=True)
    ollama = FakeOllama(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"ollama": ollama}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    ollama.port = server.server_address[1]
    try:
        yield ollama
    finally:
        server.shutdown()
        server.server_close()
        ollama.stack.close()
