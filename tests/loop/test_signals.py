from __future__ import annotations

import os
import signal
import threading

import pytest

from recipelab.loop.signals import StopRequest


def kill(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number):
    with StopRequest() as stop:
        assert not stop
        kill(number)
        assert stop
        assert stop.signal_number == number


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_ctrl_c_after_it_ends_at_once(first):
    with StopRequest() as stop:
        kill(first)
        with pytest.raises(KeyboardInterrupt):
            kill(signal.SIGINT)
        assert stop.signal_number == first


def test_sigterm_may_come_as_often_as_it_likes():
    with StopRequest() as stop:
        kill(signal.SIGTERM)
        kill(signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM


def test_handlers_are_put_back_even_after_an_error():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), StopRequest():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_another_thread_it_does_nothing():
    found = []

    def work():
        with StopRequest() as stop:
            found.append(bool(stop))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
    assert signal.getsignal(signal.SIGINT) is before
