"""Approved tools over the Model Context Protocol: what it offers, what hostile input is answered, what is kept."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "loop" / "forging"))
sys.path.insert(0, str(Path(__file__).parents[1] / "toolforge"))

from forging_makers import put, yes

from selftune.app.cli.mcp import mcp
from selftune.app.mcp import MOST_BYTES, REVISIONS, ToolServer, serve_tools
from selftune.errors import IntegrityError, SandboxError
from selftune.loop.forging.listening import gaps_of
from selftune.records import Interaction, ToolSchema

CALL = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "count_vowels", "arguments": {"text": "tree"}},
}


class FakeBox:
    """A fake toolbox: it runs nothing, and answers every call with its own arguments."""

    def __init__(self) -> None:
        self.calls = []

    def schemas(self):
        return (ToolSchema(name="echo", description="Says it again.", parameters='{"type":"object"}'),)

    def call(self, wanted):
        from dataclasses import replace

        return replace(wanted, result="error: the tool failed" if "fail" in wanted.arguments else wanted.arguments)


@pytest.fixture
def on_its_own(project, tmp_path, monkeypatch):
    """The project as a process of its own opens it: with a base that every machine knows."""
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    config = project.folder / "selftune.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('"fake"', '"reference"'), encoding="utf-8")
    return project


@pytest.fixture
def kept():
    return []


@pytest.fixture
def server(kept):
    return ToolServer(FakeBox, kept.append)


def ask(server, method, params=None, **more):
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **more}
    return json.loads(server.answer(json.dumps(message).encode()))


def test_it_says_who_it_is_in_the_revision_that_is_asked_for_or_its_newest(server):
    for asked, given in [(REVISIONS[1], REVISIONS[1]), ("2024-11-05", "2024-11-05"), ("1999-01-01", REVISIONS[0])]:
        result = ask(server, "initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {}})["result"]
        assert result["protocolVersion"] == given
        assert result["capabilities"] == {"tools": {"listChanged": False}}
        assert result["serverInfo"]["name"] == "selftune"
    assert ask(server, "ping")["result"] == {}


def test_tools_are_listed_and_called_and_each_call_is_told(server, kept):
    (tool,) = ask(server, "tools/list")["result"]["tools"]
    assert tool == {"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object"}}
    result = ask(server, "tools/call", {"name": "echo", "arguments": {"b": 1, "a": "\u2028"}})["result"]
    assert result == {"content": [{"type": "text", "text": '{"a":"\u2028","b":1}'}], "isError": False}
    assert ask(server, "tools/call", {"name": "echo", "arguments": {"fail": 1}})["result"]["isError"] is True
    assert [call.name for call in kept] == ["echo", "echo"]


@pytest.mark.parametrize(
    ("line", "code", "number"),
    [
        (b"hello", -32700, None),
        (b"{", -32700, None),
        (b"\xff\xfe", -32700, None),
        (b"[" * 5000, -32700, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "x": NaN}', -32700, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, None),
        (b'"ping"', -32600, None),
        (b'{"id": 1, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600, 1),
        (b'{"jsonrpc": "2.0", "id": "a", "method": "resources/list"}', -32601, "a"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}', -32602, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "rm"}}', -32602, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "e", "arguments": ""}}', -32602, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "x"}}', -32602, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "' + b"y" * MOST_BYTES + b'"}', -32600, None),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else None,
)  # fmt: skip
def test_hostile_input_is_answered_in_the_protocol_s_own_terms(server, kept, line, code, number):
    answer = json.loads(server.answer(line))
    assert (answer["error"]["code"], answer["id"]) == (code, number)
    assert kept == []


def test_notifications_and_answers_are_answered_with_nothing(server, kept):
    for message in (
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "echo", "arguments": {}}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}},
    ):
        assert server.answer(json.dumps(message).encode()) is None
    assert kept == []


def test_what_fails_behind_it_is_an_error_of_the_protocol(kept):
    def broken():
        raise IntegrityError("a tool was altered.", next_step="Restore it.")

    answer = ask(ToolServer(broken, kept.append), "tools/list")
    assert answer["error"] == {"code": -32603, "message": "a tool was altered. Restore it."}


def test_what_nobody_foresaw_is_an_error_of_the_protocol_too_and_the_next_line_is_answered(kept):
    def broken():
        raise ZeroDivisionError("jane said a private thing")

    server = ToolServer(broken, kept.append)
    assert ask(server, "tools/list")["error"] == {"code": -32603, "message": "that failed here (ZeroDivisionError)"}
    assert ask(server, "tools/list", {"cursor": "x"})["error"]["code"] == -32602
    assert ask(server, "ping")["result"] == {}


def test_a_line_without_end_is_cut_and_the_next_one_is_answered(server, project):
    ping = b'{"jsonrpc": "2.0", "id": 2, "method": "ping"}\n'
    out = io.BytesIO()
    serve_tools(project, io.BytesIO(b"\n  \n" + b"x" * (3 * MOST_BYTES) + b"\n" + ping + ping.strip()), out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(one["id"], "error" in one) for one in answers] == [(None, True), (2, False), (2, False)]


def test_without_a_sandbox_it_ends_at_once_with_9_and_hides_nothing(monkeypatch, tmp_path):
    def none_holds():
        raise SandboxError("no sandbox holds here.", next_step="Install bubblewrap.")

    monkeypatch.setattr("selftune.toolforge.sandbox.find_sandbox", none_holds)
    with pytest.raises(SandboxError) as error:
        mcp(tools=True, project=tmp_path)
    assert error.value.exit_code == 9


@pytest.mark.needs("bwrap")
def test_a_real_process_offers_approved_tools_alone_and_says_nothing_else(on_its_own):
    project = on_its_own
    put(project)
    put(project, "def hidden_one(text: str) -> int:\n    return 0\n", name="hidden_one")
    yes(project)
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": REVISIONS[0]}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        CALL,
        {**CALL, "id": 8, "params": {"name": "hidden_one", "arguments": {"text": ""}}},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "selftune", "mcp", "--tools", "--project", str(project.folder)],
        input="\n".join(map(json.dumps, lines)).encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    answers = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert answers.keys() == {1, 2, 7, 8}
    assert [tool["name"] for tool in answers[2]["result"]["tools"]] == ["count_vowels"]
    assert answers[7]["result"] == {"content": [{"type": "text", "text": "2"}], "isError": False}
    assert answers[8]["error"]["code"] == -32602
    (call,) = [one for _, one in project.store.each(Interaction)]
    assert (call.source, call.consent.train, call.messages[0].tool_calls[0].result) == ("mcp", False, "2")
    assert gaps_of(project) == ()


@pytest.mark.needs("bwrap")
def test_the_official_client_gets_along_with_it(on_its_own):
    """Skipped by name where the package `mcp` is not installed: it is none of ours."""
    project = on_its_own
    pytest.importorskip("mcp", reason="the official client `mcp` is not installed")
    import asyncio

    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    put(project)
    yes(project)
    words = ["-m", "selftune", "mcp", "--tools", "--project", str(project.folder)]

    async def talk():
        started = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
        async with stdio_client(started) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = await session.list_tools()
            done = await session.call_tool("count_vowels", {"text": "tree"})
            return [tool.name for tool in tools.tools], done.content[0].text, done.is_error

    assert asyncio.run(talk()) == (["count_vowels"], "2", False)
