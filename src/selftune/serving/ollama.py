"""Ollama, where it runs already: a build becomes a model of its own there, proved by what it shows and how it answers.

Ollama's routes are those of its `docs/api.md` and `api/types.go`. Its digests say nothing of the files that it was
given, since creating a model rewrites them; so it must render the build's template byte for byte, show the parameters
it was told, and agree with the build's own files on the likeliest first tokens (`witness`).
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.context import Answer
from selftune.errors import RequestRefusedError, ServingError
from selftune.serving.addresses import OLLAMA_HOST, port_from
from selftune.serving.client import LoopbackClient
from selftune.serving.go_template import write_go_template
from selftune.serving.held import HeldModel
from selftune.serving.prompts import prompted
from selftune.serving.proof import TEMPLATE_CHALLENGE, confirm
from selftune.serving.raw_http import send_raw
from selftune.serving.witness import ASKED, agree, as_json, hear_witness, read_listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.context import ChatRequest
    from selftune.records import Build, GenerationParameters, Message
    from selftune.serving.witness import FirstTokens, Witness

PORT: Final = 11434
VARIABLE: Final = OLLAMA_HOST
_OK: Final = 200
_CREATED: Final = (200, 201)
_FOREVER: Final = -1
_LOOK: Final = "Look at Ollama's log (`journalctl -u ollama`)."


@dataclass(frozen=True, kw_only=True)
class OllamaConfig:
    """How Ollama is asked: tokens of prompt and answer together, and the port; 0 for that of `OLLAMA_HOST`."""

    context_tokens: int = 2048
    port: int = 0


class Ollama:
    """Serves builds in an Ollama that runs on this machine.

    Args:
        find: Where the file with this digest lies.
        logs: Folder for the log of the witness.
    """

    def __init__(self, find: Callable[[str], Path], logs: Path, config: OllamaConfig | None = None) -> None:
        self._find = find
        self._logs = logs
        self._config = config or OllamaConfig()

    @contextmanager
    def __call__(
        self, build: Build, *, slots: int = 1, context_tokens: int = 0, name: str = ""
    ) -> Iterator[OllamaModel]:
        """The build as a model of Ollama's, proved; a named one is kept there afterwards, another is deleted.

        How many answers Ollama draws at a time is its own affair (`OLLAMA_NUM_PARALLEL`); `slots` says how many are
        asked of it.

        Raises:
            ConfigError: `OLLAMA_HOST` names another machine.
            DamagedFileError: a file is not what the build says; nothing was handed over.
            ServingError: Ollama does not run, refused the model, or does not answer as the build's own files do.
        """
        api = OllamaApi(self._config.port or port_from(VARIABLE, PORT))
        version = api.version()
        templates: list[str] = []

        def note_template(client: LoopbackClient) -> None:
            templates.append(write_go_template(lambda messages: _rendered_by_llama_cpp(client, messages)))

        model = name or f"selftune-{build.digest.removeprefix('sha256:')[:12]}"
        witness = hear_witness(build, self._find, self._logs / f"{model}-witness.log", more=note_template)
        room = max(self._config.context_tokens, context_tokens)
        order = create_order(build, model, template=templates[0], context_tokens=room)
        try:
            for entry in build.gguf_files:
                api.give(self._find(entry.digest), entry.digest)
            api.create(order)
            served = OllamaModel(api, build, model, context_tokens=room, slots=slots)
            served.prove(order, witness, version)
            if build.prompt is not None:
                # Last, since Ollama puts it before the challenge too; for who asks Ollama itself, past the relay.
                api.create(with_prompt := order | {"system": build.prompt})
                check_shown(api.show(model), with_prompt)
            yield served
        finally:
            # Ollama may be what died; what it still holds then goes when the build is served there again.
            with suppress(ServingError):
                api.unload(model) if name else api.delete(model)


def create_order(build: Build, model: str, *, template: str, context_tokens: int) -> dict[str, Any]:
    """The body of `POST /api/create` for a build: its files by digest, its template and parameters."""
    adapter = build.file("adapter.gguf")
    order: dict[str, Any] = {
        "model": model,
        "files": {entry.name: entry.digest for entry in build.files if entry.name == "model.gguf"},
        "template": template,
        "parameters": _options(build.generation) | {"num_ctx": context_tokens},
    }
    if adapter is not None:
        order["adapters"] = {adapter.name: adapter.digest}
    return order


class OllamaModel(HeldModel):
    """A build as Ollama serves it."""

    def __init__(self, api: OllamaApi, build: Build, model: str, *, context_tokens: int, slots: int) -> None:
        super().__init__(build, model, port=api.port, slots=slots)
        self._api = api
        self._room = {"num_ctx": context_tokens}

    @property
    def fields(self) -> Mapping[str, Any]:
        """The model's name; what OpenAI's fields cannot say was told when it was made."""
        return {"model": self.model}

    def prove(self, order: Mapping[str, Any], witness: Witness, version: str) -> None:
        """See that what answers is the build.

        Raises:
            ServingError: it shows another template, other parameters, or other weights by its answers.
        """
        check_shown(self._api.show(self.model), order)
        shown = tuple(self._first_tokens(messages) for messages in TEMPLATE_CHALLENGE)
        rendered = tuple(self._render(messages) for messages in TEMPLATE_CHALLENGE)
        proof = self._proof_by(rendered, shown, f"ollama {version}")
        # The template first: another one would also move the first tokens.
        confirm(proof, self.build)
        agree(witness, shown, f"Ollama's {self.model}")
        self._proof = proof

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer.

        Raises:
            ServingError: Ollama is gone or refused, or took reasoning out of the answer.
        """
        own = prompted(request, self.build.prompt)
        options = _options(parameters) | self._room | {"seed": request.seed}
        if own.left_open:
            return self._go_on(own, options)
        answered = self._ask(own.messages, options=options)
        message = answered["message"]
        if message.get("thinking"):
            raise ServingError(
                "Ollama takes the reasoning of this model out of its answers.", next_step='Use driver = "llama.cpp".'
            )
        return _answer(message["content"], answered)

    def _go_on(self, request: ChatRequest, options: dict[str, Any]) -> Answer:
        """What the model says after the last turn's words, where the template would end the turn."""
        said = request.messages[-1].content.strip()
        before, found, _ = self._render(request.messages).rpartition(said)
        if not found:
            raise RequestRefusedError(
                "the template changes the words of the last turn, so that it can't be left open.",
                next_step="Ask it in chat: a suites/leakage.yaml of the project's own is asked so.",
            )
        body = {"prompt": f"{before}{said}", "raw": True, "options": options}
        answered = self._api.post("/api/generate", self._common() | body)
        return _answer(answered["response"], answered)

    def _render(self, messages: Sequence[Message]) -> str:
        """The prompt that Ollama makes of a conversation."""
        try:
            text: str = self._ask(messages, _debug_render_only=True)["_debug_info"]["rendered_template"]
        except KeyError as error:
            raise ServingError(
                "this Ollama shows no rendered prompt, so its template can't be proved.", next_step="Update Ollama."
            ) from error
        return text

    def _first_tokens(self, messages: Sequence[Message]) -> FirstTokens:
        options = {"temperature": 0.0, "num_predict": 1} | self._room
        answered = self._ask(messages, options=options, logprobs=True, top_logprobs=ASKED)
        listed = answered.get("logprobs") or []
        return read_listed(listed[0]["top_logprobs"]) if listed else None

    def _ask(self, messages: Sequence[Message], **fields: Any) -> Any:
        # A prompt that is too long must be refused, as elsewhere: Ollama would drop its oldest turns.
        never_cut = {"truncate": False, "shift": False}
        return self._api.post("/api/chat", self._common() | never_cut | {"messages": as_json(messages)} | fields)

    def _common(self) -> dict[str, Any]:
        return {"model": self.model, "stream": False, "keep_alive": _FOREVER}


