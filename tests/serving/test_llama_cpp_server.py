from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from selftune.context import ChatRequest
from selftune.errors import DamagedFileError, RequestRefusedError, ServingError
from selftune.records import GenerationParameters, Message, digest_file
from selftune.serving.child import Order, _NotOrderedError, _OpenedFiles
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, _await_hello, run_server
from selftune.serving.processor import free_cores, require_avx2
from selftune.testing import fake_build

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

SHORT = GenerationParameters(max_tokens=8)
DRAWN = GenerationParameters(max_tokens=8, temperature=1.0)


def order(model, **changes):
    return Order(**({"model": str(model), "context_tokens": 256} | changes))


def ask(text, seed=0):
    return ChatRequest(messages=(Message(role="user", content=text),), seed=seed)


def gone(pid):
    """Whether the process has ended, after at most a minute; an unreaped child counts as ended."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        process.wait(timeout=60)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_turn_that_is_left_open_is_gone_on_with_after_its_last_word(gguf, tmp_path):
    begun = replace(ask("The owl told the"), left_open=True)
    with run_server(order(gguf, slots=2), tmp_path / "log") as server:
        client = server.client
        rendered = client.post("/apply-template", {"messages": [{"role": "user", "content": "The owl told the"}]})
        before, _, after = rendered["prompt"].rpartition("The owl told the")
        body = {"content": f"{before}The owl told the", "add_special": True, "parse_special": True}
        expected = client.complete(client.post("/tokenize", body)["tokens"], n_predict=8)["content"]
        assert after  # the template ends a turn and begins an answer, else there is nothing to leave open
        assert client.chat(begun, SHORT).text == expected
        both = [answer.text for answer in client.chat_many([begun, ask("Hello")], SHORT)]
        assert both == [expected, client.chat(ask("Hello"), SHORT).text]
        assert client.chat(begun, SHORT).completion_tokens <= 8


def test_server_answers_on_loopback_and_leaves_nothing_behind(gguf, tmp_path):
    with run_server(order(gguf), tmp_path / "log") as server:
        answer = server.client.chat(ask("Hello"), SHORT)
        assert answer.text
        assert answer.completion_tokens <= 8
        assert answer.finish_reason in {"stop", "length"}
        assert server.url.startswith("http://127.0.0.1:")
        assert server.alive()
    assert gone(server.pid)


def test_server_stops_when_the_block_ends_in_an_error(gguf, tmp_path):
    with pytest.raises(ZeroDivisionError), run_server(order(gguf), tmp_path / "log") as server:
        raise ZeroDivisionError
    assert gone(server.pid)


def test_killed_parent_leaves_no_orphan(gguf, tmp_path):
    script = (
        "import sys, json; from pathlib import Path\n"
        "from selftune.serving.child import Order; from selftune.serving.llama_cpp import run_server\n"
        f"with run_server(Order(model={str(gguf)!r}, context_tokens=256), Path({str(tmp_path / 'log')!r})) as server:\n"
        "    print(json.dumps(server.pid), flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    server_pid = json.loads(parent.stdout.readline())
    assert psutil.pid_exists(server_pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(server_pid)
    parent.stdin.close()
    parent.stdout.close()


def test_many_answers_come_in_the_order_of_the_requests(gguf, tmp_path):
    requests = [ask(f"Number {number}", seed=number) for number in range(24)]
    with run_server(order(gguf), tmp_path / "log") as server:
        alone = [server.client.chat(request, SHORT).text for request in requests]
        many = [answer.text for answer in server.client.chat_many(iter(requests), SHORT)]
    assert many == alone
    assert len(set(alone)) > 1  # else the order could not be seen


def test_several_slots_answer_all_requests_in_order(gguf, tmp_path):
    requests = [ask("Hello" if number % 2 else "0123456789 0123456789", seed=number) for number in range(20)]
    with run_server(order(gguf, slots=4), tmp_path / "log") as server:
        answers = [answer.prompt_tokens for answer in server.client.chat_many(requests, SHORT)]
    assert answers[0] != answers[1]
    assert answers == answers[:2] * 10


def test_equal_seeds_draw_equal_answers_and_others_do_not(gguf, tmp_path):
    with run_server(order(gguf), tmp_path / "log") as server:
        drawn = [server.client.chat(ask("Hello", seed), DRAWN).text for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]


def test_dead_proxy_is_not_asked(gguf, tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with run_server(order(gguf), tmp_path / "log") as server:
        assert server.client.chat(ask("Hello"), SHORT).text


def test_file_with_another_digest_is_refused_before_it_is_loaded(gguf, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    data = bytearray(gguf.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    with (
        pytest.raises(DamagedFileError, match="has digest"),
        run_server(order(damaged, model_digest=digest_file(gguf)), tmp_path / "log"),
    ):
        pass
    assert "load" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("keep", [0, 3, 40, 5000, -1000])
def test_cut_file_is_damaged_not_a_crash(gguf, tmp_path, keep):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[:keep])
    with pytest.raises((DamagedFileError, ServingError), match=r"cut\.gguf"), run_server(order(cut), tmp_path / "log"):
        pass


def test_taken_port_is_named(gguf, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServingError, match=f"port {port} is taken"),
            run_server(order(gguf, port=port), tmp_path / "log"),
        ):
            pass


def test_error_after_a_crash_says_how_the_server_died(gguf, tmp_path):
    with run_server(order(gguf), tmp_path / "log") as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ServingError, match=r"died .signal SIGKILL"), server.watched() as client:
            client.chat(ask("Hello"), SHORT)
        assert not server.alive()


def test_illegal_instruction_is_named(tmp_path):
    script = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    with pytest.raises(ServingError, match="an instruction that this processor does not have"):
        _await_hello(process, order("model.gguf"), tmp_path / "log", 30)
    process.stdout.close()


def test_silent_child_runs_out_of_time(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with pytest.raises(ServingError, match="said nothing for 0 s"):
        _await_hello(process, order("model.gguf"), tmp_path / "log", 0.01)
    process.communicate(b"\n")


def test_too_long_prompt_is_refused_with_the_servers_words(gguf, tmp_path):
    with (
        run_server(order(gguf), tmp_path / "log") as server,
        pytest.raises(RequestRefusedError, match=r"refused .400.*context"),
    ):
        server.client.chat(ask("word " * 400), SHORT)


def test_processor_without_avx2_is_refused_by_name(tmp_path):
    old = tmp_path / "cpuinfo"
    old.write_text("processor : 0\nflags : fpu sse2 avx\n")
    with pytest.raises(ServingError, match="AVX2"):
        require_avx2(old, "x86_64")
    require_avx2(old, "aarch64")
    old.write_text("flags : fpu sse2 avx avx2\n")
    require_avx2(old, "x86_64")


def test_there_is_always_a_free_core():
    assert 1 <= free_cores() <= psutil.cpu_count()


def test_file_exchanged_while_it_was_loaded_is_seen(gguf, tmp_path):
    served = tmp_path / "model.gguf"
    shutil.copyfile(gguf, served)
    files = _OpenedFiles(order(served))
    files.confirm_unchanged()
    other = tmp_path / "other.gguf"
    shutil.copyfile(gguf, other)
    other.replace(served)
    with pytest.raises(_NotOrderedError, match="changed while it was loaded"):
        files.confirm_unchanged()


def test_build_without_a_model_file_is_refused(tmp_path):
    serve = LlamaCpp(lambda digest: tmp_path / digest, tmp_path)
    with pytest.raises(ServingError, match=r"holds no model\.gguf"), serve(fake_build(files=())):
        pass


def test_file_that_is_not_the_builds_is_refused(gguf, tmp_path):
    serve = LlamaCpp(lambda _: gguf, tmp_path, LlamaCppConfig(context_tokens=256))
    with pytest.raises(DamagedFileError, match="has digest"), serve(fake_build("other")):
        pass
