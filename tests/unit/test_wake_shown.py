"""Whether it listens or waits for its wake word is seen on the screen, in plain lines and in JSON."""

from __future__ import annotations

import io
import json

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.earcons import Earcons, SoundSettings
from voice_assistant.core.events import (
    Capabilities,
    Command,
    Connect,
    Event,
    FellAsleep,
    LinkOpened,
    ModeChanged,
    MuteChanged,
    Pressed,
    Ring,
    SessionOpened,
    TurnClosed,
    TurnOpened,
    WakeWordHeard,
    WokenByKey,
)
from voice_assistant.core.status import Status
from voice_assistant.terminal.json_lines import JsonPrinter
from voice_assistant.terminal.plain import PlainPrinter
from voice_assistant.terminal.status_look import badge

READY: list[Event | Command] = [Connect(1), LinkOpened(0.0, 1), SessionOpened(0.1, "m", Capabilities())]
ASLEEP = FellAsleep(1.0, "okay nabu")
AWAKE = WakeWordHeard(2.0, "okay nabu")


def after(*entries: Event | Command) -> Status:
    status = Status(mode="wake-word")
    for entry in [*READY, *entries]:
        status = status.after(entry)
    return status


def test_the_badge_says_what_to_say_while_it_sleeps() -> None:
    assert badge(after(ASLEEP)).plain == ' LIVE on "okay nabu" '
    assert badge(after(ASLEEP, AWAKE)).plain == " LIVE "


def test_the_state_is_asleep_until_the_word_or_another_mode() -> None:
    assert after(ASLEEP).floor == "asleep"
    assert after(ASLEEP, AWAKE).floor == "listening"
    assert after(ASLEEP, ModeChanged(2.0, "hands-free")).floor == "listening"


def test_a_turn_that_a_key_opens_is_the_users_also_while_it_sleeps() -> None:
    held = after(ASLEEP, TurnOpened(2.0, 1, AudioFrame(b"", 16000), "key"))

    assert held.floor == "user"
    assert badge(held).plain == " LIVE "
    assert held.after(TurnClosed(3.0, 1, "key")).floor == "asleep"


def test_a_turn_by_key_wakes_it_without_a_line() -> None:
    words, notices = io.StringIO(), io.StringIO()
    PlainPrinter(words, notices).see(WokenByKey(2.0))

    assert after(ASLEEP, WokenByKey(2.0)).floor == "listening"
    assert badge(after(ASLEEP, WokenByKey(2.0))).plain == " LIVE "
    assert words.getvalue() + notices.getvalue() == ""


def test_plain_lines_say_it_beside_the_words() -> None:
    words, notices = io.StringIO(), io.StringIO()
    printer = PlainPrinter(words, notices)

    for entry in (ASLEEP, AWAKE, FellAsleep(3.0, "okay\x1b[2J")):
        printer.see(entry)

    assert words.getvalue() == ""
    first, second, third = notices.getvalue().splitlines()
    assert (first, second) == ('asleep: say "okay nabu"', "awake: speak")
    assert "\x1b" not in third


def test_json_gives_it_as_a_state() -> None:
    out = io.StringIO()
    printer = JsonPrinter(out, Status(mode="wake-word"), lambda: 0.0)

    for entry in (*READY, ASLEEP, AWAKE):
        printer.see(entry)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    states = [line["floor"] for line in lines if line["type"] == "state"]
    assert states[-2:] == ["asleep", "listening"]


def test_a_sound_says_that_it_listens_where_sounds_are_wanted() -> None:
    assert Earcons(SoundSettings(listening=True)).handle(AWAKE, []) == [Ring("listening")]
    assert Earcons(SoundSettings()).handle(AWAKE, []) == []
    assert Earcons(SoundSettings(listening=True)).handle(Pressed(1.0, "talk"), []) == []


def test_no_sound_says_that_it_listens_before_the_first_word() -> None:
    begun = Earcons(SoundSettings(listening=True), is_asleep=True)

    assert begun.handle(SessionOpened(1.0, "m", Capabilities()), []) == []
    assert begun.handle(AWAKE, []) == [Ring("listening")]


def test_no_sound_says_that_it_listens_while_it_sleeps() -> None:
    sleeping = Earcons(SoundSettings(listening=True))
    sleeping.handle(ASLEEP, [])

    assert sleeping.handle(SessionOpened(1.0, "m", Capabilities()), []) == []
    assert sleeping.handle(MuteChanged(2.0, False), []) == []
    sleeping.handle(WokenByKey(3.0), [])
    assert sleeping.handle(MuteChanged(4.0, False), []) == [Ring("listening")]