class OllamaApi:
    """Ollama's own routes, over loopback, never through a proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._client = LoopbackClient(port)

    def version(self) -> str:
        """The version that runs; `ServingError` when none does."""
        try:
            version: str = self._client.get("/api/version")["version"]
        except RequestRefusedError as error:
            raise ServingError(f"what listens on port {self.port} is no Ollama.", next_step=_LOOK) from error
        return version

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a JSON request."""
        return self._client.post(path, dict(body))

    def show(self, model: str) -> Any:
        """What Ollama says of a model."""
        return self.post("/api/show", {"model": model})

    def unload(self, model: str) -> None:
        """Free the memory; the model stays on disk under its name."""
        self.post("/api/generate", {"model": model, "keep_alive": 0, "stream": False})

    def delete(self, model: str) -> None:
        """Take the model away, and with it the copy of its files."""
        self._send("DELETE", "/api/delete", json.dumps({"model": model}).encode(), {})

    def give(self, path: Path, digest: str) -> None:
        """Hand a file over, unless it is there already; Ollama itself compares the digest.

        Raises:
            ServingError: it did not take the file.
        """
        route = f"/api/blobs/{digest}"
        if self._send("HEAD", route, None, {})[0] == _OK:
            return
        with path.open("rb") as stream:
            status, said = self._send("POST", route, stream, {"Content-Length": str(path.stat().st_size)})
        if status not in _CREATED:
            raise ServingError(f"Ollama refused the file ({status}: {said[:300]!r}).", next_step=_LOOK)

    def create(self, order: Mapping[str, Any]) -> None:
        """Make a model; returns when Ollama has said `success`.

        Raises:
            ServingError: a line of its answer is an error, or the last one no success.
        """
        _, said = self._send("POST", "/api/create", json.dumps(order).encode(), {"Content-Type": "application/json"})
        lines = [json.loads(line) for line in said.splitlines() if line.strip()]
        errors = [line["error"] for line in lines if "error" in line]
        if errors or not lines or lines[-1].get("status") != "success":
            reason = errors[0] if errors else "it broke off"
            raise ServingError(f"Ollama did not make {order['model']}: {reason}.", next_step=_LOOK)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        return send_raw(self.port, method, path, body, headers, look=_LOOK)


