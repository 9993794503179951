"""The whole way of a trial: a candidate waits for one, people ask through the gateway, and the gate decides anew by it.

The two models are fakes that say so; project, gateway, journal, record, gate and decision are the real ones.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "loop" / "canary"))

from canary_house import users
from canary_world import FakeChampion, world_of
from gateway_house import FakeCapture, FakeRouting

from selftune.app.gateway.canary.routing import CanaryRouting
from selftune.app.gateway.counting import Counts
from selftune.app.gateway.exchange import CHAMPION, Route
from selftune.app.gateway.keys import KeyRing
from selftune.app.gateway.server import serving
from selftune.gate import policies
from selftune.gate.policies import load_policy
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.canary.ending import stop_trial
from selftune.loop.canary.note import TrialEnd, read_canary
from selftune.loop.canary.settling import settle_canary
from selftune.loop.canary.starting import start_trial
from selftune.loop.deciding.live import decide_by_live
from selftune.loop.executor import Silent
from selftune.loop.fronting import GatewaySection
from selftune.loop.releasing.pending import pending_decision
from selftune.loop.runner import make_executor
from selftune.records import Check, CheckStatus, LiveTrial, Outcome

REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture
def world(project, monkeypatch):
    """A candidate that gained, of which the policy wants twenty answers to real requests before a promotion."""
    (project.folder / "policies").mkdir(exist_ok=True)
    text = (Path(policies.__file__).parent / "small.toml").read_text()
    asks = project.folder / "policies" / "asks.toml"
    asks.write_text(text.replace("live_answers = 0 ", "live_answers = 20 ").replace('"small"', '"asks"', 1))
    config = replace(project.config, gate=replace(project.config.gate, policy="asks"))
    world = world_of(replace(project, config=config), Outcome.INCONCLUSIVE, policy=load_policy(str(asks)))
    waits = [
        Check(name=f"live:{guard}", status=CheckStatus.NOT_MEASURED, detail="made up")
        for guard in ("errors", "latency", "refusals")
    ]
    gained = Check(name="gain", status=CheckStatus.PASS, detail="made up")
    world.decision = replace(world.decision, checks=(gained, *waits))
    project.store.save([world.decision], event="made up")
    for module in ("settling", "starting"):
        monkeypatch.setattr(f"selftune.loop.canary.{module}.stop_candidate", lambda *_, **__: True)
    return world


@asynccontextmanager
async def fake_models(world, says):
    """Both models at one address, as fakes; `says` is what each answers."""

    async def answer(request):
        side = request.match_info["side"]
        message = {"role": "assistant", "content": says[side]}
        body = {"id": f"chatcmpl-fake-{id(message)}", "model": f"a fake {side}", "choices": [{"message": message}]}
        digest = {"champion": world.champion, "candidate": world.candidate}[side].digest
        return web.json_response(body, headers={"X-Selftune-Build": digest})

    app = web.Application()
    app.router.add_post("/{side}/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def tried(world, monkeypatch, *, says, people=50):
    """Start a trial, have so many people ask once each through a gateway, and say who answered them."""

    async def scene():
        async with fake_models(world, says) as address, ClientSession() as client:
            served = SimpleNamespace(address=f"{address}/candidate/v1")
            monkeypatch.setattr("selftune.loop.canary.starting.serve_candidate", lambda *_: (None, served))
            monkeypatch.setattr("selftune.loop.canary.starting.LiveServer", FakeChampion)
            # The same 26 of 50 on the candidate's side each time: by chance fewer than 20 are, once in 17 times.
            dealt = SimpleNamespace(token_hex=lambda count: "34" * count)
            monkeypatch.setattr("selftune.loop.canary.starting.secrets", dealt)
            start_trial(world.project, "candidate", share=0.5, shadow=False)
            inner = FakeRouting({CHAMPION: Route(upstream=CHAMPION, address=f"{address}/champion/v1")})
            routing = CanaryRouting(inner, world.hidden, settle=lambda: None)
            gateway = serving(
                GatewaySection(port=0), keys=KeyRing(world.hidden), consent=ConsentLevel.KEEP, routing=routing,
                capture=FakeCapture(), counts=Counts(),
            )  # fmt: skip
            async with gateway as port:
                answered = [await ask(client, port, name) for name, _ in islice(users(), people)]
            routing.close()
            return answered

    return asyncio.run(scene())


async def ask(client, port, user):
    body = {"model": CHAMPION, "user": user, "messages": [{"role": "user", "content": "Hello."}]}
    async with client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as answer:
        assert answer.status == 200
        return answer.headers["X-Selftune-Upstream"]


def statuses(decision):
    return {one.name: one.status for one in decision.checks if one.name.startswith("live:")}


def test_a_candidate_that_does_no_harm_is_promoted_by_the_next_cycle(world, monkeypatch):
    answered = tried(world, monkeypatch, says={"champion": "Well, hello.", "candidate": "Hello to you."})
    assert set(answered) == {"champion", "candidate"}
    kept = stop_trial(world.project)
    assert (kept.candidate_answers, kept.champion_answers) == (answered.count("candidate"), answered.count("champion"))
    assert kept.candidate_people + kept.champion_people == 50
    decision = decide_by_live(world.project, make_executor(world.project, Silent()))
    assert (decision.outcome, decision.live) == (Outcome.PROMOTE, (kept.id,))
    assert CheckStatus.FAIL not in statuses(decision).values()
    assert pending_decision(world.project) == decision
    assert decide_by_live(world.project, make_executor(world.project, Silent())) is None


def test_a_candidate_that_refuses_is_sent_back_amid_the_traffic_and_rejected_by_the_next_cycle(world, monkeypatch):
    answered = tried(world, monkeypatch, says={"champion": "Well, hello.", "candidate": REFUSAL})
    assert read_canary(world.hidden).end is TrialEnd.RETURNED
    assert answered.count("candidate") < 25
    assert set(answered[-20:]) == {"champion"}
    kept = settle_canary(world.project)
    assert world.project.store.last(LiveTrial) == kept
    decision = decide_by_live(world.project, make_executor(world.project, Silent()))
    assert (decision.outcome, statuses(decision)["live:refusals"]) == (Outcome.REJECT, CheckStatus.FAIL)
    assert pending_decision(world.project) is None
    assert decide_by_live(world.project, make_executor(world.project, Silent())) is None
