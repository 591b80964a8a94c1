"""Words that a provider does not send are recognised here: all that was heard, and that once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.unit.test_stretches import pause, speech
from voice_assistant.core.events import (
    Capabilities,
    Command,
    Event,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Recognise,
    RecogniserLost,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    SessionOpened,
    UserText,
)
from voice_assistant.core.wordless import Wordless

SILENT = SessionOpened(0.0, "m", Capabilities(wordless_remedy="Use another."))
LONG = speech(3000) + pause(400) + speech(3000) + pause(400) + speech(1000)


def begun(*, recognises: bool = True, missing_remedy: str = "") -> Wordless:
    wordless = Wordless(recognises=recognises, missing_remedy=missing_remedy)
    wordless.handle(SILENT)
    return wordless


def after(wordless: Wordless, *events: Event) -> list[Command]:
    return [command for event in events for command in wordless.handle(event)]


def reply(item: str, sound: bytes) -> list[Event]:
    """A reply as it comes: 100 ms in each message, playing from the first of them on."""
    size = 4800
    parts = [ReplyAudio(1.0, item, sound[at : at + size]) for at in range(0, len(sound), size)]
    return [parts[0], PlayoutStarted(1.0, item, 1.0), *parts[1:], ReplyComplete(1.5, item)]


def wanted(commands: list[Command]) -> list[Recognise]:
    return [command for command in commands if isinstance(command, Recognise)]


def notices(commands: list[Command]) -> list[Notify]:
    return [command for command in commands if isinstance(command, Notify)]


def test_a_wordless_reply_is_recognised_whole_and_once_in_stretches() -> None:
    asked = wanted(after(begun(), *reply("a", LONG), ReplyDone(2.0, "a"), PlayoutDrained(9.0, "a", 7800.0)))

    assert b"".join(one.pcm for one in asked) == LONG
    assert [one.is_last for one in asked] == [False, False, True]
    assert asked[-1].until_ms == 7800.0
    assert all(a.until_ms < b.until_ms for a, b in pairwise(asked))


def test_the_first_stretch_goes_before_the_reply_has_come_whole() -> None:
    wordless = begun()
    *coming, _ = reply("a", LONG)

    assert len(wanted(after(wordless, *coming))) == 2


def test_a_reply_that_comes_with_words_is_left_alone_and_so_are_those_after_it() -> None:
    wordless = begun()

    first = after(wordless, ReplyText(0.9, "a", "Hello"), *reply("a", LONG), ReplyDone(2.0, "a"))
    second = after(wordless, *reply("b", LONG), ReplyDone(3.0, "b"))

    assert first == second == []


def test_of_a_cut_reply_only_what_was_heard_is_recognised() -> None:
    wordless = begun()
    first, started, *rest = reply("a", speech(2400))

    early = after(wordless, first, started, *rest[:10])
    asked = wanted(after(wordless, PlayoutDropped(2.0, "a", 700.0), *rest[10:]))

    assert wanted(early) == []
    assert [one.pcm for one in asked] == [speech(2400)[: 700 * 48]]
    assert asked[0].is_last


def test_a_reply_that_was_held_and_dropped_unheard_is_not_recognised() -> None:
    first, _, *rest = reply("a", LONG)

    assert wanted(after(begun(), first, *rest, PlayoutDropped(2.0, "a", 0.0), *rest)) == []


def test_what_is_no_speech_is_not_recognised() -> None:
    asked = wanted(after(begun(), *reply("a", speech(3000) + pause(500)), ReplyDone(2.0, "a")))

    assert [len(one.pcm) > 0 for one in asked] == [True, False]
    assert asked[-1].is_last


def test_a_slow_recogniser_is_not_given_more_than_a_minute_at_a_time_and_gets_all_of_it() -> None:
    wordless = begun()
    sound = (speech(9000) + pause(1000)) * 12

    first = wanted(after(wordless, *reply("a", sound), ReplyDone(2.0, "a")))
    asked = list(first)
    for one in asked:
        asked += wanted(after(wordless, ReplyRecognised(3.0, "a", "words", one.until_ms, one.is_last)))

    assert 50 <= sum(len(one.pcm) for one in first) / 48_000 <= 75
    assert sum(len(one.pcm) for one in asked) >= len(sound) - 48_000
    assert [one.is_last for one in asked].count(True) == 1
    assert asked[-1].is_last


def test_replies_without_words_are_told_once_with_what_is_done_about_it() -> None:
    wordless = begun()

    first = notices(after(wordless, *reply("a", LONG), ReplyDone(2.0, "a")))
    second = notices(after(wordless, *reply("b", LONG), ReplyDone(3.0, "b")))

    assert len(first) == 1
    assert "recognised on this machine" in first[0].text
    assert first[0].remedy == "Use another."
    assert second == []


def test_where_nothing_can_recognise_it_is_told_what_could() -> None:
    wordless = begun(recognises=False, missing_remedy="Install it.")

    commands = after(wordless, *reply("a", LONG), ReplyDone(2.0, "a"), PlayoutDrained(9.0, "a", 7800.0))

    assert [one.remedy for one in notices(commands)] == ["Use another. Install it."]
    assert wanted(commands) == []


def test_a_recogniser_that_dies_is_told_once_and_asked_no_more() -> None:
    wordless = begun()
    *coming, end = reply("a", LONG)
    after(wordless, *coming)

    lost = after(wordless, RecogniserLost(2.0, "the process has ended"), RecogniserLost(2.1, "again"))
    later = after(wordless, end, ReplyDone(2.2, "a"), *reply("b", LONG), ReplyDone(3.0, "b"))

    assert [one.text.count("the process has ended") for one in notices(lost)] == [1]
    assert wanted(lost + later) == []


@pytest.mark.parametrize("ending", ["no end", "done"])
def test_a_reply_whose_end_was_lost_is_recognised_when_it_was_heard(ending: str) -> None:
    *coming, _ = reply("a", speech(1500))
    ends: list[Event] = [PlayoutDrained(5.0, "a", 1500.0)] if ending == "no end" else [ReplyDone(4.0, "a")]

    asked = wanted(after(begun(), *coming, *ends))

    assert [one.is_last for one in asked] == [True]


def test_who_speaks_another_language_than_the_recogniser_is_not_misheard() -> None:
    german = "Kannst du mir sagen, wie das Wetter morgen in Paris wird?"
    wordless = begun()

    asked = wanted(after(wordless, UserText(0.5, 1, german, True), *reply("a", LONG), ReplyDone(2.0, "a")))
    any_language = Wordless(recognises=True, is_english=False)
    understood = wanted(after(any_language, SILENT, UserText(0.5, 1, german, True), *reply("a", LONG)))

    assert asked == []
    assert b"".join(one.pcm for one in understood) == LONG
