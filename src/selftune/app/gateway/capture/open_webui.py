"""Ratings and edits of a running Open WebUI, joined to the answers that it got through the gateway.

Asked is the API by which its own pages export all ratings, `GET /api/v1/evaluations/feedbacks/all/export`, as an
administrator (`backend/open_webui/routers/evaluations.py`; the fields: `models/feedbacks.py` of Open WebUI). An answer
is found by the names of chat and message that Open WebUI forwards where `ENABLE_FORWARD_USER_INFO_HEADERS` is set
(`utils/headers.py`). An edited answer stands in a rating's snapshot of the chat, beside `originalContent`.

Whoever has an account there may rate what they like, so a rating counts only from the person who was answered: the one
whose name Open WebUI forwarded with the question. Where the answer is the key's own, because no name came or the key
may give none, nobody can tell who that was: then a thumb is taken, and neither an edit nor a remark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selftune.app.gateway.capture.ingest import answer_name
from selftune.app.gateway.capture.reading import SOURCE
from selftune.app.gateway.capture.speakers import Speakers
from selftune.app.gateway.capture.words import Word, clean_word
from selftune.app.gateway.keys import read_keys
from selftune.errors import ServingError, UsageError
from selftune.interactions.formats.open_webui import thumb_of
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.times import as_utc
from selftune.judges.config import Judging
from selftune.judges.endpoint import appoint_endpoint
from selftune.loop.canary.thumbs import pass_thumb
from selftune.loop.config import load_config
from selftune.loop.incoming.captured import LaterWord, add_word, find_answer
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import open_project
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.judges.endpoint import Endpoint
    from selftune.loop.project import Project
    from selftune.records import Interaction

TOKEN: Final = "OPEN_WEBUI_TOKEN"  # noqa: S105 - the name of a variable
PATH: Final = "/api/v1/evaluations/feedbacks/all/export"
_SECONDS: Final = 30.0
_MOST_BYTES: Final = 512 << 20
_NAME_HEX: Final = 32
_OK: Final = 200
_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What one look at Open WebUI's ratings brought.

    Attributes:
        joined: Ratings of answers that the log holds; those that came in before count here too.
        unknown: Ratings of answers that did not come through this gateway, are not in the log yet, or were given to
            somebody else than who rates them.
        unreadable: Ratings whose shape is another than the one we know.
    """

    joined: int = 0
    unknown: int = 0
    unreadable: int = 0


@dataclass(kw_only=True)
class OpenWebUI:
    """A running Open WebUI, and which of its ratings were taken already.

    Attributes:
        opens: Opens the project, for one look.
    """

    folder: Path
    endpoint: Endpoint
    opens: Callable[[Path], AbstractContextManager[Project]] = open_project
    _taken: set[str] = field(default_factory=set)

    def look(self) -> Joined:
        """Ask for all ratings and join those that are new.

        Raises:
            ServingError: it does not answer, or with something else than ratings.
            UsageError: the token opens nothing there.
            LockedError: another process wrote to the store for half a minute.
            BudgetError: the disk is full.
        """
        rated = fetch_ratings(self.endpoint)
        with self.opens(self.folder) as project:
            outcomes = [self._join(project, one) for one in rated]
        return Joined(
            joined=outcomes.count("joined"),
            unknown=outcomes.count("unknown"),
            unreadable=outcomes.count("unreadable"),
        )

    def _join(self, project: Project, rated: Any) -> str:
        try:
            state = digest_of(rated)
            if state in self._taken:
                return "joined"
            entry = as_mapping(rated, "a rating")
            found = _find(project, as_mapping(entry.get("meta"), "'meta'"))
            word = None if found is None else _heard(project, entry, *found)
        except ValueError:
            # Another shape, half of a character, a number that is none: it costs this rating and no other.
            return "unreadable"
        if word is None:
            return "unknown"
        add_word(
            project,
            LaterWord(
                name=word.id,
                source=SOURCE,
                position=word.completion_id,
                feedback=word.feedback,
                comment=word.comment or "",
                said_at=word.said_at,
            ),
        )
        if word.thumbs is not None:
            pass_thumb(project.hidden, word.completion_id, up=word.thumbs > 0)
        self._taken.add(state)
        return "joined"


