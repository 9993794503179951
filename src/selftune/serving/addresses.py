"""Where a server that someone else started listens: only on this machine, since weights and words go there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

OLLAMA_HOST: Final = "OLLAMA_HOST"
VLLM_URL: Final = "VLLM_URL"
VARIABLES: Final = (OLLAMA_HOST, VLLM_URL)
_HERE: Final = frozenset({"127.0.0.1", "localhost", "0.0.0.0", "::1", "::"})  # noqa: S104 - what a server is told


def told_addresses(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Where this command was told that other servers listen, for a keeper that was started before."""
    return {variable: environment[variable] for variable in VARIABLES if variable in environment}


def take_addresses(told: Mapping[str, str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Look for other servers where a command was told to; what it was not told stays."""
    environment.update({variable: told[variable] for variable in VARIABLES if variable in told})


def port_from(variable: str, default: int, environment: Mapping[str, str] = os.environ) -> int:
    """The port that an environment variable such as `OLLAMA_HOST` names, as a URL, `host:port` or a host.

    Raises:
        ConfigError: it names another machine, or no address.
    """
    text = environment.get(variable, "").strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{variable}={text!r} is no address.", next_step="Write http://127.0.0.1:PORT.") from error
    if host is not None and host not in _HERE:
        raise ConfigError(
            f"{variable} names {host}, another machine: weights and conversations would leave this one.",
            next_step="Serve on this machine, or forward its port to one of this machine's.",
        )
    return port or default
