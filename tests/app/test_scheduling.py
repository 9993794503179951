"""A scheduler gets a text that it reads as we mean it, also where a folder has an odd name."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess

import pytest

from selftune.app.attended import END_SECONDS
from selftune.app.scheduling import Missed, Scheduler, Work, write_nights, write_schedule
from selftune.app.watchdog import LOOKS
from selftune.errors import UnknownNameError, UsageError
from selftune.release.patience import START_SECONDS

ODD = 'my "own" 50% $HOME'


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / ODD
    made.mkdir()
    return made


def test_cron_runs_the_command_at_the_minute_with_the_folder_as_one_word(folder):
    schedule = write_schedule(folder, at="04:30", scheduler=Scheduler.CRON)
    line = schedule.units[0].text.rstrip("\n")
    minute, hour, *stars, command = line.split(" ", 5)
    assert (minute, hour, stars) == ("30", "4", ["*", "*", "*"])
    assert "%" not in command.replace("\\%", "")
    assert shlex.split(command.replace("\\%", "%"))[-3:] == ["cycle", "--project", str(folder)]


def test_systemd_gets_a_service_and_a_timer_and_takes_no_part_of_the_name_for_its_own(folder):
    service, timer = write_schedule(folder, at="03:00", scheduler=Scheduler.SYSTEMD, work=Work.CURATE).units
    assert (service.name, timer.name) == ("selftune-my-own-50-HOME.service", "selftune-my-own-50-HOME.timer")
    lines = dict(line.split("=", 1) for line in service.text.splitlines() if "=" in line)
    assert lines["ExecStart"].endswith('"curate" "--project" "' + str(folder.parent) + '/my \\"own\\" 50%% $$HOME"')
    assert lines["SuccessExitStatus"] == "3 4 5"
    # Else systemd kills, at the end of the cycle, the model that the cycle put into service.
    assert lines["KillMode"] == "process"
    assert "OnCalendar=*-*-* 03:00:00" in timer.text
    assert "Persistent=true" in timer.text


def test_launchd_gets_a_property_list(folder):
    (unit,) = write_schedule(folder, at="23:59", scheduler=Scheduler.LAUNCHD).units
    read = plistlib.loads(unit.text.encode())
    assert read["ProgramArguments"][-2:] == ["--project", str(folder)]
    assert read["StartCalendarInterval"] == {"Hour": 23, "Minute": 59}


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_a_folder_whose_name_would_be_an_order_to_the_scheduler_is_refused(tmp_path, scheduler):
    folder = tmp_path / "p\nExecStartPre=true\n* * * * * true"
    for work in Work:
        with pytest.raises(UsageError, match="no scheduler can be told"):
            write_schedule(folder, scheduler=scheduler, work=work)
    with pytest.raises(UsageError, match="no scheduler can be told"):
        write_nights(folder, at="02:00", until="05:00", missed=Missed.SKIP, scheduler=scheduler)


@pytest.mark.parametrize("at", ["", "3", "24:00", "03:60", "3:00", "03:00:00", "noon"])
def test_what_is_no_time_of_day_is_refused(folder, at):
    with pytest.raises(UsageError, match="time of day"):
        write_schedule(folder, at=at)


@pytest.mark.parametrize("slip", [{"scheduler": "crom"}, {"work": "train"}])
def test_a_slip_in_a_name_is_answered_with_the_names_there_are(folder, slip):
    with pytest.raises(UnknownNameError, match=r"cron|cycle"):
        write_schedule(folder, **slip)


def test_every_scheduler_comes_with_its_steps(folder):
    for scheduler in Scheduler:
        assert write_schedule(folder, scheduler=scheduler).steps


def test_what_runs_always_begins_with_the_machine_and_is_not_tried_anew_with_a_wrong_config(folder):
    always = {one: write_schedule(folder, scheduler=one, work=Work.UP) for one in Scheduler}
    (service,) = always[Scheduler.SYSTEMD].units
    assert service.name == "selftune-my-own-50-HOME-up.service"
    lines = dict(line.split("=", 1) for line in service.text.splitlines() if "=" in line)
    assert '"up" "--project"' in lines["ExecStart"]
    assert (lines["Restart"], lines["RestartPreventExitStatus"]) == ("on-failure", str(UsageError.exit_code))
    # systemd knows that it is up by its own word, waits as long as a model may take, and ends it when it hangs.
    assert (lines["Type"], int(lines["TimeoutStartSec"]) > START_SECONDS) == ("notify", True)
    # What hangs below it is ended before, and has let go of its port when all is started again.
    assert int(lines["WatchdogSec"]) > LOOKS * 15 + END_SECONDS
    assert int(lines["RestartSec"]) > END_SECONDS
    assert (lines["KillMode"], lines["WantedBy"]) == ("process", "default.target")
    (agent,) = always[Scheduler.LAUNCHD].units
    read = plistlib.loads(agent.text.encode())
    assert read["ProgramArguments"][-3:] == ["up", "--project", str(folder)]
    assert (read["RunAtLoad"], read["KeepAlive"]) == (True, {"SuccessfulExit": False})
    (line,) = always[Scheduler.CRON].units
    assert line.text.startswith("@reboot ")
    assert "%" not in line.text.replace("\\%", "")
    # A first start shows the key, which a log should not hold.
    assert all("by hand" in schedule.steps[0] for schedule in always.values())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("work", [Work.CYCLE, Work.UP])
def test_systemd_itself_finds_nothing_wrong_with_its_units(tmp_path, work):
    plain = tmp_path / "project"
    plain.mkdir()
    places = []
    for unit in write_schedule(plain, scheduler=Scheduler.SYSTEMD, work=work).units:
        places.append(tmp_path / unit.name)
        places[-1].write_text(unit.text, encoding="utf-8")
    command = ["systemd-analyze", "--user", "verify", *map(str, places)]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
