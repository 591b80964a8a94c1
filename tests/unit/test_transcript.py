"""The transcript: what a session leaves to read, in which order, and when a line is finished."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Command,
    CommitInput,
    DropPlayout,
    Event,
    Level,
    Notify,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    Recognise,
    RecogniserLost,
    ReplyAudio,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    ResumePlayout,
    ServerError,
    SessionOpened,
    Stop,
    TextEntered,
    TurnClosed,
    TurnOpened,
    UserText,
)
from voice_assistant.core.lines import Line, NoticeLine, ReplyLine, UserLine, plain_line
from voice_assistant.core.notices import REPEATED_S
from voice_assistant.core.transcript import LATE_WORDS_S, MAX_CHARACTERS, RECOGNISED_S, Transcript
from voice_assistant.core.word_times import WordTimes
from voice_assistant.errors import LinkError

FRAME = AudioFrame(bytes(640), NEAR_RATE)


def second_of_reply(at: float, item: str) -> ReplyAudio:
    return ReplyAudio(at, item, bytes(48_000))


def level(at: float) -> Level:
    return Level(at, -30.0, -60.0, False)


def turn(number: int, at: float, ends: float) -> list[Event | Command]:
    return [
        TurnOpened(at, number, FRAME, "voice"),
        AppendInput(number, FRAME),
        TurnClosed(ends, number, "silence"),
        CommitInput(number),
    ]


def reply(item: str, at: float, *, words: str = "", seconds: int = 2) -> list[Event | Command]:
    sound: list[Event | Command] = [second_of_reply(at, item) for _ in range(seconds)]
    said: list[Event | Command] = [ReplyText(at, item, words)] if words else []
    return [*sound, *said, PlayoutStarted(at, item, at)]


def shown(transcript: Transcript, entries: Iterable[Event | Command]) -> list[Line]:
    return [line for entry in entries for line in transcript.see(entry)]


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line.spans())


def texts_of(lines: Sequence[Line]) -> list[str]:
    return [text_of(line) for line in lines]


def test_a_turn_and_its_reply_are_handed_over_in_the_order_of_the_conversation() -> None:
    transcript = Transcript()

    lines = shown(
        transcript,
        [
            *turn(1, 1.0, 2.0),
            UserText(2.2, 1, "What time", final=False),
            *reply("a", 2.5, words="Half past nine."),
            UserText(2.6, 1, "What time is it?", final=False),
            PlayoutDrained(4.5, "a", 2000.0),
            ReplyDone(4.6, "a"),
        ],
    )

    assert texts_of(lines) == ["What time is it?", "Half past nine."]
    assert isinstance(lines[0], UserLine)
    assert isinstance(lines[1], ReplyLine)
    assert transcript.live == ()


def test_words_that_are_final_are_finished_when_the_turn_is_over() -> None:
    transcript = Transcript()

    lines = shown(transcript, [*turn(1, 1.0, 2.0), UserText(2.2, 1, "Hello.", final=True)])

    assert texts_of(lines) == ["Hello."]


def test_words_that_are_final_before_the_turn_is_over_wait_for_its_end() -> None:
    transcript = Transcript()
    opened = TurnOpened(1.0, 1, FRAME, "voice")

    before = shown(transcript, [opened, UserText(1.5, 1, "Hello.", final=True)])
    after = shown(transcript, [TurnClosed(2.0, 1, "silence")])

    assert before == []
    assert texts_of(after) == ["Hello."]


def test_late_fragments_replace_the_words_while_the_reply_is_young() -> None:
    transcript = Transcript()
    shown(transcript, [*turn(1, 1.0, 2.0), *reply("a", 3.0)])

    early = shown(transcript, [UserText(3.5, 1, "Tell me", final=False), level(3.0 + LATE_WORDS_S - 0.1)])
    finished = shown(transcript, [level(3.0 + LATE_WORDS_S)])

    assert early == []
    assert texts_of(finished) == ["Tell me"]


def test_words_that_come_after_their_line_make_a_line_of_what_is_new() -> None:
    transcript = Transcript()
    shown(transcript, [*turn(1, 1.0, 2.0), UserText(2.1, 1, "Tell me", final=False), ReplyDone(2.2, None)])

    lines = shown(transcript, [UserText(9.0, 1, "Tell me a story", final=False)])
    again = shown(transcript, [UserText(9.1, 1, "Tell me a story", final=True)])

    assert texts_of(lines) == ["a story (came late)"]
    assert again == []


def test_a_turn_of_which_no_words_come_back_says_so() -> None:
    transcript = Transcript()

    lines = shown(transcript, [*turn(1, 1.0, 2.4), ReplyDone(5.0, None)])

    assert texts_of(lines) == ["spoken, 1.4 s; no words of it came back"]


def test_a_cough_that_was_never_sent_leaves_no_line() -> None:
    transcript = Transcript()
    shown(transcript, reply("a", 1.0, words="Once upon a time"))

    lines = shown(
        transcript,
        [
            TurnOpened(1.5, 1, FRAME, "voice"),
            PausePlayout(),
            ResumePlayout(),
            TurnClosed(2.9, 1, "silence"),
            PlayoutDrained(4.0, "a", 2000.0),
            ReplyDone(4.0, "a"),
        ],
    )

    assert texts_of(lines) == ["Once upon a time"]
    assert transcript.live == ()


def test_a_cut_reply_says_where_it_was_cut_and_what_was_not_heard() -> None:
    transcript = Transcript()
    shown(transcript, reply("a", 1.0, words="one two three four", seconds=4))

    lines = shown(
        transcript,
        [
            TurnOpened(2.5, 1, FRAME, "voice"),
            PausePlayout(),
            DropPlayout("a"),
            ResumePlayout(),
            AppendInput(1, FRAME),
            PlayoutDropped(2.6, "a", 1600.0),
            ReplyText(2.7, "a", " five"),
            second_of_reply(2.7, "a"),
        ],
    )

    [line] = lines
    assert line.spans() == [
        ("one two", "said"),
        (" [cut after 1.6 s]", "remark"),
        (" three four", "unheard"),
    ]
    assert [live.turn for live in transcript.live if isinstance(live, UserLine)] == [1]


def test_a_script_without_spaces_is_cut_between_its_characters() -> None:
    times = WordTimes(4000.0, whole=True)
    line = ReplyLine(1.0, "a", "東京の天気は晴れ", times, heard_ms=1000.0, ending="cut")

    assert line.spans()[0] == ("東京", "said")


def test_a_reply_that_is_held_and_dropped_waits_for_the_turn_that_goes_on() -> None:
    transcript = Transcript()
    held: list[Event | Command] = [
        TurnOpened(1.0, 1, FRAME, "key"),
        AppendInput(1, FRAME),
        second_of_reply(1.5, "a"),
        PausePlayout(),
        DropPlayout("a"),
        PlayoutDropped(1.8, "a", 0.0),
    ]

    during = shown(transcript, held)
    lines = shown(
        transcript, [TurnClosed(3.0, 1, "key"), CommitInput(1), UserText(3.1, 1, "Well, no.", True)]
    )

    assert during == []
    assert texts_of(lines) == [
        "Well, no.",
        "spoken reply, cut after 0.0 s of 1.0 s; this provider sends no words",
    ]


def test_a_reply_without_words_gives_its_length() -> None:
    transcript = Transcript()

    lines = shown(
        transcript, [*reply("a", 1.0, seconds=3), PlayoutDrained(4.2, "a", 3000.0), ReplyDone(4.3, "a")]
    )

    assert texts_of(lines) == ["spoken reply, 3.0 s; this provider sends no words"]


def recognised(at: float, text: str, until_ms: float, *, is_last: bool = False) -> ReplyRecognised:
    return ReplyRecognised(at, "a", text, until_ms, is_last)


def test_words_that_were_recognised_here_are_waited_for_and_marked() -> None:
    transcript = Transcript()

    early = shown(
        transcript,
        [
            *reply("a", 1.0),
            Recognise("a", bytes(2), 1500.0),
            recognised(2.0, "It is", 1500.0),
            Recognise("a", bytes(2), 2000.0, is_last=True),
            ReplyDone(2.5, "a"),
            PlayoutDrained(3.0, "a", 2000.0),
        ],
    )
    live = texts_of(transcript.live)
    lines = shown(transcript, [recognised(3.4, "no\x1b[31mon.", 2000.0, is_last=True)])

    assert early == []
    assert live == ["~ It is"]
    assert texts_of(lines) == ["~ It is noon."]


def test_words_that_are_recognised_too_late_are_not_waited_for_for_ever() -> None:
    transcript = Transcript()
    asked = [*reply("a", 1.0), Recognise("a", bytes(2), 2000.0, is_last=True), ReplyDone(2.5, "a")]

    shown(transcript, [*asked, PlayoutDrained(3.0, "a", 2000.0)])
    waiting = shown(transcript, [level(3.0 + RECOGNISED_S - 0.1)])
    lines = shown(transcript, [level(3.0 + RECOGNISED_S)])

    assert waiting == []
    assert texts_of(lines) == ["spoken reply, 2.0 s; this provider sends no words"]


def test_without_a_recogniser_nothing_is_waited_for_any_more() -> None:
    transcript = Transcript()
    asked = [*reply("a", 1.0), Recognise("a", bytes(2), 2000.0, is_last=True), ReplyDone(2.5, "a")]

    waiting = shown(transcript, [*asked, PlayoutDrained(3.0, "a", 2000.0)])
    lines = shown(transcript, [RecogniserLost(3.1, "it ended")])

    assert waiting == []
    assert len(lines) == 1


def test_of_a_cut_reply_the_words_recognised_here_are_told_up_to_the_cut() -> None:
    transcript = Transcript()

    cut = shown(transcript, [*reply("a", 1.0), PlayoutDropped(2.0, "a", 1000.0)])
    asked = shown(transcript, [Recognise("a", bytes(2), 1000.0, is_last=True), level(2.02)])
    lines = shown(transcript, [recognised(2.4, "one two", 1000.0, is_last=True)])

    assert cut == asked == []
    assert texts_of(lines) == ["~ one two [cut after 1.0 s]"]


def test_a_cut_reply_whose_words_nobody_recognises_is_finished_with_the_next_frame() -> None:
    transcript = Transcript()

    shown(transcript, [*reply("a", 1.0), PlayoutDropped(2.0, "a", 1000.0)])

    assert len(shown(transcript, [level(2.02)])) == 1


def test_a_cut_reply_without_words_says_so_though_the_provider_ends_it_before_the_next_frame() -> None:
    transcript = Transcript()

    shown(
        transcript,
        [*reply("a", 1.0), PlayoutDropped(2.0, "a", 1000.0), ReplyDone(2.01, "a", interrupted=True)],
    )
    lines = shown(transcript, [level(2.02)])

    assert "cut after 1.0 s" in texts_of(lines)[0]


def test_the_providers_words_take_the_place_of_those_recognised_here() -> None:
    transcript = Transcript()
    shown(transcript, [*reply("a", 1.0), Recognise("a", bytes(2), 1500.0), recognised(2.0, "It is", 1500.0)])

    lines = shown(
        transcript,
        [
            ReplyText(2.1, "a", "It's noon."),
            recognised(2.2, "new", 2000.0),
            PlayoutDrained(3.0, "a", 2000.0),
            ReplyDone(3.1, "a"),
        ],
    )

    assert texts_of(lines) == ["It's noon."]


def test_words_not_heard_yet_are_told_apart_while_a_reply_plays() -> None:
    transcript = Transcript()
    shown(transcript, [*reply("a", 1.0, words="one two three four"), PlayoutProgress(2.0, "a", 1000.0)])

    [line] = transcript.live

    assert line.spans() == [("one two", "said"), (" three four", "unheard")]


def test_a_reply_whose_end_is_never_told_is_finished_a_while_after_it_was_played() -> None:
    transcript = Transcript()
    shown(transcript, [*reply("a", 1.0, words="Hm."), level(3.0), PlayoutDrained(3.0, "a", 2000.0)])

    late = shown(transcript, [ReplyText(3.5, "a", " Yes."), level(2.9 + LATE_WORDS_S)])
    finished = shown(transcript, [level(3.0 + LATE_WORDS_S)])

    assert late == []
    assert texts_of(finished) == ["Hm. Yes."]


def test_a_reply_of_words_only_is_finished_when_the_provider_is_through() -> None:
    transcript = Transcript()

    lines = shown(transcript, [ReplyText(1.0, "a", "Just words."), ReplyDone(1.1, "a")])

    assert texts_of(lines) == ["Just words."]


def test_a_notice_does_not_wait_and_is_not_repeated() -> None:
    transcript = Transcript()
    shown(transcript, [*turn(1, 1.0, 2.0), level(5.0)])

    first = shown(transcript, [Notify("warning", "No answer.", "Say it again.")])
    soon = shown(transcript, [level(6.0), Notify("warning", "No answer.", "Say it again.")])
    later = shown(transcript, [level(5.0 + REPEATED_S), Notify("warning", "No answer.", "Say it again.")])

    assert texts_of(first) == ["No answer. Fix: Say it again."]
    assert soon == []
    assert len(later) == 1


def test_a_servers_error_is_one_line() -> None:
    transcript = Transcript()

    lines = shown(transcript, [ServerError(1.0, "quota\x1b[2J\nexceeded", "429"), level(1.1)])

    assert lines == [NoticeLine(1.0, "error", "The provider reports: quota exceeded")]


def test_our_own_word_on_a_servers_error_stands_for_it() -> None:
    transcript = Transcript()

    lines = shown(
        transcript,
        [ServerError(1.0, "quota exceeded"), Notify("error", "Refused: quota exceeded", "Wait."), level(2.0)],
    )

    assert texts_of(lines) == ["Refused: quota exceeded Fix: Wait."]


def test_an_error_that_ends_the_session_is_left_to_the_programs_last_word() -> None:
    transcript = Transcript()
    stop = Stop(LinkError("the provider ended the session", remedy="Start anew."))

    lines = [*shown(transcript, [ServerError(1.0, "internal"), stop]), *transcript.close()]

    assert lines == []


def test_a_session_that_opens_is_told_once() -> None:
    transcript = Transcript()

    first = shown(transcript, [SessionOpened(1.0, "gemini-live", Capabilities())])
    renewed = shown(transcript, [SessionOpened(600.0, "gemini-live", Capabilities())])

    assert texts_of(first) == ["Connected to gemini-live."]
    assert renewed == []


def test_an_escape_in_two_parts_does_not_reach_the_line() -> None:
    transcript = Transcript()

    shown(transcript, [ReplyText(1.0, "a", "safe\x1b[3"), ReplyText(1.1, "a", "1mred")])

    assert texts_of(transcript.live) == ["safered"]


def test_a_reply_without_end_does_not_grow_without_end() -> None:
    transcript = Transcript()

    shown(transcript, [ReplyText(1.0, "a", "x" * 15_000), ReplyText(1.1, "a", "y" * 15_000)])

    [line] = transcript.live
    assert len(text_of(line)) == MAX_CHARACTERS


def test_closing_hands_over_what_is_left() -> None:
    transcript = Transcript()
    shown(
        transcript,
        [*turn(1, 1.0, 2.0), UserText(2.1, 1, "Hello.", False), *reply("a", 2.5, words="Hello to you.")],
    )
    shown(transcript, [PlayoutProgress(3.5, "a", 800.0), TurnOpened(3.6, 2, FRAME, "voice")])

    lines = transcript.close()

    assert texts_of(lines) == ["Hello.", "Hello [cut after 0.8 s] to you."]
    assert transcript.live == ()
    assert transcript.close() == []


ITEMS = st.sampled_from(["a", "b", "c"])
TURNS = st.integers(0, 3)
WORDS = st.text(st.sampled_from("ab c\x1b[31m\n\u202e"), max_size=8)
TIMES = st.floats(0, 60)
ENTRIES = st.one_of(
    st.builds(TurnOpened, TIMES, st.integers(1, 3), st.just(FRAME), st.just("voice")),
    st.builds(TurnClosed, TIMES, TURNS, st.just("silence")),
    st.builds(UserText, TIMES, TURNS, WORDS, st.booleans()),
    st.builds(ReplyAudio, TIMES, ITEMS, st.just(bytes(960))),
    st.builds(ReplyText, TIMES, ITEMS, WORDS),
    st.builds(ReplyDone, TIMES, st.one_of(st.none(), ITEMS)),
    st.builds(PlayoutStarted, TIMES, ITEMS, TIMES),
    st.builds(PlayoutDrained, TIMES, ITEMS, st.floats(0, 100)),
    st.builds(PlayoutDropped, TIMES, ITEMS, st.floats(0, 100)),
    st.builds(ServerError, TIMES, WORDS),
    st.builds(Notify, st.just("info"), WORDS),
    st.builds(DropPlayout, ITEMS),
    st.just(PausePlayout()),
    st.just(ResumePlayout()),
    st.builds(level, TIMES),
)


@given(entries=st.lists(ENTRIES, max_size=40))
def test_whatever_comes_a_reply_is_handed_over_once_and_nothing_unsafe_is(
    entries: list[Event | Command],
) -> None:
    transcript = Transcript()

    lines = [*shown(transcript, entries), *transcript.close()]

    items = [line.item for line in lines if isinstance(line, ReplyLine)]
    assert len(items) == len(set(items))
    assert transcript.live == ()
    assert all(unicodedata.category(char) not in ("Cc", "Cf") for line in lines for char in text_of(line))


def test_a_typed_line_is_a_line_of_its_own_and_takes_no_words_of_others() -> None:
    transcript = Transcript()
    transcript.see(TurnOpened(1.0, 1, FRAME, "voice"))
    assert transcript.see(TextEntered(1.5, "two\nlines")) == []

    lines = transcript.see(UserText(2.0, 1, "spoken", final=True)) + transcript.see(
        TurnClosed(2.1, 1, "silence")
    )

    assert [line.words for line in lines if isinstance(line, UserLine)] == ["spoken", "two lines"]


def test_an_answer_that_is_played_again_is_a_line_of_its_own_with_its_words() -> None:
    transcript = Transcript()
    said: list[Event | Command] = [
        ReplyAudio(1.0, "a", bytes(48_000)),
        ReplyText(1.0, "a", "It is noon."),
        PlayoutStarted(1.1, "a", 1.1),
        PlayoutDrained(2.1, "a", 1000.0),
        ReplyDone(2.1, "a"),
    ]
    for number in (1, 2):
        item = f"again:{number}:a"
        at = 10.0 * number
        said += [
            Play(item, bytes(48_000)),
            PlayoutStarted(at, item, at),
            PlayoutDrained(at + 1, item, 1000.0),
        ]

    lines = [plain_line(line) for entry in said for line in transcript.see(entry)]

    assert lines == ["assistant: It is noon.", *2 * ["assistant: (again) It is noon."]]