def check_shown(shown: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    """Return when Ollama shows the model as it was ordered.

    Raises:
        ServingError: its template, prompt, adapter or a parameter is another; the message names it.
    """
    wrong = [name for name in ("template", "system") if shown.get(name, "") != order.get(name, "")]
    adapters = sum(line.startswith("ADAPTER ") for line in str(shown.get("modelfile", "")).splitlines())
    if adapters != len(order.get("adapters", {})):
        wrong.append("adapter")
    told = [line.split(maxsplit=1) for line in str(shown.get("parameters", "")).splitlines()]
    expected = [
        (key, value)
        for key, values in order["parameters"].items()
        for value in (values if isinstance(values, list) else [values])
    ]
    wrong += [f"parameter {key}" for key, value in expected if not any(_says(line, key, value) for line in told)]
    if wrong:
        raise ServingError(
            f"Ollama shows {order['model']} otherwise than it was ordered: {', '.join(wrong)}.", next_step=_LOOK
        )


def _says(line: Sequence[str], key: str, value: float | str) -> bool:
    if line[:1] != [key] or len(line) == 1:
        return False
    try:
        return bool(json.loads(line[1]) == value)
    except ValueError:
        return line[1] == value


def _options(parameters: GenerationParameters) -> dict[str, Any]:
    """Every option that bears on an answer, so that none of Ollama's own defaults does."""
    options: dict[str, Any] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "top_k": parameters.top_k,
        "num_predict": parameters.max_tokens,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
    }
    return options | ({"stop": list(parameters.stop)} if parameters.stop else {})


def _answer(text: str, answered: Mapping[str, Any]) -> Answer:
    return Answer(
        text=text,
        finish_reason=answered["done_reason"],
        # Left out by Ollama where they are nought.
        prompt_tokens=answered.get("prompt_eval_count", 0),
        completion_tokens=answered.get("eval_count", 0),
    )


def _rendered_by_llama_cpp(client: LoopbackClient, messages: Sequence[Message]) -> str:
    try:
        prompt: str = client.post("/apply-template", {"messages": as_json(messages)})["prompt"]
    except RequestRefusedError as error:
        raise ServingError(
            "the chat template refuses a conversation with a system message; no template of Ollama's refuses any.",
            next_step='Serve with driver = "llama.cpp".',
        ) from error
    return prompt
