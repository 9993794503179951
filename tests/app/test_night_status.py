"""Where the nights stand, told by command: next start, how they ended, alarms; and the timers of one project."""

from __future__ import annotations

import json
import plistlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import typer
from configured_project import open_test_project
from typer.testing import CliRunner

from selftune.app.cli import night_timers
from selftune.app.health import examine
from selftune.app.night_status import (
    describe_alarms,
    describe_status,
    install_timers,
    night_status,
    remove_timers,
)
from selftune.app.scheduling import Missed, Scheduler, unit_folder, write_nights
from selftune.app.summary import alarm_line
from selftune.errors import UsageError
from selftune.loop.config import load_config
from selftune.loop.night.alarms import AlarmKind, note_began, read_nights
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.window import window_for
from selftune.loop.project import create_project, open_project
from selftune.records import Mode, Night

EVENING = datetime(2026, 11, 21, 20, 0, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture
def clock():
    return SimulatedClock(EVENING)


def install(project, clock, out, **wanted):
    return install_timers(project, clock.now(), out=out, **wanted)


def night(project, clock, *, completes: bool = True) -> None:
    """A night as it stands on record; then it is the next evening."""
    name = clock.now().date().isoformat()
    note_began(project, name, window_for(clock, "05:00"))
    if completes:
        at = clock.now().astimezone(UTC).isoformat()
        ended = Night(
            name=name, began=at, ended=at, ended_by="agenda through", mode=Mode.FULL, costs_usd=(0.5, 0.25, 0)
        )
        project.store.save([ended], event="night ended")
    clock.sleep(86_400)


def test_a_project_without_nights_says_how_they_would_come(project, clock):
    status = night_status(project, clock.now())
    assert (status.timer, status.next, status.nights, status.alarms) == (None, None, (), ())
    assert list(describe_status(status)) == ["No timer starts the nights: selftune nightly install"]


def test_the_next_start_the_last_nights_and_what_is_wrong_are_shown(project, clock, tmp_path):
    install(project, clock, tmp_path / "units", scheduler="systemd")
    night(project, clock)
    night(project, clock, completes=False)
    status = night_status(project, clock.now())
    assert status.next == "2026-11-24T02:00:00+01:00"
    assert [(row.name, row.ended_by, row.tries, row.usd) for row in status.nights] == [
        ("2026-11-22", "has not ended", None, None),
        ("2026-11-21", "agenda through", 0, 0.75),
    ]
    assert [alarm.kind for alarm in status.alarms] == [AlarmKind.CUT_OFF]
    told = list(describe_status(status))
    assert told[0] == "Next night: 2026-11-24 02:00 by systemd; a missed one is caught up with."
    assert told[1].startswith("ALARM: the night of 2026-11-22")
    assert told[-1].split() == ["2026-11-21", "0", "0", "0", "-", "0.75", "agenda", "through"]
    assert list(describe_alarms(status.alarms)) == told[1:3]


def test_systemd_gets_two_timers_and_is_told_to_leave_alone_what_serves(project, clock, tmp_path):
    done = install(project, clock, tmp_path, scheduler="systemd", missed=Missed.SKIP)
    names = [place.name for place in done.files]
    assert names == [
        f"selftune-project-nightly{end}" for end in (".service", ".timer", "-alarms.service", "-alarms.timer")
    ]
    service, timer, look, look_timer = (place.read_text(encoding="utf-8") for place in done.files)
    assert '"nightly" "--project"' in service
    assert "KillMode=process" in service
    assert "SuccessExitStatus=3 4 5 7" in service
    # Two projects of one machine may have the same hour: whoever comes second tries again when the first is through.
    assert "RestartForceExitStatus=6\nRestartSec=900" in service
    assert "Persistent=false" in timer
    assert '"status" "--alarms"' in look
    # Exit code 1, which is an alarm, must be a failure of that unit: nothing else would show it.
    assert "SuccessExitStatus" not in look
    assert "OnCalendar=*-*-* 06:00:00" in look_timer
    assert any("enable --now selftune-project-nightly.timer" in step for step in done.steps)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_itself_reads_the_units_and_refuses_a_spoilt_one(project, clock, tmp_path):
    done = install(project, clock, tmp_path / "units", scheduler="systemd", at="02:30")
    assert verified(tmp_path, *done.files) == 0
    timer = done.files[1]
    timer.write_text(timer.read_text(encoding="utf-8").replace("*-*-* 02:30:00", "*-*-* 02:99:00"), encoding="utf-8")
    assert verified(tmp_path, timer) != 0


def verified(tmp_path, *units) -> int:
    """What `systemd-analyze verify` ends with."""
    command = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, units)]
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).returncode


def test_launchd_gets_two_agents_that_leave_alone_what_serves(project, clock, tmp_path):
    done = install(project, clock, tmp_path, scheduler="launchd", at="23:30")
    nights, look = (plistlib.loads(place.read_bytes()) for place in done.files)
    assert nights["ProgramArguments"][1:3] == ["nightly", "--catch-up"]
    assert nights["StartCalendarInterval"] == {"Hour": 23, "Minute": 30}
    assert nights["AbandonProcessGroup"] is True
    assert nights["StandardErrorPath"].endswith("nightly.log")
    assert look["ProgramArguments"][1:4] == ["nightly", "status", "--alarms"]
    assert look["StartCalendarInterval"] == {"Hour": 6, "Minute": 0}


