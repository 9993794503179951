"""Ctrl-C in the middle of a transaction: it waits, nothing is torn, and nobody reads a stack trace."""

from __future__ import annotations

import signal
import threading

import pytest
from sqlalchemy import event, text

from selftune.interrupts import asked_to_stop, held_back, stopped_by
from selftune.store.dialect import open_engine, reading, sqlite_module, writing


@pytest.fixture(autouse=True)
def _raising():
    """Ctrl-C raises, as in a terminal, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def engine(tmp_path):
    opened = open_engine(tmp_path / "store.db", sqlite_module())
    with writing(opened) as connection:
        connection.execute(text("CREATE TABLE kept (what TEXT)"))
    yield opened
    opened.dispose()


def press():
    signal.raise_signal(signal.SIGINT)


def kept(engine):
    with reading(engine) as connection:
        return connection.execute(text("SELECT what FROM kept")).scalars().all()


def test_a_transaction_is_finished_before_ctrl_c_is_heard(engine):
    def write_two():
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO kept VALUES ('a')"))
            press()
            connection.execute(text("INSERT INTO kept VALUES ('b')"))

    with pytest.raises(KeyboardInterrupt):
        write_two()
    assert kept(engine) == ["a", "b"]


@pytest.mark.parametrize("moment", ["checkin", "reset"])
def test_ctrl_c_while_a_connection_goes_back_prints_no_stack_trace(engine, moment, caplog, capsys):
    event.listen(engine, moment, lambda *_: press())
    with pytest.raises(KeyboardInterrupt), reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    assert caplog.text == ""
    assert capsys.readouterr().err == ""


def test_without_the_hold_the_same_moment_does_print_one(engine, caplog):
    """The control: what the hold is for."""
    event.listen(engine, "reset", lambda *_: press())
    with pytest.raises(KeyboardInterrupt), engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert "Exception during reset" in caplog.text


def test_ctrl_c_in_a_hold_within_a_hold_waits_for_the_outer_one():
    reached = []

    def hold_twice():
        with held_back():
            with held_back():
                press()
            reached.append("after the inner one")

    with pytest.raises(KeyboardInterrupt):
        hold_twice()
    assert reached == ["after the inner one"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_hold_hides_no_error_and_gives_the_signal_back():
    with pytest.raises(ZeroDivisionError), held_back():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_hold_in_a_thread_leaves_the_signal_alone():
    seen = []

    def work():
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        press()


def test_long_work_hears_that_it_was_asked_to_stop_and_a_second_asking_acts_at_once():
    looked = []
    with pytest.raises(KeyboardInterrupt), asked_to_stop() as asked:  # noqa: PT012 - what happens inside is the test
        looked.append(asked())
        signal.raise_signal(signal.SIGINT)
        looked.append(asked())
        signal.raise_signal(signal.SIGINT)
        looked.append("the second one was swallowed")
    assert looked == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_nobody_asked_ends_as_if_nobody_listened():
    before = signal.getsignal(signal.SIGTERM)
    with asked_to_stop() as asked:
        assert not asked()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_is_never_asked():
    heard = []

    def work():
        with asked_to_stop() as asked:
            heard.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]


def test_a_wish_is_heard_like_a_signal_and_by_nobody_outside():
    came = []
    with stopped_by(lambda: bool(came)), asked_to_stop() as asked:
        assert not asked()
        came.append("the deadline")
        assert asked()
    with asked_to_stop() as asked:
        assert not asked()


def test_a_wish_is_heard_in_a_thread_too():
    heard = []

    def work():
        with stopped_by(lambda: True), asked_to_stop() as asked:
            heard.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [True]
