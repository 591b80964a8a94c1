"""Captions: pieces that can be read, with times, of what was said and heard."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.captions import ROW_CHARACTERS, Captions, Cue, cue_text, head_of, pieces_of
from voice_assistant.core.events import (
    AppendInput,
    Command,
    CommitInput,
    Event,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    TextEntered,
    Tick,
    TurnClosed,
    TurnOpened,
    UserText,
)

FRAME = AudioFrame(bytes(640), NEAR_RATE)
TWO_SENTENCES = "This is the first of them. And here is the second one."


def cues_of(entries: Sequence[Event | Command], began_at: float = 100.0) -> list[Cue]:
    captions = Captions(began_at)
    return [cue for entry in entries for cue in captions.see(entry)] + captions.close()


def asked(words: str = "What is it?", *, final: bool = True) -> list[Event | Command]:
    return [
        TurnOpened(101.0, 1, FRAME, "voice"),
        AppendInput(1, FRAME),
        TurnClosed(103.0, 1, "silence"),
        CommitInput(1),
        UserText(103.5, 1, words, final=final),
    ]


def answered(words: str, heard_s: float = 4.0, of_s: float = 4.0) -> list[Event | Command]:
    steps = [PlayoutProgress(104.0 + n / 10, "a", n * 100.0) for n in range(1, int(heard_s * 10))]
    end: list[Event | Command] = [PlayoutDropped(104.0 + heard_s, "a", heard_s * 1000)]
    if heard_s == of_s:
        end = [PlayoutDrained(104.0 + heard_s, "a", heard_s * 1000), ReplyDone(110.0, "a")]
    return [
        ReplyAudio(103.9, "a", bytes(int(of_s * 48_000))),
        ReplyText(103.9, "a", words),
        PlayoutStarted(103.95, "a", 104.0),
        *steps,
        *end,
    ]


def test_each_sentence_is_a_caption_while_it_is_heard() -> None:
    cues = cues_of(asked() + answered(TWO_SENTENCES))

    assert [cue.words for cue in cues] == [
        "What is it?",
        "This is the first of them.",
        "And here is the second one.",
    ]
    assert (cues[0].began_s, cues[0].ended_s, cues[0].speaker) == (1.0, 3.0, "user")
    assert cues[1].began_s == 4.0
    assert 5.5 <= cues[1].ended_s == cues[2].began_s <= 6.6
    assert cues[2].ended_s == 8.0


def test_what_was_cut_is_not_captioned() -> None:
    cues = cues_of(asked() + answered(TWO_SENTENCES, heard_s=1.0))

    (answer,) = [cue for cue in cues if cue.speaker == "assistant"]
    assert answer.words == "This is the"
    assert answer.ended_s == 5.0


def test_the_users_words_come_first_though_more_of_them_may_come() -> None:
    cues = cues_of(asked("What is", final=False) + answered(TWO_SENTENCES))

    assert [cue.speaker for cue in cues] == ["user", "assistant", "assistant"]


def test_a_typed_line_is_shown_for_a_moment() -> None:
    (cue,) = cues_of([TextEntered(101.0, "typed")])

    assert cue.words == "typed"
    assert cue.ended_s > cue.began_s


def test_a_reply_without_words_has_no_captions() -> None:
    entries = [entry for entry in answered("x") if not isinstance(entry, ReplyText)]

    assert cues_of(entries) == []


@given(words=st.text(alphabet="ab .!?。你好é\u0301", max_size=300))
def test_pieces_are_the_words_and_none_is_too_long(words: str) -> None:
    pieces = pieces_of(words, is_over=True)

    assert "".join(pieces) == words
    assert all(0 < len(piece) <= 2 * ROW_CHARACTERS + 1 for piece in pieces)
    assert "".join(pieces_of(words, is_over=False)) == words[: sum(map(len, pieces_of(words, is_over=False)))]


@given(
    words=st.lists(st.sampled_from(["yes", "no.", "well", "it is so!", "你好。"]), max_size=40),
    heard_tenths=st.integers(1, 80),
)
def test_times_never_go_back_and_the_words_are_those_that_were_heard(
    words: list[str], heard_tenths: int
) -> None:
    text = " ".join(words)

    cues = cues_of(asked() + answered(text, heard_s=heard_tenths / 10, of_s=8.0))

    assert all(a.began_s <= b.began_s for a, b in pairwise(cues))
    assert all(cue.began_s < cue.ended_s for cue in cues)
    assert text.startswith(" ".join(cue.words for cue in cues if cue.speaker == "assistant"))


def test_the_files_are_as_their_formats_want_them() -> None:
    cue = Cue(3661.5, 3662.25, "assistant", "a < b & c " + "long " * 10)

    assert cue_text(cue, 7, "srt").splitlines()[:3] == [
        "7",
        "01:01:01,500 --> 01:01:02,250",
        "Assistant: a < b & c long long long long",
    ]
    assert head_of("vtt") == "WEBVTT\n\n"
    assert cue_text(cue, 7, "vtt").splitlines()[:2] == [
        "01:01:01.500 --> 01:01:02.250",
        "<v Assistant>a &lt; b &amp; c long long long long long",
    ]
    assert cue_text(cue, 7, "srt").endswith("\n\n")


def test_an_answer_that_is_played_again_is_captioned_again() -> None:
    item = "again:1:a"
    again: list[Event | Command] = [
        Play(item, bytes(4 * 48_000)),
        PlayoutStarted(120.0, item, 120.1),
        *(PlayoutProgress(120.1 + n / 10, item, n * 100.0) for n in range(1, 40)),
        PlayoutDrained(124.1, item, 4000.0),
    ]

    cues = cues_of([*asked(), *answered(TWO_SENTENCES), Tick(115.0), *again])

    assert [cue.words for cue in cues[1:3]] == [cue.words for cue in cues[3:]]
    assert cues[3].began_s >= 20.0


def test_of_an_answer_that_is_played_again_and_stopped_only_what_was_heard_is_captioned() -> None:
    item = "again:1:a"
    again: list[Event | Command] = [
        Play(item, bytes(4 * 48_000)),
        PlayoutStarted(120.0, item, 120.1),
        PlayoutProgress(120.2, item, 100.0),
        PlayoutDropped(120.3, item, 150.0),
    ]

    cues = cues_of([*asked(), *answered(TWO_SENTENCES), Tick(115.0), *again])

    assert all(len(cue.words) < 12 for cue in cues[3:])


def test_words_that_a_player_would_take_for_markup_stay_words_in_subrip() -> None:
    cue = Cue(1.0, 2.0, "assistant", "<b>a</b> --> {\\an8} 1 < 2 {b}")

    words = cue_text(cue, 1, "srt").splitlines()[2]

    assert words == "Assistant: \u2039b>a\u2039/b> -> { \\an8} 1 < 2 {b}"
