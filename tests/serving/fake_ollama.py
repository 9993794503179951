"""`fake-ollama`: Ollama's routes over real llama.cpp, as its `docs/api.md` and `api/types.go` tell them.

It says that it is a fake in its version. What it can be told to do wrong is what a real one does wrong: keep serving
old weights under a name (`stale`), put a template of its own in (`template`), forget a parameter (`forgets`), compute
something else from the right files (`instead`).
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from fake_http import JsonRoutes, Processes, listening

from selftune.errors import RequestRefusedError
from selftune.serving.ordering import Order

VERSION = "fake-ollama 0"


class FakeOllama:
    """The state behind the routes: blobs, models, and a llama.cpp process for each model that was asked."""

    def __init__(self, folder):
        self.folder, self.models = folder, {}
        self.processes = Processes(folder / "log")
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

    @property
    def running(self):
        return self.processes.running

    def client(self, name):
        return self.processes.client(name, lambda: self.order(self.models[name]))

    def order(self, model):
        given = model["adapter"] and not self.drops_adapters
        adapter = str(self.blob(model["adapter"])) if given else None
        return Order(model=str(self.instead or self.blob(model["model"])), adapter=adapter, context_tokens=512)

    def stop(self, name):
        self.processes.stop(name)

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


class Handler(JsonRoutes, BaseHTTPRequestHandler):
    fake: FakeOllama

    def do_HEAD(self):
        found = self.fake.blob(self.path.removeprefix("/api/blobs/")).is_file()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.reply(*((200, {"version": VERSION}) if self.path == "/api/version" else (404, {"error": "not found"})))

    def do_DELETE(self):
        name = json.loads(self.body())["model"]
        self.fake.stop(name)
        known = self.fake.models.pop(name, None)
        self.reply(*((200, {}) if known else (404, {"error": f"model {name!r} not found"})))

    def do_POST(self):
        data = self.body()
        if self.path.startswith("/api/blobs/"):
            self._take_blob(self.path.removeprefix("/api/blobs/"), data)
            return
        body = json.loads(data)
        if self.path == "/api/create":
            lines = self.fake.create(body)
            self._reply_lines(lines if body.get("stream", True) else lines[-1:])
        elif body["model"] not in self.fake.models:
            self.reply(404, {"error": f"model {body['model']!r} not found"})
        elif self.path == "/api/generate" and body.get("keep_alive") == 0:
            self.fake.stop(body["model"])
            self.reply(200, {"done": True, "done_reason": "unload"})
        else:
            self._answer(body)

    def _answer(self, body):
        routes = {
            "/api/show": lambda: self.fake.show(body["model"]),
            "/api/chat": lambda: self.fake.chat(body),
            "/api/generate": lambda: self.fake.complete(body, body["prompt"]),
            "/v1/chat/completions": lambda: self.fake.openai(body),
        }
        try:
            self.reply(200, routes[self.path]())
        except RequestRefusedError as error:
            self.reply(400, {"error": error.message})

    def _take_blob(self, digest, data):
        if digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
            self.reply(400, {"error": "digest does not match"})
            return
        self.fake.blob(digest).write_bytes(data)
        self.fake.uploads += 1
        self.reply(201, {})

    def _reply_lines(self, lines):
        self.send(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@contextmanager
def run_fake_ollama(folder):
    """A fake that listens; `port` says where."""
    folder.mkdir(parents=True, exist_ok=True)
    with listening(Handler, FakeOllama(folder)) as ollama:
        yield ollama
