"""Readiness: sound waits for a session that can take it, and no longer."""

from __future__ import annotations

from voice_assistant.core.events import Capabilities
from voice_assistant.core.readiness import SLOW_S, Readiness

PERHAPS = Capabilities(confirms_setup="perhaps")


def readiness() -> Readiness:
    ready = Readiness(session_timeout_s=27.0, grace_s=0.4, unconfirmed_s=1.5)
    ready.link_opened(0.0)
    return ready


def test_a_socket_without_a_session_is_due_after_its_time() -> None:
    ready = readiness()

    assert ready.steps(SLOW_S) == ["slow"]
    assert ready.deadline == 27.0
    assert ready.steps(26.9) == []
    assert ready.steps(27.0) == ["no session"]


def test_a_session_that_confirms_nothing_is_sent_to_after_the_grace_and_ignored_the_set_up_later() -> None:
    ready = readiness()

    assert ready.session_opened(1.0, PERHAPS) == "wait"
    assert ready.steps(1.4) == ["send"]
    assert ready.steps(2.5) == ["ignored"]
    assert ready.deadline is None


def test_the_next_session_of_a_provider_that_was_slow_to_confirm_is_sent_to_at_once() -> None:
    ready = readiness()
    ready.session_opened(1.0, PERHAPS)
    ready.steps(1.4)
    ready.leave()
    ready.link_opened(5.0)

    assert ready.session_opened(5.0, PERHAPS) == "send"


def test_a_confirmation_makes_the_next_session_wait_for_one_again() -> None:
    ready = readiness()
    ready.session_opened(1.0, PERHAPS)
    ready.steps(1.4)
    ready.setup_taken()
    ready.confirmed()
    ready.leave()
    ready.link_opened(5.0)

    assert ready.session_opened(5.0, PERHAPS) == "wait"


def test_a_provider_that_never_confirms_needs_no_wait() -> None:
    assert readiness().session_opened(1.0, Capabilities(confirms_setup="never")) == "confirmed"
