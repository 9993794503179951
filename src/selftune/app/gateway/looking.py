"""Keys and counts of a project's gateway, for the commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final

from selftune.app.gateway.keys import FOLDER, Scope, make_key, read_keys, revoke_key
from selftune.errors import UnknownNameError, UsageError
from selftune.interactions.privacy.consent import read_level
from selftune.loop.config import load_config
from selftune.loop.opened import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.app.gateway.keys import Key

NOTE: Final = "gateway.json"
"""Where a running gateway says its port and a token for commands of the same user."""
_SECONDS: Final = 5.0
_OK: Final = 200


def add_key(
    folder: Path, name: str, scopes: Sequence[str], consent: str, requests_per_minute: int | None
) -> tuple[Key, str]:
    """A new key and what is shown of it once.

    Raises:
        UnknownNameError: there is no such scope or level of consent.
        ConfigError: a key in force has this name.
    """
    load_config(folder)
    for scope in scopes:
        if scope not in list(Scope):
            raise UnknownNameError("scope", scope, list(Scope))
    return make_key(
        folder.resolve() / HIDDEN,
        name,
        scopes=tuple(Scope(scope) for scope in scopes) or tuple(Scope),
        consent=read_level(consent) if consent else None,
        requests_per_minute=requests_per_minute,
    )


def drop_key(folder: Path, named: str) -> Key:
    """Have a key open nothing from now on; `UnknownNameError` where there is none."""
    load_config(folder)
    return revoke_key(folder.resolve() / HIDDEN, named)


def keys_of(folder: Path) -> list[dict[str, Any]]:
    """Every key that was made here, the oldest first."""
    load_config(folder)
    return [asdict(key) for key in read_keys(folder.resolve() / HIDDEN)]


def key_lines(keys: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line a key."""
    if not keys:
        yield "There is no key yet. Make one: selftune gateway key add NAME"
    for key in keys:
        state = "in force" if key["revoked_at"] is None else f"revoked {key['revoked_at']}"
        consent = key["consent"] or "the project's"
        yield f"{key['id']}  {key['name']:<16}{', '.join(key['scopes']):<22}consent {consent}; {state}"


def gateway_status(folder: Path) -> dict[str, Any]:
    """What the running gateway has counted.

    Raises:
        UsageError: none runs for this project.
    """
    load_config(folder)
    try:
        note = json.loads((folder.resolve() / HIDDEN / FOLDER / NOTE).read_bytes())
        connection = HTTPConnection("127.0.0.1", note["port"], timeout=_SECONDS)
        connection.request("GET", "/gateway/status", headers={"Authorization": f"Bearer {note['token']}"})
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        connection.close()
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise UsageError("no gateway runs for this project.", next_step="Start it: selftune up") from error
    if answer.status != _OK:
        raise UsageError("what runs at its port is another gateway.", next_step="Start this one: selftune up")
    return {"address": f"http://127.0.0.1:{note['port']}/v1"} | told


def status_lines(told: dict[str, Any]) -> Iterator[str]:
    """The counts in a person's words."""
    yield f"{'address':<16}{told['address']}"
    for name in ("ended", "captured", "lost", "refused"):
        counts = ", ".join(f"{what} {many}" for what, many in told.get(name, {}).items())
        yield f"{name:<16}{counts or 'none'}"