def test_cron_looks_once_an_hour_for_a_missed_night_but_not_in_the_hours_of_one(project, clock, tmp_path):
    # As after a restore, which brings no logs: cron makes no folder, and no night would begin.
    (project.hidden / "logs").rmdir()
    done = install(project, clock, tmp_path, scheduler="cron")
    assert done.files == ()
    assert (project.hidden / "logs").is_dir()
    nights, late, look = done.lines
    assert nights.startswith("0 2 * * * ")
    minute, hours, _ = late.split(" ", 2)
    assert minute == "17"
    assert [int(hour) for hour in hours.split(",")] == [0, 1, *range(6, 24)]
    assert "--catch-up" in late
    assert look.startswith("0 6 * * * ")
    assert ">>" not in look


def test_cron_skips_what_was_missed_where_that_is_wanted(project, clock, tmp_path):
    done = install(project, clock, tmp_path, scheduler="cron", missed=Missed.SKIP)
    assert len(done.lines) == 2
    assert "--catch-up" not in "".join(done.lines)


def test_a_night_of_a_whole_day_leaves_cron_no_hour_to_catch_up_in(tmp_path):
    written = write_nights(tmp_path, at="05:00", until="04:59", missed=Missed.CATCH_UP, scheduler=Scheduler.CRON)
    assert len(written.units[0].text.splitlines()) == 2


def test_another_hour_is_kept_in_the_config_so_that_timer_and_nights_agree(project, clock, tmp_path):
    install(project, clock, tmp_path, scheduler="cron", at="01:15")
    assert load_config(project.folder).nightly.at == "01:15"
    assert read_nights(project).timer.at == "01:15"


def test_an_hour_that_is_none_writes_nothing(project, clock, tmp_path):
    with pytest.raises(UsageError, match="time of day"):
        install(project, clock, tmp_path / "units", scheduler="systemd", at="25:00")
    assert not (tmp_path / "units").exists()
    assert read_nights(project).timer is None
    assert load_config(project.folder).nightly.at == "02:00"


@pytest.mark.parametrize("scheduler", ["systemd", "launchd"])
def test_two_projects_whose_folders_have_one_name_do_not_take_each_others_timer(clock, tmp_path, scheduler):
    units = tmp_path / "units"
    (tmp_path / "one").mkdir()
    (tmp_path / "50% & more").mkdir()
    with open_test_project(tmp_path / "one") as one, open_test_project(tmp_path / "50% & more") as other:
        install(other, clock, units, scheduler=scheduler)
        install(other, clock, units, scheduler=scheduler, at="03:00")
        with pytest.raises(UsageError, match="50% & more"):
            install(one, clock, units, scheduler=scheduler)
        with pytest.raises(UsageError, match="50% & more"):
            remove_timers(one, scheduler=scheduler, out=units)
        assert read_nights(one).timer is None


def test_timers_that_are_taken_away_are_missed_by_nobody(project, clock, tmp_path):
    written = install(project, clock, tmp_path, scheduler="systemd")
    clock.sleep(5 * 86_400)
    assert [alarm.kind for alarm in night_status(project, clock.now()).alarms] == [AlarmKind.SILENT]
    done = remove_timers(project, out=tmp_path)
    assert done.files == written.files
    assert not any(place.exists() for place in written.files)
    assert done.steps[0].startswith("systemctl --user disable --now")
    assert night_status(project, clock.now()).alarms == ()
    assert remove_timers(project, scheduler="launchd", out=tmp_path).files == ()


def test_a_persons_own_units_lie_where_their_scheduler_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert unit_folder(Scheduler.SYSTEMD) == tmp_path / "systemd" / "user"
    assert unit_folder(Scheduler.LAUNCHD).parts[-2:] == ("Library", "LaunchAgents")


def run(folder, *words: str):
    group = typer.Typer()
    night_timers.register(group)
    return CliRunner().invoke(group, [*words, "--project", str(folder)])


@pytest.fixture
def home(tmp_path):
    """The folder of a project that commands can open."""
    folder = tmp_path / "nights"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    return folder


def test_by_command_a_night_that_never_ended_is_an_alarm_with_exit_code_one_and_a_word_ends_a_stop(home):
    assert run(home, "status", "--alarms").output == ""
    before = SimulatedClock(datetime.now(UTC) - timedelta(days=9))
    with open_project(home) as project:
        for _ in range(3):
            night(project, before, completes=False)
        assert "3 nights in a row" in alarm_line(project)
    status = run(home, "status", "--json")
    assert status.exit_code == 1
    assert [alarm["kind"] for alarm in json.loads(status.stdout)["alarms"]] == ["stopped", "cut off"]
    assert "ALARM: 3 nights in a row measured nothing" in run(home, "status", "--alarms").output
    assert "3 nights in a row" in " ".join(found.what for found in examine(home) if found.level == "bad")
    resumed = run(home, "resume", "--because", "the card was changed")
    assert (resumed.exit_code, resumed.output.startswith("Nights go on: ")) == (0, True)
    assert [alarm["kind"] for alarm in json.loads(run(home, "status", "--json").stdout)["alarms"]] == ["cut off"]


def test_by_command_timers_are_written_and_taken_away(home, tmp_path):
    units = tmp_path / "units"
    done = run(home, "install", "--systemd", "--skip", "--out", str(units))
    assert done.exit_code == 0
    assert f"Written: {units / 'selftune-nights-nightly.timer'}" in done.output
    assert "Next: systemctl --user daemon-reload" in done.output
    assert run(home, "status").output.startswith("Next night: ")
    assert "Removed: " in run(home, "install", "--remove", "--out", str(units)).output
    assert list(units.iterdir()) == []


def test_by_command_one_scheduler_is_enough(home):
    assert run(home, "install", "--systemd", "--cron").exit_code == 2
