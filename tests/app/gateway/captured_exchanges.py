"""Exchanges as a gateway hands them over, made by hand, and a project's spool written and taken in this process."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass

from selftune.app.gateway.capture.ingest import Ingest
from selftune.app.gateway.capture.speakers import Speakers
from selftune.app.gateway.capture.spool import Spool
from selftune.app.gateway.capture.talk import Asked
from selftune.app.gateway.capture.writer import Owners, Writer
from selftune.app.gateway.exchange import Ended, Exchange
from selftune.loop.incoming.privacy import door_of
from selftune.records import Interaction


def exchange(
    name="cmpl-aaaaaaaaaaaaaaaa",
    asked="How tall is the tower?",
    said="It is 300 metres tall.",
    *,
    route="/v1/chat/completions",
    request=None,
    response=None,
    streamed=False,
    **facts,
):
    """A chat of one question, unless bodies are given."""
    request = {"messages": [{"role": "user", "content": asked}]} if request is None else request
    response = chat_answer(said) if response is None else response
    told = {
        "alias": "champion", "build_digest": None, "upstream": "champion", "key_id": None, "consent": "train",
        "user": None, "conversation": None, "message_id": None, "status": 200, "ended": Ended.COMPLETE,
        "happened_at": "2026-11-22T17:00:00.250+00:00", "first_byte_seconds": 0.1, "seconds": 0.2,
    }  # fmt: skip
    return Exchange(
        completion_id=name,
        route=route,
        request=as_body(request),
        response=as_body(response),
        streamed=streamed,
        **(told | facts),
    )


def as_body(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def chat_answer(text):
    return {"model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


def events(*objects, done=True):
    """A body of server-sent events."""
    lines = [f"data: {json.dumps(one)}\n\n" for one in objects]
    return "".join([*lines, *(["data: [DONE]\n\n"] if done else [])]).encode()


def chunks(*deltas, done=True, reason="stop"):
    """A streamed chat of one choice."""
    parts = [{"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    last = [{"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}] if done else []
    return events(*parts, *last, done=done)


@dataclass(frozen=True)
class House:
    """A project with a gateway's spool; the writer and the ingest run in this process."""

    project: object

    @property
    def spool_folder(self):
        return self.project.hidden / "gateway" / "spool"

    @contextmanager
    def writer(self):
        door = door_of(self.project)
        spool = Spool(self.spool_folder)
        try:
            yield Writer(spool, door, Speakers(self.project.hidden, door.owners), Owners(self._key_of))
        finally:
            spool.close()

    def write(self, *what):
        """What became of exchanges and words that were handed over at once."""
        with self.writer() as writer:
            asked = [
                Asked(number=number, **{"exchange" if isinstance(one, Exchange) else "word": one})
                for number, one in enumerate(what, start=1)
            ]
            return [done.verdict for done in writer.write(asked)]

    def take(self):
        """Take in what is in the spool, as a process that was just started does."""
        return Ingest(folder=self.project.folder, opens=self._opened).take()

    def kept(self):
        """The interactions of the log in the order in which they came, later versions too."""
        return [one for _, one in self.project.store.each(Interaction)]

    @contextmanager
    def _opened(self, _folder):
        yield self.project

    def _key_of(self, completion_id):
        found = self.project.store.kept_at("gateway", [completion_id]).get(completion_id)
        return None if found is None else next(flag for flag in found.flags if flag.startswith("key:"))
