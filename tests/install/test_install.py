"""The installer's decisions, on machines and resolver answers that this machine is not."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORTS = Path(__file__).parent / "reports"


def load_installer():
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["install"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


install = load_installer()

LINUX = install.Machine(
    system="Linux",
    architecture="x86_64",
    python="3.11.7",
    has_avx2=True,
    has_nvidia=False,
    has_venv=True,
    glibc=True,
    free_bytes=50_000_000_000,
)

PIP = install.pip_itself(Path("v"))


def report(name: str) -> dict:
    return json.loads((REPORTS / f"{name}.json").read_text(encoding="utf-8"))


# --- which PyTorch


def test_a_processor_build_is_taken_from_the_users_own_index():
    assert install.choose_torch(report("cpu_build_offered"), has_nvidia=False).index is None


def test_cuda_without_a_device_leads_to_pytorchs_processor_index():
    choice = install.choose_torch(report("cuda_offered"), has_nvidia=False)
    assert choice.index == "https://download.pytorch.org/whl/cpu"


def test_cuda_with_a_device_is_installed_as_offered():
    assert install.choose_torch(report("cuda_offered"), has_nvidia=True).index is None


def test_the_choice_counts_the_cuda_packages_that_the_report_holds():
    names = [item["metadata"]["name"] for item in report("cuda_offered")["install"]]
    count = sum(name.startswith("nvidia-") for name in names)
    assert count > 10
    assert f" {count} CUDA packages" in install.choose_torch(report("cuda_offered"), has_nvidia=False).why


def test_an_unreachable_processor_index_cannot_fall_back_to_cuda():
    choice = install.TorchChoice(install.TORCH_CPU_INDEX, "test")
    for tool in (PIP, install.uv_as_told(Path("v"), {"index-url": "https://example.org/simple"})):
        command = install.install_torch(tool, choice)
        assert command[command.index("--index-url") + 1] == install.TORCH_CPU_INDEX
        assert "--extra-index-url" not in command
        assert "--default-index" not in command  # uv takes one of the two


def test_without_a_choice_pip_keeps_the_configured_index():
    plain = install.TorchChoice(None, "test")
    commands = [install.install_torch(PIP, plain), install.install_selftune(PIP, ["train"], plain)]
    assert not [word for command in commands for word in command if "index" in word or "cert" in word]


def test_torch_index_overrides_what_pip_would_choose(tmp_path, capsys):
    steps = install.Steps(tmp_path / "log", 4, dry_run=True)
    before = dict(install.os.environ)
    install.os.environ["TORCH_INDEX"] = "https://user:secret@example.org/rocm"
    try:
        choice = install.find_torch(tmp_path, LINUX, steps)
    finally:
        install.os.environ.clear()
        install.os.environ.update(before)
    assert choice.index == "https://user:secret@example.org/rocm"
    assert "secret" not in capsys.readouterr().out


def test_the_exact_torch_stands_in_the_constraints():
    assert install.TORCH in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


# --- what the machine can do


@pytest.mark.parametrize("version", [(2, 7), (3, 7), (3, 10), (3, 14), (4, 0)])
def test_another_python_is_refused_with_the_one_to_use(version):
    missing = install.python_problem(version, find=lambda name: None)
    assert "3.11, 3.12 and 3.13" in missing.what
    found = install.python_problem(version, find=lambda name: name if name == "python3.12" else None)
    assert found.fix == "Run: python3.12 install.py"


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_supported_python_is_welcome(version):
    assert install.python_problem(version, find=lambda name: None) is None


def test_the_installer_parses_on_an_old_python():
    ast.parse((ROOT / "install.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_ancient_python_shows_the_versions_in_its_own_error_message():
    # Before 3.7 the first import is a syntax error, and Python prints that line.
    first = next(line for line in (ROOT / "install.py").read_text().splitlines() if line.startswith("from __future__"))
    assert "needs Python 3.11, 3.12 or 3.13" in first


def test_an_intel_mac_is_refused_training_by_name_and_still_serves():
    mac = replace(LINUX, system="Darwin", architecture="x86_64")
    refused = install.refused_extras(mac)
    assert "Intel Mac" in refused["train"].what
    assert install.choose_extras(None, refused, dev=False) == ("serve", "graph")
    with pytest.raises(install.RefusedError, match="Intel Mac"):
        install.choose_extras(["train"], refused, dev=False)


def test_a_processor_without_avx2_is_refused_serving_by_name():
    refused = install.refused_extras(replace(LINUX, has_avx2=False))
    assert "AVX2" in refused["serve"].what
    extras = ("train", "graph", "lance", "inspect", "postgres", "notify", "otel", "dev")
    assert install.choose_extras(None, refused, dev=True) == extras


def test_an_arm_processor_needs_no_avx2():
    arm = replace(LINUX, architecture="aarch64", has_avx2=None)
    assert install.refused_extras(arm) == {}
    assert "pysqlite3" in " ".join(install.notes_about(arm))


def test_avx2_is_read_as_a_word_of_the_flags():
    assert install.avx2_in_cpuinfo("model name : avx2 inside\nflags\t\t: fpu sse avx avx2 bmi2\n") is True
    assert install.avx2_in_cpuinfo("model name : avx2 inside\nflags\t\t: fpu sse avx avx512f\n") is False
    assert install.avx2_in_cpuinfo("Features : fp asimd\n") is None


def test_a_missing_venv_module_names_the_debian_package():
    problem = install.machine_problems(replace(LINUX, has_venv=False), ["train"])[0]
    assert "python3.11-venv" in problem.fix


def test_too_little_disk_is_said_before_anything_is_written():
    little = replace(LINUX, free_bytes=1_000_000_000)
    assert "1.0 GB free" in install.machine_problems(little, ["train", "serve"])[0].what
    assert install.machine_problems(little, []) == []


# --- what installs


def test_uv_is_told_what_pip_is_set_up_with():
    listed = """\
