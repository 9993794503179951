"""vLLM, where it runs already: a build's adapter is loaded beside the base that it serves, and proved by its answers.

Routes and fields are those of vLLM's OpenAI-compatible server: `/v1/load_lora_adapter` with a path on this machine, in
PEFT's layout; `/tokenize` for conversations; `prompt_logprobs` of `/v1/completions`. It must make the same tokens of
every conversation as the build's template does, and find the same tokens likeliest after them as the build's own files
do under llama.cpp (`witness`).

An adapter's name holds its digest: under a name that held another adapter before, vLLM may answer from what it had
cached for that one (vLLM #42125).
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.context import Answer
from selftune.errors import RequestRefusedError, ServingError
from selftune.records import Build, ServingForm
from selftune.serving.addresses import VLLM_URL, port_from
from selftune.serving.client import LoopbackClient
from selftune.serving.folders import lay_out
from selftune.serving.held import HeldModel
from selftune.serving.prompts import prompted
from selftune.serving.proof import (
    TEMPLATE_CHALLENGE,
    TEMPLATE_REFUSED,
    confirm,
    next_tokens,
    plain_token,
    rendered_challenge,
)
from selftune.serving.raw_http import send_raw
from selftune.serving.witness import ASKED, agree, as_json, hear_witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.context import ChatRequest
    from selftune.records import GenerationParameters, Message
    from selftune.serving.witness import FirstTokens, Witness

PORT: Final = 8000
VARIABLE: Final = VLLM_URL
_OK: Final = 200
_NOT_FOUND: Final = 404
_LOOK: Final = "Look at what vLLM printed."
START: Final = "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve BASE_FOLDER --enable-lora --max-lora-rank RANK"
# What vLLM would take from the base's generation_config.json where nobody says it.
_NEUTRAL: Final[dict[str, Any]] = {"min_p": 0.0, "repetition_penalty": 1.0}


@dataclass(frozen=True, kw_only=True)
class VllmConfig:
    """How vLLM is asked: tokens of prompt and answer together, and the port; 0 for that of `VLLM_URL`."""

    context_tokens: int = 2048
    port: int = 0


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What llama.cpp makes of the challenge: token ids, None where the template refuses; a token to end prompts on."""

    prompts: tuple[tuple[int, ...] | None, ...]
    plain: int


class Vllm:
    """Serves builds in a vLLM that runs on this machine.

    Args:
        find: Where the file with this digest lies.
        logs: Folder for the log of the witness; what vLLM is to read is laid out in it.
    """

    def __init__(self, find: Callable[[str], Path], logs: Path, config: VllmConfig | None = None) -> None:
        self._find = find
        self._logs = logs
        self._config = config or VllmConfig()

    @contextmanager
    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0, name: str = "") -> Iterator[VllmModel]:
        """The build as a model of vLLM's, proved: an adapter, loaded for as long as the block, or the base itself.

        How many answers vLLM draws at a time is its own affair; `slots` says how many are asked of it.

        Raises:
            ConfigError: `VLLM_URL` names another machine.
            DamagedFileError: a file is not what the build says; nothing was loaded.
            ServingError: the build's form is none for vLLM; or it does not run, refused the adapter, or does not answer
                as the build's own files do.
        """
        refuse_unfit(build)
        api = VllmApi(self._config.port or port_from(VARIABLE, PORT))
        version, base = api.version(), api.base()
        room = max(self._config.context_tokens, context_tokens)
        if base.context_tokens < room:
            raise ServingError(
                f"vLLM's {base.name} has room for {base.context_tokens:,} tokens, {room:,} are needed.",
                next_step=f"Start it with --max-model-len {room}.",
            )
        model = f"{name or 'selftune'}-{build.digest.removeprefix('sha256:')[:12]}"
        witness, heard = self._hear(build, model)
        with self._loaded(api, build, model, base.name) as served_as:
            served = VllmModel(api, build, served_as, slots=slots)
            served.prove(witness, heard, version)
            yield served

    def _hear(self, build: Build, model: str) -> tuple[Witness, _Heard]:
        """What the build's own files do, by token ids: vLLM and llama.cpp may write one token differently."""
        heard: list[tuple[_Heard, tuple[FirstTokens, ...]]] = []

        def note(client: LoopbackClient) -> None:
            prompts = tuple(_ids_of(client, text) for text in rendered_challenge(client))
            likeliest = tuple(_after(client, ids) for ids in prompts)
            heard.append((_Heard(prompts=prompts, plain=plain_token(client)), likeliest))

        witness = hear_witness(build, self._find, self._logs / f"{model}-witness.log", more=note)
        told, likeliest = heard[0]
        return replace(witness, first_tokens=likeliest), told

    @contextmanager
    def _loaded(self, api: VllmApi, build: Build, model: str, base: str) -> Iterator[str]:
        """The name that vLLM answers under as this build."""
        folder = self._logs / "served" / model
        if build.form is ServingForm.ADAPTER:
            try:
                api.load(model, lay_out(build, Build.ADAPTER_FOLDER, self._find, folder))
                yield model
            finally:
                # vLLM may be what died, and with it what it had loaded.
                with suppress(ServingError):
                    api.unload(model)
                shutil.rmtree(folder, ignore_errors=True)
        elif build.form is ServingForm.FOLDER:
            place = lay_out(build, Build.MERGED_FOLDER, self._find, folder)
            try:
                yield base
            except NotTheBuildError as error:
                raise NotTheBuildError(
                    error.message, next_step=f"Start it on this model: vllm serve {place}"
                ) from error
        else:
            yield base


