"""A `llama-server` on the PATH serves as the wheel does; here it is the wheel's own parser and server as a program."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from built_forms import SHORT, Built
from wheel_as_program import parse, told

from selftune.context import ChatRequest
from selftune.errors import DamagedFileError, ServingError
from selftune.records import Message
from selftune.serving.child import Order, parameters_for
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, LlamaServer, run_server
from selftune.serving.program import arguments_for, plain_environment

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

HELLO = ChatRequest(messages=(Message(role="user", content="Hello"),), seed=0)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("bin") / "llama-server"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("wheel_as_program.py")} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Built(tmp_path_factory.mktemp("built"))


def children_of(server):
    return psutil.Process(server.pid).children(recursive=True)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("adapter", [None, "/b.gguf"])
def test_llama_cpps_own_parser_makes_of_the_arguments_what_the_wheel_is_told(exact, adapter):
    order = Order(model="/a.gguf", adapter=adapter, slots=3, context_tokens=512, threads=2, exact=exact)
    assert told(parse(arguments_for(order, 4711))) == told(parameters_for(replace(order, port=4711)))
    assert parse(["--no-such-argument"]) is None


def test_program_answers_and_proves_itself_as_the_wheel_does(built, program, tmp_path):
    config = LlamaCppConfig(context_tokens=256, threads=1)
    build, said = built.build("adapter"), []
    for one in (config, replace(config, program=program)):
        with LlamaCpp(built.paths.__getitem__, tmp_path, one)(build) as served:
            said.append((served.chat(HELLO, SHORT), replace(served.proof, server="")))
    assert said[0] == said[1]
    assert served.proof.server == "llama.cpp (llama-server 7777 (0123abc))"


def test_program_goes_with_who_started_it_and_takes_it_along_when_it_dies(built, program, tmp_path):
    order = Order(model=str(built.gguf), context_tokens=256, program=program)
    with run_server(order, tmp_path / "log") as server:
        (child,) = children_of(server)
    assert psutil.wait_procs([child], timeout=60)[1] == []
    with run_server(order, tmp_path / "log") as server:
        children_of(server)[0].kill()
        with pytest.raises(ServingError, match=r"llama\.cpp died"), server.watched() as client:
            client.complete([1], n_predict=1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_program_does_not_outlive_who_was_killed(built, program, tmp_path):
    with run_server(Order(model=str(built.gguf), context_tokens=256, program=program), tmp_path / "log") as server:
        (child,) = children_of(server)
        psutil.Process(server.pid).kill()
        assert psutil.wait_procs([child], timeout=60)[1] == []


def test_damaged_file_is_told_as_over_the_wheel(built, program, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(built.gguf.read_bytes()[:5000])
    order = Order(model=str(cut), program=program)
    with pytest.raises(DamagedFileError, match=r"can't load cut\.gguf"), run_server(order, tmp_path / "log"):
        pass
    other = replace(order, model=str(built.gguf), model_digest="sha256:other")
    with pytest.raises(DamagedFileError, match="has digest"), run_server(other, tmp_path / "log"):
        pass


def test_where_there_is_none_it_is_said(built, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    serve = LlamaServer(built.paths.__getitem__, tmp_path)
    with pytest.raises(ServingError, match="llama-server is not on the PATH"), serve(built.build("base")):
        pass


def test_environment_changes_no_argument(monkeypatch):
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "17")
    monkeypatch.setenv("LLAMA_API_KEY", "secret")
    assert os.environ.keys() - plain_environment().keys() == {"LLAMA_ARG_CTX_SIZE", "LLAMA_API_KEY"}
