"""How long answers take: from the end of speech to the first audible sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    Command,
    DropPlayout,
    Event,
    OpenedBy,
    PausePlayout,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    ReplyAudio,
    ReplyDone,
    ResumePlayout,
    TextEntered,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnSuspected,
)
from voice_assistant.core.latency import FADE_MS, Interruption, Latency, Spread, TurnLatency

FRAME = AudioFrame(bytes(640), NEAR_RATE)
SOUND = bytes(480)


def times(latency: Latency, entries: list[Event | Command]) -> list[TurnLatency | Interruption]:
    return [answer for entry in entries if (answer := latency.see(entry))]


def turn(number: int, at: float, wait_s: float, item: str) -> list[Event | Command]:
    return [
        TurnOpened(at - 1, number, FRAME, "voice"),
        TurnAudio(at, number, FRAME, is_speech=True),
        TurnAudio(at + 0.1, number, FRAME, is_speech=False),
        TurnClosed(at + 0.25, number, "silence"),
        ReplyAudio(at + 0.5, item, SOUND),
        ReplyAudio(at + 0.6, item, SOUND),
        PlayoutStarted(at + wait_s - 0.05, item, at + wait_s),
        PlayoutDrained(at + 5, item, 20.0),
    ]


def test_the_wait_begins_with_the_last_speech_and_ends_with_what_is_audible() -> None:
    latency = Latency()

    (answer,) = times(latency, turn(1, 10.0, 0.75, "a"))

    assert answer == TurnLatency(1, 250.0, 500.0, 750.0)
    assert latency.waits.answer == Spread(750.0, 750.0, 750.0, 1)
    assert latency.waits.called == Spread(250.0, 250.0, 250.0, 1)
    assert latency.waits.first_byte == Spread(500.0, 500.0, 500.0, 1)
    assert latency.waits.last is answer


def test_where_the_provider_answers_before_the_end_was_called_no_call_is_counted() -> None:
    entries = turn(1, 10.0, 0.25, "a")
    early = [*entries[:3], ReplyAudio(10.125, "a", SOUND), entries[3], *entries[6:]]

    assert times(Latency(), early) == [TurnLatency(1, None, 125.0, 250.0)]


def test_a_typed_line_waits_from_its_sending() -> None:
    entries: list[Event | Command] = [
        TextEntered(1.0, "hi"),
        ReplyAudio(1.25, "a", SOUND),
        PlayoutStarted(1.25, "a", 1.5),
    ]

    assert times(Latency(), entries) == [TurnLatency(0, 0.0, 250.0, 500.0)]


def test_what_is_played_again_and_what_is_said_unasked_is_no_answer() -> None:
    entries: list[Event | Command] = [
        *turn(1, 10.0, 0.75, "a"),
        PlayoutStarted(20.0, "again:1", 20.1),
        ReplyAudio(30.0, "b", SOUND),
        PlayoutStarted(30.0, "b", 30.1),
    ]

    assert len(times(Latency(), entries)) == 1


def test_a_turn_without_an_answer_leaves_no_time() -> None:
    entries: list[Event | Command] = [
        *turn(1, 10.0, 0.75, "a")[:4],
        ReplyDone(11.0, None),
        ReplyAudio(12.0, "b", SOUND),
        PlayoutStarted(12.0, "b", 12.1),
    ]

    assert times(Latency(), entries) == []


def interruption(*, by: OpenedBy = "voice", resumed: bool = False) -> list[Event | Command]:
    """A reply that is heard 20 ms after it is given; speech begins at 3.0 and is heard after 100 ms."""
    rest: list[Event | Command] = (
        [ResumePlayout()] if resumed else [DropPlayout("a"), PlayoutDropped(3.5, "a", 1500.0)]
    )
    return [
        PlayoutStarted(2.0, "a", 2.02),
        TurnSuspected(3.05),
        TurnOpened(3.1, 2, FRAME, by, 100.0 if by == "voice" else 0.0),
        PausePlayout(),
        TurnAudio(3.3, 2, FRAME, is_speech=True),
        *rest,
    ]


def test_an_interruption_lasts_from_the_onset_of_speech_until_the_fade_has_left_the_loudspeaker() -> None:
    latency = Latency()

    (cut,) = times(latency, interruption())

    assert isinstance(cut, Interruption)
    assert (cut.item, cut.by_key) == ("a", False)
    assert round(cut.silent_ms, 3) == 100.0 + FADE_MS + 20.0
    assert latency.waits.silence is not None
    assert latency.waits.silence.count == 1


def test_a_reply_that_was_paused_on_a_suspicion_was_silent_from_then_on() -> None:
    paused_at_once: list[Event | Command] = [
        PlayoutStarted(2.0, "a", 2.02),
        TurnSuspected(3.05),
        PausePlayout(),
        TurnOpened(3.2, 2, FRAME, "voice", 200.0),
        DropPlayout("a"),
        ResumePlayout(),  # for the replies after it
        PlayoutDropped(3.5, "a", 1050.0),
    ]

    (cut,) = times(Latency(), paused_at_once)

    assert isinstance(cut, Interruption)
    assert round(cut.silent_ms, 3) == 50.0 + FADE_MS + 20.0


def test_an_interruption_by_key_begins_with_the_press() -> None:
    entries: list[Event | Command] = [
        PlayoutStarted(2.0, "a", 2.02),
        Pressed(3.0, "interrupt"),
        DropPlayout("a"),
        PlayoutDropped(3.0, "a", 1000.0),
    ]

    (cut,) = times(Latency(), entries)

    assert isinstance(cut, Interruption)
    assert cut.by_key
    assert round(cut.silent_ms, 3) == FADE_MS + 20.0


def test_what_was_taken_back_or_cut_by_nobody_is_no_interruption() -> None:
    latency = Latency()

    taken_back = times(latency, interruption(resumed=True))
    cut_long_after = times(latency, [DropPlayout("a"), PlayoutDropped(60.0, "a", 1500.0)])

    assert taken_back == cut_long_after == []
    assert latency.waits.silence is None


@given(waits_ms=st.lists(st.integers(500, 5000), min_size=1, max_size=60))
def test_the_percentiles_are_waits_that_were_measured(waits_ms: list[int]) -> None:
    latency = Latency()
    for n, wait_ms in enumerate(waits_ms):
        times(latency, turn(n + 1, 10.0 * n, wait_ms / 1000, f"item {n}"))

    answers = latency.waits.answer
    assert answers is not None
    measured = [round(ms, 3) for ms in (answers.median_ms, answers.p95_ms)]
    ranked = sorted(waits_ms)
    assert answers.count == len(waits_ms)
    assert set(measured) <= set(map(float, ranked))
    assert sum(wait <= measured[0] for wait in ranked) >= len(ranked) / 2
    assert sum(wait <= measured[1] for wait in ranked) >= len(ranked) * 0.95


def test_an_answer_that_was_held_back_and_given_up_is_not_the_one_that_is_waited_for() -> None:
    first, *rest = turn(1, 10.0, 0.75, "b")
    held: list[Event | Command] = [ReplyAudio(9.5, "a", SOUND), PausePlayout(), DropPlayout("a")]

    assert times(Latency(), [first, *held, *rest]) == [TurnLatency(1, 250.0, 500.0, 750.0)]