class NotTheBuildError(ServingError):
    """What vLLM serves is not the build: it makes other tokens of a conversation, or finds others likely."""


def refuse_unfit(build: Build) -> None:
    """Return for a form that vLLM can be given: the base, an adapter in PEFT's layout, a merged folder.

    Raises:
        ServingError: it is a GGUF file alone.
    """
    if build.form is ServingForm.ADAPTER and not build.folder(Build.ADAPTER_FOLDER):
        raise ServingError(
            f"{build.id[:18]} holds its adapter as GGUF alone, and vLLM reads PEFT's folders.",
            next_step="Build the run again: adapters are kept in both layouts by now.",
        )
    if build.form in {ServingForm.MERGED, ServingForm.QUANTISED}:
        raise ServingError(
            f"vLLM is given no GGUF file, and {build.form.value} {build.quantisation} is nothing else.",
            next_step='Set form = "adapter" or "folder" under [build]; if this is what serves, run '
            '`selftune rollback v1.0` first, or keep driver = "llama.cpp" under [serving].',
        )


class VllmModel(HeldModel):
    """A build as vLLM serves it."""

    def __init__(self, api: VllmApi, build: Build, model: str, *, slots: int) -> None:
        super().__init__(build, model, port=api.port, slots=slots)
        self._api = api

    @property
    def fields(self) -> Mapping[str, Any]:
        """The model's name, and what the base's own settings would change in silence."""
        return {"model": self.model} | _NEUTRAL

    def prove(self, witness: Witness, heard: _Heard, version: str) -> None:
        """See that what answers is the build.

        Raises:
            NotTheBuildError: it makes other tokens of a conversation, or finds others likely after it.
        """
        prompts = tuple(self._prompt(messages) for messages in TEMPLATE_CHALLENGE)
        if prompts != heard.prompts:
            raise NotTheBuildError(
                f"vLLM's {self.model} makes other tokens of a conversation than the build: its template or its "
                "tokenizer is another.",
                next_step="Start it on the base's own folder, without --chat-template.",
            )
        shown = tuple(None if ids is None else self._after(ids, heard.plain) for ids in prompts)
        try:
            agree(witness, shown, f"vLLM's {self.model}")
        except ServingError as error:
            raise NotTheBuildError(
                error.message,
                next_step="Start it on the base that this was trained on, with --dtype float16 or better.",
            ) from error
        proof = self._proof_by(witness.rendered, shown, f"vllm {version}")
        confirm(proof, self.build)
        self._proof = proof

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer.

        Raises:
            ServingError: vLLM is gone or refused, or took reasoning out of the answer.
        """
        own = prompted(request, self.build.prompt)
        body = {"messages": as_json(own.messages), "seed": own.seed} | _drawn(parameters) | dict(self.fields)
        if own.left_open:
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        answered = self._api.post("/v1/chat/completions", body)
        choice, usage = answered["choices"][0], answered["usage"]
        message = choice["message"]
        if message.get("reasoning") or message.get("reasoning_content"):
            raise ServingError(
                "vLLM takes the reasoning of this model out of its answers.",
                next_step="Start it without --reasoning-parser.",
            )
        return Answer(
            text=message.get("content") or "",
            finish_reason=choice["finish_reason"],
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )

    def _prompt(self, messages: Sequence[Message]) -> tuple[int, ...] | None:
        """The tokens that vLLM makes of a conversation; None where the template refuses it."""
        try:
            answered = self._api.post("/tokenize", {"model": self.model, "messages": as_json(messages)})
        except RequestRefusedError:
            return None
        return tuple(answered["tokens"])

    def _after(self, ids: Sequence[int], plain: int) -> FirstTokens:
        """The likeliest tokens after a prompt: those that stand where it is gone on with a plain letter."""
        body = {"model": self.model, "prompt": [*ids, plain], "max_tokens": 1, "temperature": 0.0}
        answered = self._api.post("/v1/completions", body | {"prompt_logprobs": ASKED})
        listed = answered["choices"][0].get("prompt_logprobs")
        return {number: float(entry["logprob"]) for number, entry in listed[-1].items()} if listed else None


@dataclass(frozen=True, kw_only=True)
class ServedBase:
    """The model that vLLM was started on: its name there, and its room for prompt and answer together."""

    name: str
    context_tokens: int


class VllmApi:
    """vLLM's own routes, over loopback, never through a proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._client = LoopbackClient(port)

    def version(self) -> str:
        """The version that runs; `ServingError` when none does."""
        try:
            version: str = self._client.get("/version")["version"]
        except RequestRefusedError as error:
            raise ServingError(f"what listens on port {self.port} is no vLLM.", next_step=f"Run `{START}`.") from error
        return version

    def base(self) -> ServedBase:
        """What it was started on; adapters name a parent, the base names none."""
        listed = self._client.get("/v1/models")["data"]
        own = next(entry for entry in listed if entry.get("parent") is None)
        return ServedBase(name=own["id"], context_tokens=own["max_model_len"])

    def takes_adapters(self) -> bool:
        """Whether it was started so that adapters can be loaded while it runs."""
        return self._tell("/v1/load_lora_adapter", {})[0] != _NOT_FOUND

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a JSON request."""
        return self._client.post(path, dict(body))

    def load(self, model: str, folder: Path) -> None:
        """Load an adapter under a name; what a killed process left under it goes first.

        Raises:
            ServingError: it was started without adapters, or refuses this one; the message quotes it.
        """
        body = {"lora_name": model, "lora_path": str(folder)}
        with suppress(ServingError):
            self.unload(model)
        status, said = self._tell("/v1/load_lora_adapter", body)
        if status == _NOT_FOUND and not self.takes_adapters():
            raise ServingError("this vLLM takes no adapters while it runs.", next_step=f"Start it so: {START}")
        if status != _OK:
            raise ServingError(
                f"vLLM did not load the adapter ({status}: {said[:300]!r}).", next_step=f"It must see {folder}. {_LOOK}"
            )

    def unload(self, model: str) -> None:
        """Let go of an adapter.

        Raises:
            ServingError: it has none of this name, or is gone.
        """
        status, said = self._tell("/v1/unload_lora_adapter", {"lora_name": model})
        if status != _OK:
            raise ServingError(f"vLLM did not unload {model} ({status}: {said[:300]!r}).", next_step=_LOOK)

    def _tell(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        return send_raw(self.port, "POST", path, data, headers, look=_LOOK)


def _drawn(parameters: GenerationParameters) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "top_k": parameters.top_k,
        "max_tokens": parameters.max_tokens,
    }
    return drawn | ({"stop": list(parameters.stop)} if parameters.stop else {})


def _ids_of(client: LoopbackClient, rendered: str) -> tuple[int, ...] | None:
    """The tokens that llama.cpp answers to; what it puts first by itself among them."""
    if rendered == TEMPLATE_REFUSED:
        return None
    body = {"content": rendered, "add_special": True, "parse_special": True}
    return tuple(client.post("/tokenize", body)["tokens"])


def _after(client: LoopbackClient, ids: Sequence[int] | None) -> FirstTokens:
    return None if ids is None else {str(number): logprob for number, logprob in next_tokens(client, ids, ASKED)}
