"""The hint for those who speak while muted."""

from __future__ import annotations

from voice_assistant.core.muted import AGAIN_FRAMES, SPEECH_FRAMES, MutedWatch


def test_a_cough_is_no_reason_for_a_hint() -> None:
    watch = MutedWatch()

    assert not any(watch.hear(is_speech=n < SPEECH_FRAMES - 1) for n in range(200))


def test_who_goes_on_speaking_is_told_now_and_then() -> None:
    watch = MutedWatch()

    told = [n for n in range(2 * AGAIN_FRAMES + SPEECH_FRAMES) if watch.hear(is_speech=True)]

    assert told == [SPEECH_FRAMES - 1 + n * AGAIN_FRAMES for n in range(3)]


def test_muting_anew_forgets_what_was_heard_before() -> None:
    watch = MutedWatch()
    for _ in range(SPEECH_FRAMES - 1):
        watch.hear(is_speech=True)
    watch.begin()

    assert not watch.hear(is_speech=True)
