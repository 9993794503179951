"""A trial, exchanges of it, and a fake routing behind it that says that it is one."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

from selftune.app.gateway.canary.routing import CanaryRouting
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, Ended, Exchange, Route
from selftune.errors import UnknownNameError
from selftune.loop.canary.note import CanaryNote, Limits, write_canary

CHAMPION_DIGEST, CANDIDATE_DIGEST = "sha256:champion", "sha256:candidate"
LIMITS = Limits(alpha=0.05, errors=0.02, refusals=0.05, thumbs=0.1, slow=0.2, slower_times=1.5)
NOTE = CanaryNote(
    trial="0011223344556677",
    candidate_build_id=f"build:{'b' * 64}",
    candidate_digest=CANDIDATE_DIGEST,
    champion_build_id=f"build:{'a' * 64}",
    champion_digest=CHAMPION_DIGEST,
    evaluation_id=f"evaluation:{'e' * 64}",
    address="http://127.0.0.1:9/v1",
    share=0.5,
    shadow=False,
    salt="ab" * 16,
    started_at="2026-11-22T17:00:00+00:00",
    limits=LIMITS,
)


class FakeRouting:
    """A fake routing of a champion alone."""

    def __init__(self) -> None:
        self.digest = CHAMPION_DIGEST
        self.seen: list[Exchange] = []

    def aliases(self) -> tuple[str, ...]:
        return (CHAMPION, "other")

    def pick(self, alias: str, sticky: str) -> Route:
        del sticky
        if alias not in self.aliases():
            raise UnknownNameError("model", alias, self.aliases())
        return Route(upstream=alias, address="http://127.0.0.1:8/v1", build_digest=self.digest)

    def observe(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


def start(hidden, **changes) -> tuple[CanaryRouting, FakeRouting, list[str]]:
    """A routing over a trial that runs; what it told to settle is the last of the three."""
    write_canary(replace(NOTE, **changes), hidden)
    inner, settled = FakeRouting(), list[str]()
    return CanaryRouting(inner, hidden, settle=lambda: settled.append("settle")), inner, settled


def exchange(upstream: str, text: str = "Four.", **changes) -> Exchange:
    """One answer of this upstream to a plain question."""
    request = json.dumps({"model": CHAMPION, "messages": [{"role": "user", "content": "2 + 2?"}]}).encode()
    answer = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
    fields = {
        "completion_id": "c-1",
        "route": "/v1/chat/completions",
        "alias": CHAMPION,
        "build_digest": CHAMPION_DIGEST if upstream == CHAMPION else CANDIDATE_DIGEST,
        "upstream": upstream,
        "key_id": "key-1",
        "consent": "train",
        "user": "ada",
        "conversation": None,
        "message_id": None,
        "request": request,
        "response": json.dumps(answer).encode(),
        "streamed": False,
        "status": 200,
        "ended": Ended.COMPLETE,
        "happened_at": "2026-11-22T17:00:01+00:00",
        "first_byte_seconds": 0.1,
        "seconds": 0.2,
    }
    return Exchange(**fields | changes)


def users(share: float = 0.5):
    """Made-up users without end, each with who answers them on a trial of this share."""
    note = replace(NOTE, share=share)
    return ((name, CANDIDATE if note.is_on_candidate(name) else CHAMPION) for name in map("user {}".format, count()))


def died(upstream: str, **changes) -> Exchange:
    """No answer at all."""
    return exchange(upstream, status=502, ended=Ended.UPSTREAM_DIED, first_byte_seconds=None, response=b"", **changes)