:env:.cert='/certs/ca.pem'
:env:.disable-pip-version-check='1'
global.cert='/elsewhere.pem'
global.extra-index-url='https://one.example/simple https://two.example/simple'
global.index-url='https://for-all.example/simple'
install.find-links='/wheels'
install.index-url='https://mirror.example/simple'
"""
    tool = install.uv_as_told(Path("v"), install.read_pip_settings(listed))
    words = " ".join(tool.words)
    assert "--default-index https://mirror.example/simple" in words
    assert "--index https://one.example/simple --index https://two.example/simple" in words
    assert "--find-links /wheels" in words
    assert "for-all" not in words
    assert tool.environment == {"SSL_CERT_FILE": "/certs/ca.pem"}


@pytest.mark.parametrize("setting", ["no-index", "pre", "only-binary", "a-setting-of-tomorrow"])
def test_what_uv_cannot_be_told_leaves_the_work_to_pip(tmp_path, capsys, monkeypatch, setting):
    monkeypatch.setattr(install, "read_lines", lambda command: f"global.{setting}='1'\n")
    steps = install.Steps(tmp_path / "log", 6, dry_run=False)
    assert install.find_tool(tmp_path, steps) == install.pip_itself(tmp_path)
    assert setting in capsys.readouterr().out
    assert steps.done == 1  # the step that is not taken counts


def test_where_uv_fails_pip_does_the_same_step_and_only_its_failure_is_one(tmp_path, capsys):
    steps = install.Steps(tmp_path / "log", 6, dry_run=False)
    uv = install.uv_as_told(tmp_path, {})
    broken = [sys.executable, "-c", "raise SystemExit('no wheel for you')"]
    install.fill(tmp_path, "torch", steps, uv, lambda by: broken if by is uv else [sys.executable, "-c", ""])
    assert "uv failed, so pip does it: no wheel for you" in capsys.readouterr().out
    assert steps.done == 1
    with pytest.raises(install.RefusedError, match="no wheel for you"):
        install.fill(tmp_path, "torch", steps, uv, lambda by: broken)


# --- the environment


def test_a_second_run_does_nothing_and_a_changed_pin_does_everything():
    wanted = install.stamp_of(["train", "serve"], "3.11.7")
    assert install.is_current({**wanted, "extras": ["dev", "serve", "train"]}, wanted)
    assert not install.is_current({**wanted, "extras": ["serve"]}, wanted)
    assert not install.is_current({**wanted, "digest": "0" * 64}, wanted)
    assert not install.is_current({**wanted, "checkout": "/elsewhere"}, wanted)
    assert not install.is_current({**wanted, "python": "3.12.1"}, wanted)
    assert not install.is_current(None, wanted)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": 1}'])
def test_a_damaged_stamp_counts_as_none(tmp_path, content):
    install.program(tmp_path, "python").parent.mkdir()
    install.program(tmp_path, "python").touch()
    (tmp_path / "selftune-install.json").write_text(content)
    assert install.read_stamp(tmp_path) is None


def test_a_stamp_reads_back_as_it_was_written(tmp_path):
    install.program(tmp_path, "python").parent.mkdir()
    install.program(tmp_path, "python").touch()
    stamp = install.stamp_of(["serve"], "3.11.7")
    install.write_stamp(tmp_path, stamp)
    assert install.read_stamp(tmp_path) == stamp


def test_a_folder_that_is_no_environment_is_never_cleared(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(install.RefusedError, match="not empty"):
        install.make_venv(tmp_path, "3.11.7")


def test_an_environment_of_another_python_is_made_anew(tmp_path):
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    assert "--clear" in install.make_venv(tmp_path, "3.12.1")
    assert "--clear" not in install.make_venv(tmp_path, "3.11.2")


def test_a_failed_step_shows_the_end_of_the_log_and_what_helps(tmp_path):
    steps = install.Steps(tmp_path / "install.log", 1, dry_run=False)
    script = "print('ERROR: No matching distribution found for torch==2.13.0'); raise SystemExit(1)"
    with pytest.raises(install.RefusedError) as refusal:
        steps.run("torch", [sys.executable, "-c", script])
    assert "No matching distribution" in refusal.value.problem.what
    assert "TORCH_INDEX" in refusal.value.problem.fix
    assert "No matching distribution" in (tmp_path / "install.log").read_text()


def test_an_index_out_of_reach_is_told_apart_from_one_that_lacks_a_version(tmp_path):
    lines = ["WARNING: Retrying after connection broken by 'NewConnectionError'\n", "ERROR: No matching distribution\n"]
    assert "network" in install.explain(lines, "torch", tmp_path / "log").fix
    assert "network" not in install.explain(lines[1:], "torch", tmp_path / "log").fix


def test_a_dry_run_prints_every_command_and_writes_nothing(tmp_path):
    venv = tmp_path / "venv"
    command = [sys.executable, str(ROOT / "install.py"), "--dry-run", "--extras", "all", "--venv", str(venv)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.findall(r"\[(\d)/6\]", result.stdout) == ["1", "2", "3", "4", "5", "6"]
    assert "constraints.txt" in result.stdout
    assert f"compileall -q {ROOT / 'src'}" in result.stdout
    assert not venv.exists()


def test_an_unknown_extra_is_answered_with_the_known_ones():
    command = [sys.executable, str(ROOT / "install.py"), "--extras", "trian"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "choose from train, serve" in result.stderr