def connect(folder: Path, url: str, *, token_env: str = TOKEN) -> OpenWebUI:
    """A running Open WebUI at an address; nothing is asked of it yet.

    Raises:
        ConfigError: it is no address, lies beyond this machine without [egress], or the token is not set.
        MissingFileError: there is no project in the folder.
    """
    config = load_config(folder)
    # The check that judges pass; what is sent there is the token alone.
    asked = Judging(
        name="Open WebUI", endpoint=url, model="none", api_key_env=token_env, egress=tuple(config.egress.allow)
    )
    return OpenWebUI(folder=folder.resolve(), endpoint=appoint_endpoint(asked, "connect openwebui"))


def fetch_ratings(endpoint: Endpoint) -> list[Any]:
    """All ratings that an Open WebUI holds, as its API gives them; a redirect is not followed.

    Raises:
        ServingError: it does not answer, or with something else.
        UsageError: the token opens nothing there.
    """
    parts = urlsplit(endpoint.url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {endpoint.api_key}", "Accept": "application/json"}
        connection.request("GET", f"{parts.path.rstrip('/')}{PATH}", headers=headers)
        with connection.getresponse() as said:
            status, body = said.status, said.read(_MOST_BYTES)
    except (OSError, HTTPException) as error:
        raise ServingError(
            f"Open WebUI does not answer at {endpoint.url}: {error}.", next_step="Start it, or check the address."
        ) from error
    finally:
        connection.close()
    if status in _REFUSED:
        raise UsageError(
            f"Open WebUI refused the token ({status}).",
            next_step="Give an administrator's API key: Settings, Account, API keys in Open WebUI.",
        )
    try:
        return as_list(json.loads(body) if status == _OK else None, "what it answered")
    except (ValueError, RecursionError) as error:
        raise ServingError(
            f"what answers at {endpoint.url} gave no list of ratings (HTTP {status}).",
            next_step="Check that it is an Open WebUI, and its version: see docs/capture.md.",
        ) from error


def _find(project: Project, meta: Mapping[str, Any]) -> tuple[Interaction, str] | None:
    """The answer that a rating is about, and the id of the key that its chat came with."""
    chat = as_text(meta.get("chat_id"), "'chat_id'")
    message = as_text(meta.get("message_id"), "'message_id'")
    for key in reversed(read_keys(project.hidden)):
        found = find_answer(project, answer_name(f"{SOURCE}:{key.id}:{chat}", message))
        if found is not None:
            return found, key.id
    return None


def _heard(project: Project, entry: Mapping[str, Any], answer: Interaction, key_id: str) -> Word | None:
    """What of a rating counts, redacted: all of it from who was answered; None where that was somebody else."""
    door = door_of(project)
    assert door.pseudonyms is not None, "a project's door has them"  # noqa: S101 - can't happen
    rater = door.pseudonyms.of(as_text(entry.get("user_id"), "'user_id'"))
    by_key = Speakers(project.hidden, door.owners).of(key_id, None).name
    word = clean_word(_word(entry, answer), door)
    if by_key is not None and answer.author == door.pseudonyms.of(by_key):
        return replace(word, correction=None, comment=None)
    return word if answer.author == rater else None


def _word(entry: Mapping[str, Any], answer: Interaction) -> Word:
    """What a rating says of an answer; named by what it says, so that the same one is taken once."""
    data = as_mapping(entry.get("data"), "'data'")
    said = [data[key] for key in ("reason", "comment") if isinstance(data.get(key), str) and data[key].strip()]
    thumbs, correction, comment = thumb_of(data.get("rating")), _edit(entry, answer), "\n".join(said) or None
    when = as_utc(entry.get("updated_at")) or as_utc(entry.get("created_at")) or ""
    name = digest_of([SOURCE, "open webui", entry.get("id"), when, thumbs, correction, comment])
    return Word(
        id=name.removeprefix("sha256:")[:_NAME_HEX],
        completion_id=answer.position,
        key_id="",
        thumbs=thumbs,
        correction=correction,
        comment=comment,
        said_at=when,
    )


def _edit(entry: Mapping[str, Any], answer: Interaction) -> str | None:
    """What a person made of the answer in Open WebUI; None where they left it."""
    node = entry.get("snapshot")
    meta = as_mapping(entry.get("meta"), "'meta'")
    for key in ("chat", "chat", "history", "messages", meta.get("message_id")):
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(node.get("originalContent"), str):
        return None
    now = node.get("content")
    return now if isinstance(now, str) and now.strip() and now.strip() != (answer.answer or "").strip() else None
