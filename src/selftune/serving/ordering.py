"""What goes between us and the process around llama.cpp: an order in, a hello or a refusal out, a line of JSON each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the child is to serve.

    Attributes:
        model_digest: What the file must be, else nothing is loaded; None takes any file (and reports it).
        adapter: A GGUF adapter, loaded at scale 0: a request that does not ask for it gets the bare model.
        slots: Requests at once, shared out to the servers.
        servers: How many stand side by side on these files, with `threads` each; the first has the port.
        program: A llama-server of this machine's own that serves, by its path; None for the wheel's.
        exact: Keep the cache in float32 without flash attention: 100 times less noise, slower; for parity checks.
    """

    model: str
    model_digest: str | None = None
    adapter: str | None = None
    adapter_digest: str | None = None
    slots: int = 1
    servers: int = 1
    context_tokens: int = 2048
    threads: int = 1
    port: int = 0
    program: str | None = None
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class Hello:
    """What the child says when it serves: where, and the digests of the very files it opened.

    Attributes:
        beside: Where the servers beside the first listen.
    """

    address: str
    model_digest: str
    adapter_digest: str | None
    server: str
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What it says when it does not: `damaged` (not the file that was ordered) or `failed`."""

    kind: str
    message: str
