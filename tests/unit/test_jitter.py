"""Bursts in, even blocks out, exact books."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_assistant.core.delivery import PLANS
from voice_assistant.core.jitter import Drained, JitterBuffer, PlayoutSettings, RanDry, Started
from voice_assistant.core.settings import SettingError

BLOCK = 240
MS = 24
CAUTIOUS = [1e6] * len(PLANS) + [0.0]
"""As if the last plan had proved best."""
FIXED = PlayoutSettings(adaptive=False, prefill_ms=40)


def sound(samples: int, first: int = 1) -> bytes:
    """Samples that tell where they come from: counting up, never 0."""
    return bytes(((np.arange(first, first + samples) - 1) % 30_000 + 1).astype("<i2").tobytes())


def tone(ms: int) -> bytes:
    return bytes(
        np.rint(8000 * np.cos(2 * np.pi * 150 * np.arange(ms * MS) / 24_000)).astype("<i2").tobytes()
    )


def values(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, "<i2")]


def pull(buffer: JitterBuffer, ms: int) -> bytes:
    return b"".join(buffer.pull(BLOCK) for _ in range(ms // 10))


# --- starting ---


def test_nothing_to_play_is_silence() -> None:
    assert JitterBuffer(FIXED).pull(333) == bytes(666)


def test_a_reply_waits_for_its_prefill_and_then_loses_nothing() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", sound(39 * MS))
    waiting = pull(buffer, 500)

    buffer.push("a", sound(1 * MS, first=39 * MS + 1))

    assert waiting == bytes(len(waiting))
    assert pull(buffer, 40) == sound(40 * MS)


def test_a_first_part_as_long_as_the_prefill_starts_at_once() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", sound(100 * MS))

    assert buffer.pull(BLOCK) == sound(BLOCK)


def test_a_short_reply_that_is_complete_starts_at_once() -> None:
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, fade_ms=0))
    buffer.push("a", sound(5 * MS))
    buffer.end("a")

    assert buffer.pull(BLOCK) == sound(5 * MS) + bytes(10 * MS)
    assert buffer.take_notes() == [Started("a"), Drained("a", 5.0)]


def test_a_burst_of_half_a_minute_is_kept_whole() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", sound(30_000 * MS))
    buffer.end("a")

    assert pull(buffer, 30_000) == sound(30_000 * MS)


def test_replies_follow_one_another_in_the_order_of_their_first_parts() -> None:
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, fade_ms=0))
    buffer.push("a", sound(20 * MS))
    buffer.push("b", sound(50 * MS, first=5000))
    buffer.push("a", sound(5 * MS, first=20 * MS + 1))

    heard = pull(buffer, 80)

    assert heard == sound(25 * MS) + sound(50 * MS, first=5000) + bytes(2 * 5 * MS)
    assert buffer.take_notes() == [Started("a"), Drained("a", 25.0), Started("b")]


def test_a_reply_without_sound_drains() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.end("a")

    buffer.pull(BLOCK)

    assert buffer.take_notes() == [Drained("a", 0.0)]


def test_sound_after_the_end_plays_while_the_reply_does_and_is_booked_as_cut_later() -> None:
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, fade_ms=0))
    buffer.push("a", sound(10 * MS))
    buffer.end("a")
    buffer.push("a", sound(10 * MS, first=10 * MS + 1))
    assert pull(buffer, 20) == sound(20 * MS)

    buffer.push("a", sound(10 * MS))

    assert pull(buffer, 20) == bytes(2 * 20 * MS)
    books = buffer.books("a")
    assert books is not None
    assert (books.received, books.played, books.queued, books.cut) == (30 * MS, 20 * MS, 0, 10 * MS)


# --- running dry ---


def test_a_reply_that_runs_dry_fades_out_fades_in_and_loses_nothing() -> None:
    buffer = JitterBuffer(FIXED)
    whole = tone(100)
    buffer.push("a", whole[: 50 * MS * 2])
    before, gap = pull(buffer, 50), pull(buffer, 30)
    buffer.push("a", whole[50 * MS * 2 :])
    buffer.end("a")
    after = pull(buffer, 50)

    assert before == whole[: 50 * MS * 2]
    assert any(gap[: 2 * BLOCK])
    assert not any(gap[2 * BLOCK :])
    assert after[2 * BLOCK :] == whole[60 * MS * 2 :]
    faded = np.abs(np.frombuffer(after[: 2 * BLOCK], "<i2").astype(int))
    assert np.all(faded <= np.abs(np.frombuffer(whole, "<i2")[50 * MS : 60 * MS].astype(int)))
    assert faded[0] < 100
    assert buffer.take_notes() == [Started("a"), RanDry("a"), Drained("a", 100.0)]


def test_the_fade_over_an_underrun_has_no_step() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", tone(50))  # stops where the tone is near its peak

    heard = np.frombuffer(pull(buffer, 80), "<i2").astype(int)

    assert (
        np.abs(np.diff(heard)).max() <= 2 * np.abs(np.diff(np.frombuffer(tone(50), "<i2").astype(int))).max()
    )


def test_waiting_for_the_end_of_a_reply_that_was_played_is_no_underrun() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", sound(50 * MS))
    pull(buffer, 100)

    buffer.end("a")
    pull(buffer, 10)

    assert buffer.take_notes() == [Started("a"), Drained("a", 50.0)]


# --- adapting ---


def played(buffer: JitterBuffer, item: str, arrivals_ms: list[int], part_ms: int = 100) -> tuple[bytes, int]:
    """Play a reply of equal parts to its end; what was pulled from its first sample, and its underruns."""
    pull(buffer, 20)  # the tail of the reply before
    whole, left = tone(part_ms * len(arrivals_ms)), arrivals_ms
    heard, now_ms, gaps, drained = b"", 0, 0, False
    while not drained:
        while left and left[0] <= now_ms:
            at = 2 * MS * part_ms * (len(arrivals_ms) - len(left))
            buffer.push(item, whole[at : at + 2 * MS * part_ms])
            left = left[1:]
            if not left:
                buffer.end(item)
        block = buffer.pull(BLOCK)
        notes = buffer.take_notes()
        heard += block if heard or Started(item) in notes else b""
        gaps += notes.count(RanDry(item))
        drained = any(isinstance(note, Drained) for note in notes)
        now_ms += 10
    return heard, gaps


def test_a_steady_reply_starts_at_once_and_nothing_is_inserted() -> None:
    buffer = JitterBuffer(PlayoutSettings())

    for reply in "abc":
        heard, gaps = played(buffer, reply, [100 * part for part in range(40)])

        assert gaps == 0
        assert heard.lstrip(b"\0")[: 2 * MS * 4000] == tone(4000)


def test_a_provider_that_stalls_is_played_without_a_gap_once_it_is_known() -> None:
    buffer = JitterBuffer(PlayoutSettings())
    stalling = [100 * part + (300 if part in (20, 21) else 0) for part in range(40)]
    stalling = [max(stalling[: part + 1]) for part in range(40)]

    gaps = [played(buffer, f"reply {number}", stalling)[1] for number in range(5)]

    assert gaps[0] >= 1
    assert gaps[2:] == [0, 0, 0]


def test_what_one_session_learned_serves_the_next() -> None:
    first = JitterBuffer(PlayoutSettings())
    stalling = [100 * part + (300 if part == 20 else 0) for part in range(20)] + [2300] * 4
    for number in range(4):
        played(first, f"reply {number}", stalling)

    second = JitterBuffer(PlayoutSettings(), learned=first.learned)

    assert played(second, "a", stalling)[1] == 0


def test_a_reply_played_slower_has_its_inserted_samples_booked_apart() -> None:
    buffer = JitterBuffer(PlayoutSettings(), learned=CAUTIOUS)

    heard, _ = played(buffer, "a", [100 * part for part in range(40)])

    books = buffer.books("a")
    assert books is not None
    assert books.stretched > 0
    assert books.played == books.received == 4000 * MS
    assert len(heard) // 2 >= books.played + books.stretched + books.paused


# --- pausing and dropping ---


def test_a_pause_fades_out_within_10_ms_and_resume_goes_on_at_the_next_sample() -> None:
    buffer = JitterBuffer(FIXED)
    whole = tone(200)
    buffer.push("a", whole)
    buffer.end("a")
    pull(buffer, 50)

    buffer.pause()
    fade, held = pull(buffer, 10), pull(buffer, 300)
    buffer.resume()
    rest = pull(buffer, 140)

    assert any(fade)
    assert held == bytes(len(held))
    assert rest[2 * BLOCK :] == whole[70 * MS * 2 :]
    assert buffer.take_notes() == [Started("a"), Drained("a", 200.0)]


def test_a_pause_with_nothing_playing_holds_what_comes_until_resume() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.pause()
    buffer.push("a", sound(100 * MS))
    held = pull(buffer, 100)

    buffer.resume()

    assert held == bytes(len(held))
    assert len(pull(buffer, 100)) == 100 * MS * 2
    assert buffer.heard() == ("a", 100.0)


def test_a_drop_counts_the_fade_as_heard_and_the_rest_as_cut() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", tone(200))
    pull(buffer, 50)

    heard_ms = buffer.drop("a")
    fade, after = pull(buffer, 10), pull(buffer, 100)
    buffer.push("a", tone(100))

    assert heard_ms == 60.0
    assert any(fade)
    assert not any(after + pull(buffer, 100))
    books = buffer.books("a")
    assert books is not None
    assert (books.played, books.queued, books.cut) == (60 * MS, 0, 240 * MS)
    assert buffer.take_notes() == [Started("a")]


def test_a_drop_during_a_pause_plays_nothing_more_and_the_pause_goes_on() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", tone(200))
    pull(buffer, 50)
    buffer.pause()
    pull(buffer, 20)

    heard_ms = buffer.drop("a")
    buffer.push("b", sound(100 * MS))
    held = pull(buffer, 100)
    buffer.resume()

    assert heard_ms == 60.0
    assert not any(held)
    assert pull(buffer, 100) == sound(100 * MS)


def test_a_queued_reply_can_be_dropped_without_touching_the_one_that_plays() -> None:
    buffer = JitterBuffer(FIXED)
    buffer.push("a", sound(100 * MS))
    buffer.push("b", sound(100 * MS))
    first = pull(buffer, 50)

    heard_ms = buffer.drop("b")

    assert heard_ms == 0.0
    assert first + pull(buffer, 50) == sound(100 * MS)


def test_a_reply_dropped_before_its_first_sound_is_never_heard() -> None:
    buffer = JitterBuffer(FIXED)

    heard_ms = buffer.drop("a")
    buffer.push("a", sound(100 * MS))

    assert heard_ms == 0.0
    assert not any(pull(buffer, 100))


# --- whatever happens ---

ITEMS = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from(ITEMS), st.integers(0, 4000)),
        st.tuples(st.just("pull"), st.just(""), st.integers(0, 1500)),
        st.tuples(st.sampled_from(("end", "drop")), st.sampled_from(ITEMS), st.just(0)),
        st.tuples(st.sampled_from(("pause", "resume")), st.just(""), st.just(0)),
    ),
    max_size=60,
)


SETTINGS = st.builds(
    PlayoutSettings, adaptive=st.booleans(), prefill_ms=st.integers(0, 100), fade_ms=st.sampled_from((0, 10))
)


@given(steps=STEPS, settings=SETTINGS)
def test_every_sample_is_accounted_for_once_whatever_happens(
    steps: list[tuple[str, str, int]], settings: PlayoutSettings
) -> None:
    buffer = JitterBuffer(settings)
    pushed = dict.fromkeys(ITEMS, 0)
    played = dict.fromkeys(ITEMS, 0)
    told: dict[str, float] = {}
    for step, item, count in steps:
        match step:
            case "push":
                buffer.push(item, sound(count, first=pushed[item] + 1))
                pushed[item] += count
            case "pull":
                assert len(buffer.pull(count)) == 2 * count
            case "end":
                buffer.end(item)
            case "drop":
                told[item] = buffer.drop(item)
            case "pause":
                buffer.pause()
            case _:
                buffer.resume()
        for known in ITEMS:
            if (books := buffer.books(known)) is not None:
                assert books.received == pushed[known]
                assert books.received == books.played + books.queued + books.cut
                assert min(books.queued, books.cut) >= 0
                assert books.played >= played[known]
                played[known] = books.played
    buffer.resume()
    for item in ITEMS:
        buffer.end(item)
    for _ in ITEMS:
        buffer.pull(sum(pushed.values()) + 10 * BLOCK)
    for item, heard_ms in told.items():
        books = buffer.books(item)
        assert books is not None
        assert books.played == heard_ms * MS
    for item in ITEMS:
        books = buffer.books(item)
        assert books is not None
        assert books.queued == 0


NUMBERED = 10_000


def of_item(item: str, samples: int, first: int = 0) -> bytes:
    """Samples that tell whose they are and where they belong: never 0, the same again after ``NUMBERED``."""
    numbers = np.arange(first, first + samples) % NUMBERED + 1 + NUMBERED * ITEMS.index(item)
    return bytes(numbers.astype("<i2").tobytes())


@example(steps=[("push", "a", 0), ("push", "b", 1), ("push", "a", 1)], prefill_ms=0)
@given(steps=STEPS, prefill_ms=st.integers(0, 100))
def test_without_stretching_and_fades_what_is_heard_is_what_came_byte_for_byte(
    steps: list[tuple[str, str, int]], prefill_ms: int
) -> None:
    """Through any pushes, pulls, pauses, resumes, drops and ends, in any order."""
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, prefill_ms=prefill_ms, fade_ms=0))
    pushed = dict.fromkeys(ITEMS, 0)
    order: list[str] = []
    heard = b""
    is_paused = False
    for step, item, count in [
        *steps,
        ("resume", "", 0),
        *(("end", one, 0) for one in ITEMS),
        ("rest", "", 0),
    ]:
        match step:
            case "push":
                buffer.push(item, of_item(item, count, pushed[item]))
                pushed[item] += count
                # A part without a sample is none, and gives no place in the queue.
                order += [item] if count and item not in order else []
            case "pull":
                block = buffer.pull(count)
                heard += block
                assert not (is_paused and any(block))
            case "end":
                buffer.end(item)
                order += [item] if item not in order else []
            case "drop":
                buffer.drop(item)
            case "pause":
                buffer.pause()
                is_paused = True
            case "resume":
                buffer.resume()
                is_paused = False
            case _:
                heard += buffer.pull(sum(pushed.values()) + BLOCK)
        if (under_way := buffer.heard()) is not None:
            assert 0 < under_way[1] * MS <= pushed[under_way[0]]

    played = {item: books.played for item in ITEMS if (books := buffer.books(item))}
    expected = b"".join(of_item(item, played[item]) for item in order)
    assert np.array_equal([value for value in values(heard) if value], values(expected))
    for item, samples in played.items():
        books = buffer.books(item)
        assert books is not None
        assert books.stretched == books.paused == books.queued == 0
        assert samples + books.cut == pushed[item]


@given(steps=STEPS, settings=SETTINGS)
def test_what_is_told_as_heard_only_grows_and_is_never_more_than_came(
    steps: list[tuple[str, str, int]], settings: PlayoutSettings
) -> None:
    buffer = JitterBuffer(settings, learned=CAUTIOUS if settings.adaptive else None)
    pushed, told = dict.fromkeys(ITEMS, 0), dict.fromkeys(ITEMS, 0.0)
    dropped: set[str] = set()
    for step, item, count in steps:
        now: list[tuple[str, float]] = []
        match step:
            case "push":
                buffer.push(item, sound(count, first=pushed[item] + 1))
                pushed[item] += count
            case "pull":
                buffer.pull(count)
            case "end":
                buffer.end(item)
            case "drop":
                dropped.add(item)
                now.append((item, buffer.drop(item)))
            case "pause":
                buffer.pause()
            case _:
                buffer.resume()
        if under_way := buffer.heard():
            assert under_way[0] not in dropped
            now.append(under_way)
        now += [(note.item, note.heard_ms) for note in buffer.take_notes() if isinstance(note, Drained)]
        for one, heard_ms in now:
            assert told[one] <= heard_ms <= pushed[one] / MS
            told[one] = heard_ms


LATE = st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 4000)), min_size=1, max_size=25)


@given(parts=LATE)
def test_a_reply_played_slower_still_has_all_its_samples_in_their_order(parts: list[tuple[int, int]]) -> None:
    buffer = JitterBuffer(PlayoutSettings(fade_ms=0), learned=CAUTIOUS)
    heard, pushed = b"", 0
    for samples, wait in parts:
        buffer.push("a", sound(samples, first=pushed + 1))
        pushed += samples
        heard += buffer.pull(wait)
    buffer.end("a")
    heard += buffer.pull(pushed + BLOCK)

    left = iter(values(heard))
    assert all(value in left for value in values(sound(pushed)))
    books = buffer.books("a")
    assert books is not None
    assert books.played == pushed


@given(
    parts=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    blocks=st.lists(st.integers(1, 1500), min_size=1, max_size=40),
    pauses=st.sets(st.integers(0, 40)),
)
def test_without_fades_a_reply_is_byte_exact_through_underruns_and_pauses(
    parts: list[int], blocks: list[int], pauses: set[int]
) -> None:
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, fade_ms=0))
    heard, pushed = b"", 0
    for turn, block in enumerate(blocks):
        if turn < len(parts):
            buffer.push("a", sound(parts[turn], first=pushed + 1))
            pushed += parts[turn]
        if turn in pauses:
            buffer.pause()
        if turn - 3 in pauses:
            buffer.resume()
        heard += buffer.pull(block)
    buffer.resume()
    buffer.end("a")
    heard += buffer.pull(pushed)

    assert [value for value in values(heard) if value] == values(sound(pushed))


@given(
    parts=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    blocks=st.lists(st.integers(1, 1500), min_size=1, max_size=40),
)
def test_a_reply_that_is_never_short_of_sound_is_byte_exact_with_fades_on(
    parts: list[int], blocks: list[int]
) -> None:
    buffer = JitterBuffer(PlayoutSettings())
    whole = sound(sum(parts))
    first = 0
    for part in parts:
        buffer.push("a", whole[2 * first : 2 * (first + part)])
        first += part
    buffer.end("a")  # complete: it starts at once, and there is nothing to wait for

    heard = b"".join(buffer.pull(block) for block in blocks)

    assert heard[: len(whole)] == whole[: len(heard)]


@pytest.mark.parametrize("prefill_ms", [-1, 2001])
def test_a_prefill_outside_its_limits_is_refused(prefill_ms: int) -> None:
    with pytest.raises(SettingError, match="0 to 2000"):
        PlayoutSettings(prefill_ms=prefill_ms)


def test_a_fade_longer_than_its_limit_is_refused() -> None:
    with pytest.raises(SettingError, match="fade_ms"):
        PlayoutSettings(fade_ms=51)
