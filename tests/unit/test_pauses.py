"""The hangover: it ends a turn in time, in noise too, and follows the speaker within its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.pauses import LENGTHENING, MARGIN_MS, RESUMED_MS, SHORTENING, Pauses

FRAME = 320
FRAME_MS = 20


def hear(pauses: Pauses, ms: int, kind: str = "silence") -> None:
    for _ in range(ms // FRAME_MS):
        pauses.hear(FRAME, is_speech=kind != "silence", is_sure=kind == "sure")


def wait(pauses: Pauses, ms: int, *, far_active: bool = False) -> None:
    for _ in range(ms // FRAME_MS):
        pauses.wait(FRAME, far_active=far_active)


def turn(pauses: Pauses, *silences_ms: int, spoken_ms: int = 2000) -> None:
    """A turn with these silences between its words, up to its end."""
    pauses.begin(80)
    for silence_ms in silences_ms:
        hear(pauses, spoken_ms // (len(silences_ms) + 1), "sure")
        hear(pauses, silence_ms)
    hear(pauses, spoken_ms // (len(silences_ms) + 1), "sure")
    while not pauses.is_over:
        hear(pauses, FRAME_MS)
    pauses.end(by_silence=True)


@given(silent_ms=st.integers(0, 100).map(lambda frames: frames * FRAME_MS))
def test_a_turn_ends_exactly_when_the_silence_is_long_enough(silent_ms: int) -> None:
    pauses = Pauses(740, 600, 1100)
    pauses.begin(80)

    hear(pauses, silent_ms)

    assert pauses.is_over == (silent_ms >= 740)


def test_doubtful_speech_keeps_a_turn_open_while_it_goes_on_and_does_not_end_a_pause() -> None:
    pauses = Pauses(740, 600, 1100)
    pauses.begin(80)

    hear(pauses, 200)
    hear(pauses, 400, "doubtful")
    assert not pauses.is_over
    hear(pauses, 300)
    hear(pauses, 440, "doubtful")

    assert pauses.is_over


def test_silence_in_doubt_takes_longer_to_end_a_turn() -> None:
    pauses = Pauses(740, 600, 1100)
    pauses.begin(80)

    heard_ms = 0
    while not pauses.is_over:
        pauses.hear(FRAME, is_speech=False, is_sure=False, silence=0.5)
        heard_ms += FRAME_MS

    assert heard_ms == 1480


def test_somebody_who_goes_on_clearly_ends_their_pause() -> None:
    pauses = Pauses(740, 600, 1100)
    pauses.begin(80)

    hear(pauses, 700)
    hear(pauses, 20, "sure")
    hear(pauses, 720)

    assert not pauses.is_over


def test_a_pause_that_was_taken_for_the_end_lengthens_the_hangover() -> None:
    pauses = Pauses(740, 600, 1100)
    turn(pauses)
    wait(pauses, 140)

    turn(pauses)

    # 740 ms of silence, 140 more, less the onset of 80; the limit is not reached.
    assert pauses.hangover_ms == pytest.approx(740 + LENGTHENING * (800 + MARGIN_MS - 740), abs=25)


@pytest.mark.parametrize("told", ["later", "answered", "key"])
def test_a_new_turn_is_no_pause(told: str) -> None:
    pauses = Pauses(740, 740, 1100)
    turn(pauses)

    if told == "answered":
        wait(pauses, 100, far_active=True)
    wait(pauses, int(RESUMED_MS) + 40 if told == "later" else 100)
    pauses.begin(None if told == "key" else 80)
    hear(pauses, 2000, "sure")
    hear(pauses, 740)
    pauses.end(by_silence=True)

    assert pauses.hangover_ms == 740


def test_short_pauses_shorten_the_hangover_little_by_little() -> None:
    pauses = Pauses(740, 600, 1100)

    turn(pauses, 300)
    assert pauses.hangover_ms == pytest.approx(740 + SHORTENING * (600 - 740))
    for _ in range(40):
        wait(pauses, 2000)
        turn(pauses, 300)

    assert pauses.hangover_ms == pytest.approx(600, abs=5)


def test_a_turn_of_one_word_says_nothing_of_the_speaker() -> None:
    pauses = Pauses(740, 600, 1100)

    turn(pauses, spoken_ms=600)

    assert pauses.hangover_ms == 740


def test_what_a_key_or_a_reply_ended_teaches_nothing() -> None:
    pauses = Pauses(740, 600, 1100)
    pauses.begin(80)
    hear(pauses, 3000, "sure")
    pauses.end(by_silence=False)
    wait(pauses, 100)
    pauses.begin(80)

    assert pauses.hangover_ms == 740


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 100), st.booleans()), max_size=30
    )
)
def test_the_hangover_stays_within_its_limits(turns: list[tuple[int, int, int, bool]]) -> None:
    pauses = Pauses(740, 600, 1100)

    for silence, spoken, waited, far_active in turns:
        wait(pauses, waited * FRAME_MS, far_active=far_active)
        turn(pauses, silence * FRAME_MS, spoken_ms=spoken * FRAME_MS * 2)

        assert 600 <= pauses.hangover_ms <= 1100
