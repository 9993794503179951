"""`fake-vllm`: the routes of vLLM's server that selftune asks, over real llama.cpp, as its source and docs tell them.

It says that it is a fake in its version. It is started on a Hugging Face folder and reads adapters from folders in
PEFT's layout, as a real one does. What it can be told to do wrong is what a real one may do wrong: answer under a name
with what was loaded under it before (`stale`), be started on another base (`instead`) or with another template
(`template`), take no adapters while it runs (`fixed`), pass an adapter over (`drops_adapters`). Of `prompt_logprobs`
it fills in the last place alone.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from fake_http import JsonRoutes, Processes, listening

from selftune.bases.shape import read_json
from selftune.builds.adapter import open_adapter
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.errors import RequestRefusedError, SelftuneError
from selftune.serving.ordering import Order
from selftune.serving.proof import next_tokens

VERSION = "fake-vllm 0"
_DRAWN = ("temperature", "top_p", "top_k", "min_p", "seed", "stop")


class FakeVllm:
    """The state behind the routes: the base it was started on, the adapters it holds, a process for each."""

    def __init__(self, base_folder, folder):
        self.base, self.folder, self.room = base_folder, folder, 512
        self.processes = Processes(folder / "log")
        self.loaded, self.named = {}, {}
        self.stale, self.instead, self.template = False, None, None
        self.fixed, self.drops_adapters, self.reasons = False, False, False

    def models(self):
        own = {"id": str(self.base), "root": str(self.base), "parent": None, "max_model_len": self.room}
        loras = [{"id": n, "root": r, "parent": str(self.base), "max_model_len": None} for n, r in self.loaded.items()]
        return {"object": "list", "data": [own, *loras]}

    def load(self, name, path):
        if name in self.loaded:
            return 400, f"The lora adapter '{name}' has already been loaded."
        target = self.folder / f"{len(self.named)}.gguf"
        try:
            with open_adapter(Path(path)) as adapter:
                write_lora_gguf(read_json(self.base / "config.json"), adapter, target)
        except SelftuneError as error:
            return 400, error.message
        if not (self.stale and name in self.named):
            self.named[name] = target
            self.processes.stop(name)
        self.loaded[name] = path
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def unload(self, name):
        if name not in self.loaded:
            return 404, f"The lora adapter '{name}' cannot be found."
        del self.loaded[name]
        return 200, f"Success: LoRA adapter '{name}' removed successfully."

    def knows(self, model):
        return model == str(self.base) or model in self.loaded

    def client(self, model):
        return self.processes.client(model, lambda: self.order(model))

    def order(self, model):
        gguf = self.folder / "base.gguf"
        if not gguf.is_file():
            with open_folder(self.instead or self.base) as tensors:
                write_gguf(self.base, tensors, gguf, Quantisation.F16)
        adapter = str(self.named[model]) if model in self.loaded and not self.drops_adapters else None
        return Order(model=str(gguf), adapter=adapter, context_tokens=self.room)

    def tokens(self, client, body):
        """The tokens of a conversation; one that is left open ends with its last words."""
        text = client.post("/apply-template", {"messages": body["messages"]})["prompt"]
        if body.get("continue_final_message"):
            said = body["messages"][-1]["content"].strip()
            text = text[: text.rindex(said) + len(said)]
        if self.template:
            text = self.template(text)
        return client.post("/tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"]

    def tokenize(self, body):
        tokens = self.tokens(self.client(body["model"]), body)
        return {"tokens": tokens, "count": len(tokens), "max_model_len": self.room, "token_strs": None}

    def complete(self, body):
        client, prompt = self.client(body["model"]), body["prompt"]
        listed = None
        if body.get("prompt_logprobs"):
            likeliest = next_tokens(client, prompt[:-1], body["prompt_logprobs"])
            last = {number: {"logprob": logprob, "rank": rank} for rank, (number, logprob) in enumerate(likeliest, 1)}
            listed = [None, *[{}] * (len(prompt) - 2), last]
        text, reason, usage = self.draw(client, prompt, body)
        choice = {"index": 0, "text": text, "finish_reason": reason, "prompt_logprobs": listed}
        return {"choices": [choice], "usage": usage}

    def chat(self, body):
        client = self.client(body["model"])
        text, reason, usage = self.draw(client, self.tokens(client, body), body)
        message = {"role": "assistant", "content": text, "reasoning": "Hm." if self.reasons else None}
        return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}

    def draw(self, client, tokens, body):
        asked = {key: body[key] for key in _DRAWN if key in body}
        asked |= {"n_predict": body["max_tokens"], "samplers": ["temperature", "top_k", "top_p", "min_p"]}
        said = client.post("/completion", {"prompt": tokens, "cache_prompt": False} | asked | client.extra)
        usage = {"prompt_tokens": said["tokens_evaluated"], "completion_tokens": said["tokens_predicted"]}
        return said["content"], "length" if said["stop_type"] == "limit" else "stop", usage


class Handler(JsonRoutes, BaseHTTPRequestHandler):
    fake: FakeVllm

    def do_GET(self):
        if self.path == "/health":
            self.send(200, b"")
            return
        routes = {"/version": lambda: {"version": VERSION}, "/v1/models": self.fake.models}
        if self.path in routes:
            self.reply(200, routes[self.path]())
        else:
            self.refuse(404, "Not Found")

    def do_POST(self):
        body = json.loads(self.body())
        if self.path in {"/v1/load_lora_adapter", "/v1/unload_lora_adapter"}:
            self._adapters(body)
        elif not self.fake.knows(body["model"]):
            self.refuse(404, f"The model `{body['model']}` does not exist.")
        else:
            routes = {
                "/tokenize": self.fake.tokenize,
                "/v1/completions": self.fake.complete,
                "/v1/chat/completions": self.fake.chat,
            }
            try:
                self.reply(200, routes[self.path](body))
            except RequestRefusedError as error:
                self.refuse(400, error.message)

    def _adapters(self, body):
        if self.fake.fixed:
            self.reply(404, {"detail": "Not Found"})
            return
        if "lora_name" not in body:
            self.refuse(400, "Field required")
            return
        loads = self.path == "/v1/load_lora_adapter"
        status, said = self.fake.load(**_named(body)) if loads else self.fake.unload(body["lora_name"])
        if status == 200:
            self.send(200, said.encode(), "text/plain; charset=utf-8")
        else:
            self.refuse(status, said)

    def refuse(self, status, message):
        self.reply(status, {"error": {"message": message, "type": "BadRequestError", "code": status}})


def _named(body):
    return {"name": body["lora_name"], "path": body["lora_path"]}


@contextmanager
def run_fake_vllm(base_folder, folder):
    """A fake that listens, started on this base; `port` says where."""
    folder.mkdir(parents=True, exist_ok=True)
    with listening(Handler, FakeVllm(base_folder, folder)) as vllm:
        yield vllm
