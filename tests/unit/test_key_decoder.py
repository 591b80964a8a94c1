"""The keyboard's bytes: holds, taps and releases in terminals that tell, and in those that do not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.events import Action, KeysKnown, Pressed, Released, TextEntered
from voice_assistant.core.settings import SettingError
from voice_assistant.terminal.key_codes import ESCAPE_S, SEQUENCE_S
from voice_assistant.terminal.key_decoder import (
    ANSWER_WAIT_S,
    FIRST_GAP_S,
    Drafted,
    KeyDecoder,
    KeyEvent,
    SuspendAsked,
)
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft

ACTIONS: dict[str, Action] = {
    "space": "talk",
    "tab": "mode",
    "m": "mute",
    "esc": "quit",
    "ctrl-c": "quit",
    "pagedown": "mute",
    "f5": "mode",
    "left-ctrl": "talk",
}
SPEAKS_KITTY = b"\x1b[?11u\x1b[?62;c"
DEVICE_ATTRIBUTES = b"\x1b[?1;2c"


def in_kitty() -> KeyDecoder:
    decoder = KeyDecoder(ACTIONS, 0.0)
    decoder.feed(SPEAKS_KITTY, 0.0)
    return decoder


def in_tmux() -> KeyDecoder:
    decoder = KeyDecoder(ACTIONS, 0.0)
    decoder.feed(DEVICE_ATTRIBUTES, 0.0)
    return decoder


def held(
    decoder: KeyDecoder, at: float, *, until: float, delay_s: float = 0.65, every_s: float = 0.04
) -> float:
    """Hold the talk key where it repeats; gives the time of the last repeat."""
    assert decoder.feed(b" ", at) == [Pressed(at, "talk")]
    last, at = at, at + delay_s
    while at <= until:
        assert decoder.feed(b" ", at) == []
        last, at = at, at + every_s
    return last


def run_out(decoder: KeyDecoder) -> list[KeyEvent]:
    """Let time pass until nothing is awaited."""
    events: list[KeyEvent] = []
    while (due := decoder.deadline()) is not None:
        events += decoder.expire(due)
    return events


def test_a_terminal_that_reports_releases_is_known_by_its_answer() -> None:
    decoder = KeyDecoder(ACTIONS, 0.0)

    assert decoder.feed(SPEAKS_KITTY, 0.1) == [KeysKnown(0.1, "reported")]
    assert decoder.deadline() is None


def test_a_terminal_that_answers_only_what_every_terminal_answers_is_watched() -> None:
    decoder = KeyDecoder(ACTIONS, 0.0)

    assert decoder.feed(DEVICE_ATTRIBUTES, 0.1) == [KeysKnown(0.1, "watched")]


def test_a_terminal_that_took_other_flags_is_watched() -> None:
    decoder = KeyDecoder(ACTIONS, 0.0)

    assert decoder.feed(b"\x1b[?1u\x1b[?62;c", 0.1) == [KeysKnown(0.1, "watched")]


def test_a_terminal_that_says_nothing_is_watched_and_believed_when_it_speaks_after_all() -> None:
    decoder = KeyDecoder(ACTIONS, 0.0)

    assert decoder.expire(ANSWER_WAIT_S) == [KeysKnown(ANSWER_WAIT_S, "watched")]
    assert decoder.feed(SPEAKS_KITTY, 3.0) == [KeysKnown(3.0, "reported")]


@pytest.mark.parametrize(
    ("press", "repeat", "release"),
    [
        (b"\x1b[32u", b"\x1b[32;1:2u", b"\x1b[32;1:3u"),
        (b"\x1b[32;1u", b"\x1b[32;1:2u", b"\x1b[32;1:3u"),
        (b"\x1b[32;129:1u", b"\x1b[32;129:2u", b"\x1b[32;129:3u"),
        (b" ", b" ", b"\x1b[32;1:3u"),
        (b"\x1b[57442;5u", b"\x1b[57442;5:2u", b"\x1b[57442;5:3u"),
        (b"\x1b[57442u", b"\x1b[57442;5:2u", b"\x1b[57442;5:3u"),
    ],
    ids=["kitty", "with modifiers", "num lock", "flags 3", "left ctrl", "left ctrl, first form"],
)
def test_a_hold_is_one_press_and_one_release(press: bytes, repeat: bytes, release: bytes) -> None:
    decoder = in_kitty()

    pressed = decoder.feed(press, 1.0)
    repeated = [event for n in range(20) for event in decoder.feed(repeat, 1.65 + n * 0.04)]
    released = decoder.feed(release, 2.51)

    assert pressed == [Pressed(1.0, "talk")]
    assert repeated == []
    assert released == [Released(2.51, "talk", tap=False)]
    assert decoder.deadline() is None


def test_a_short_hold_is_a_tap_where_releases_are_reported() -> None:
    decoder = in_kitty()
    decoder.feed(b"\x1b[32u", 1.0)

    assert decoder.feed(b"\x1b[32;1:3u", 1.2) == [Released(1.2, "talk", tap=True)]


def test_a_modifier_that_joins_a_held_key_does_not_keep_it_down() -> None:
    decoder = in_kitty()
    decoder.feed(b"\x1b[32u", 1.0)

    assert decoder.feed(b"\x1b[32;5:3u", 2.0) == [Released(2.0, "talk", tap=False)]


def test_a_release_that_went_to_another_window_is_made_up_for() -> None:
    decoder = in_kitty()
    decoder.feed(b"\x1b[32u", 1.0)

    assert decoder.feed(b"\x1b[O", 2.0) == [Released(2.0, "talk", tap=False)]
    assert decoder.feed(b"\x1b[32;1:2u", 2.1) == []


def test_a_second_press_without_a_release_between_starts_anew() -> None:
    decoder = in_kitty()
    decoder.feed(b"\x1b[32u", 1.0)

    assert decoder.feed(b"\x1b[32u", 3.0) == [Released(3.0, "talk", tap=False), Pressed(3.0, "talk")]


def test_a_release_shows_that_releases_are_reported() -> None:
    decoder = in_tmux()
    decoder.feed(b" ", 1.0)

    assert decoder.feed(b"\x1b[32;1:3u", 1.5) == [
        KeysKnown(1.5, "reported"),
        Released(1.5, "talk", tap=False),
    ]


def test_the_release_of_the_key_that_started_the_program_is_no_event() -> None:
    decoder = in_kitty()

    assert decoder.feed(b"\x1b[13;1:3u", 0.1) == []


def test_a_hold_is_seen_through_key_repeat_and_its_end_about_200_ms_late() -> None:
    decoder = in_tmux()
    last = held(decoder, 1.0, until=2.5)

    due = decoder.deadline()
    assert due is not None
    released = decoder.expire(due)

    assert released == [Released(due, "talk", tap=False)]
    assert 0.15 <= due - last <= 0.25


def test_a_slow_keyboard_is_given_the_time_it_takes() -> None:
    decoder = in_tmux()

    last = held(decoder, 1.0, until=4.0, delay_s=0.75, every_s=0.11)

    due = decoder.deadline()
    assert due is not None
    assert 0.22 <= due - last <= 0.4


def test_a_key_that_is_not_repeated_was_tapped() -> None:
    decoder = in_tmux()
    decoder.feed(b" ", 1.0)

    assert decoder.expire(1.0 + FIRST_GAP_S - 0.01) == []
    assert decoder.expire(1.0 + FIRST_GAP_S) == [Released(1.0 + FIRST_GAP_S, "talk", tap=True)]


def test_a_key_that_toggles_does_so_once_however_long_it_is_held() -> None:
    decoder = in_tmux()

    events = [event for n in range(30) for event in decoder.feed(b"m", 1.0 + (0.6 if n else 0) + n * 0.04)]

    assert events == [Pressed(1.0, "mute")]
    assert [type(event) for event in run_out(decoder)] == [Released]


@pytest.mark.parametrize(
    ("data", "action"),
    [
        (b"\t", "mode"),
        (b"\x1b[9u", "mode"),
        (b"M", "mute"),
        (b"\x1b[109;2u", "mute"),
        (b"\x1b[6~", "mute"),
        (b"\x1b[6;1:1~", "mute"),
        (b"\x1b[15~", "mode"),
        (b"\x03", "quit"),
        (b"\x1b[99;5u", "quit"),
        (b"\x1b[27u", "quit"),
    ],
)
def test_keys_have_the_names_that_the_settings_use(data: bytes, action: Action) -> None:
    assert in_kitty().feed(data, 1.0) == [Pressed(1.0, action)]


def test_suspending_is_asked_for_by_a_key_where_the_terminal_makes_no_signal_of_it() -> None:
    assert in_kitty().feed(b"\x1b[122;5u\x1b[122;5:3u", 1.0) == [SuspendAsked()]


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[24;80R",
        b"\x1b[1;5R",
        b"\x1b[0n",
        b"\x1b[I",
        b"\x1b[>1;4000;20c",
        b"\x1b[?62;22;52c",
        b"\x1b[?2026;2$y",
        b"\x1b]11;rgb:0000/0000/mmmm\x1b\\",
        b"\x1b]52;c;bSBtIG0=\x07",
        b"\x1bP>|kitty(0.26.5) m m\x1b\\",
        b"\x1b_Gi=1;OK m\x1b\\",
        b"\x1b[M m ",
        b"\x1b[<0;10;20M\x1b[<0;10;20m",
        b"\x1b[[A",
        b"\x1bm",
        b"\x1b]broken off m \x1b[1;1H",
        b"\x1b[8;24;80t",
        b"\xff\xfe\x80\xe9",
    ],
)
def test_what_a_terminal_says_by_itself_is_no_key(data: bytes) -> None:
    decoder = in_kitty()

    assert decoder.feed(data, 1.0) == []
    assert run_out(decoder) == []
    assert decoder.feed(b"m", 9.0) == [Pressed(9.0, "mute")]


def test_what_is_pasted_is_no_key() -> None:
    decoder = in_tmux()

    events = decoder.feed(b"\x1b[200~my text m \x1b[31m" + b"m " * 5000 + b"\x1b[201~", 1.0)

    assert {type(event) for event in events} == {Drafted}
    decoder.feed(b"\x1b", 1.1)
    assert decoder.feed(b"m", 1.3) == [Drafted(None), Pressed(1.3, "mute")]


def test_a_paste_without_an_end_does_not_take_the_keys_away() -> None:
    decoder = in_tmux()
    decoder.feed(b"\x1b[200~half", 1.0)

    events = decoder.feed(b"m", 1.0 + SEQUENCE_S)

    assert events == [Drafted(Draft("half", 4)), Drafted(Draft("halfm", 5))]


def test_a_string_without_an_end_does_not_take_the_keys_away() -> None:
    decoder = in_tmux()
    decoder.feed(b"\x1b]", 1.0)
    for n in range(1, 10):
        assert decoder.feed(b" ", 1.0 + n * SEQUENCE_S / 10) == []

    assert decoder.feed(b"m", 1.0 + SEQUENCE_S) == [Pressed(1.0 + SEQUENCE_S, "mute")]


def test_a_lone_escape_is_the_escape_key_after_a_while() -> None:
    decoder = in_tmux()

    assert decoder.feed(b"\x1b", 1.0) == []
    assert decoder.expire(1.0 + ESCAPE_S) == [Pressed(1.0 + ESCAPE_S, "quit")]


def test_where_escape_is_encoded_a_slow_sequence_is_waited_for() -> None:
    decoder = in_kitty()

    assert decoder.feed(b"\x1b", 1.0) == []
    assert decoder.feed(b"[32u", 1.0 + 5 * ESCAPE_S) == [Pressed(1.0 + 5 * ESCAPE_S, "talk")]


PIECES = st.sampled_from(
    [
        b" ",
        b"m",
        b"\t",
        b"\x03",
        b"\xc3\xa9",
        "漢👍".encode(),
        b"\x1b[32u",
        b"\x1b[32;1:2u",
        b"\x1b[32;1:3u",
        b"\x1b[109u",
        b"\x1b[109;1:3u",
        b"\x1b[57442;5:3u",
        b"\x1b[6~",
        b"\x1bOP",
        b"\x1b[?11u",
        b"\x1b[?62;c",
        b"\x1b]11;rgb:0/0/0\x1b\\",
        b"\x1bPq m\x1b\\",
        b"\x1b[200~ m \x1b[201~",
        b"\x1b[M m ",
        b"\x1b[24;80R",
        b"\x1b[O",
    ]
)


@given(pieces=st.lists(PIECES, max_size=12), cuts=st.sets(st.integers(0, 200), max_size=20))
def test_the_same_bytes_mean_the_same_however_they_are_cut(pieces: list[bytes], cuts: set[int]) -> None:
    data = b"".join(pieces)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    whole, cut_up = KeyDecoder(ACTIONS, 0.0), KeyDecoder(ACTIONS, 0.0)

    together = whole.feed(data, 0.5) + run_out(whole)
    apart = [event for start, end in pairwise(edges) for event in cut_up.feed(data[start:end], 0.5)]

    assert apart + run_out(cut_up) == together


@given(data=st.binary(max_size=200))
def test_whatever_comes_presses_and_releases_of_each_key_take_turns_and_end(data: bytes) -> None:
    decoder = KeyDecoder({"m": "mute", " ": "talk", "space": "talk"}, 0.0)

    events = decoder.feed(data, 0.5) + run_out(decoder) + decoder.release_all(9.0)

    for action in ("mute", "talk"):
        kinds = [
            type(event)
            for event in events
            if isinstance(event, Pressed | Released) and event.action == action
        ]
        assert kinds[0::2] == [Pressed] * len(kinds[0::2])
        assert kinds[1::2] == [Released] * len(kinds[1::2])
        assert len(kinds) % 2 == 0


def test_the_settings_give_each_key_its_action() -> None:
    actions = KeySettings(talk="F9 f10", mute="PageDown", interrupt="", repeat="").actions()

    assert {key for key, action in actions.items() if action == "talk"} == {"f9", "f10"}
    assert actions["pagedown"] == "mute"
    assert actions["ctrl-c"] == "quit"
    assert not {"interrupt", "repeat"} & set(actions.values())


def test_a_clicker_and_the_space_bar_may_do_the_same() -> None:
    settings = KeySettings(talk="space pagedown")
    decoder = KeyDecoder(settings.actions(), 0.0)
    decoder.feed(DEVICE_ATTRIBUTES, 0.0)

    assert decoder.feed(b"\x1b[6~", 1.0) == [Pressed(1.0, "talk")]
    assert settings.shown("talk") == "space"


def test_no_letter_leaves_unless_it_is_set() -> None:
    leaving = {key for key, action in KeySettings().actions().items() if action == "quit"}

    assert leaving == {"ctrl-c"}
    assert KeySettings(quit="q").actions()["q"] == "quit"


@pytest.mark.parametrize(
    ("data", "action"),
    [
        (b"?", "help"),
        (b"\x1b[47;2;63u", "help"),
        (b"\x1b[223;2;63u", "help"),
        (b"/", "type"),
        (b"\x1b[47;;47u", "type"),
        (b"\x1b[55;2;47u", "type"),
        (b"\x1b[109;65;77u", "mute"),
        (b"\x1b[114u", "repeat"),
    ],
    ids=[
        "plain ?",
        "kitty, US",
        "kitty, German",
        "plain /",
        "kitty, US /",
        "kitty, German /",
        "caps",
        "older",
    ],
)
def test_a_key_is_known_by_what_it_types(data: bytes, action: Action) -> None:
    decoder = KeyDecoder(KeySettings().actions(), 0.0)
    decoder.feed(SPEAKS_KITTY, 0.0)

    assert decoder.feed(data, 1.0)[0] == Pressed(1.0, action)


@pytest.mark.parametrize("answer", [SPEAKS_KITTY, DEVICE_ATTRIBUTES], ids=["kitty", "tmux"])
def test_the_volume_goes_a_step_with_each_repeat_and_has_no_release(answer: bytes) -> None:
    decoder = KeyDecoder(KeySettings().actions(), 0.0)
    decoder.feed(answer, 0.0)

    if answer == SPEAKS_KITTY:
        events = decoder.feed(b"\x1b[1;1:1A\x1b[1;1:2A\x1b[1;1:2A\x1b[1;1:3A", 1.0)
    else:
        events = decoder.feed(b"\x1b[A\x1b[A\x1b[A", 1.0)

    assert events == [Pressed(1.0, "louder")] * 3
    assert decoder.deadline() is None


@pytest.mark.parametrize(
    "settings", [{"talk": "spacebar"}, {"mute": "f5 tab"}, {"talk": " "}, {"mute": "ctrl-c"}, {"copy": "c c"}]
)
def test_a_key_that_does_not_exist_or_is_taken_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        KeySettings(**settings)


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("ctrl-i", "tab"),
        ("Ctrl-M", "enter"),
        ("alt-ctrl-j", "alt-enter"),
        ("ctrl-h", "backspace"),
        ("ctrl-[", "esc"),
    ],
)
def test_a_key_that_sends_what_another_sends_is_refused_and_that_one_named(key: str, sent: str) -> None:
    with pytest.raises(SettingError, match=f"it must be '{sent}'"):
        KeySettings(mute=key)


# --- A line is typed ---


def typing(answer: bytes) -> KeyDecoder:
    decoder = KeyDecoder(KeySettings().actions(), 0.0)
    decoder.feed(answer, 0.0)
    decoder.feed(b"\r" if answer == DEVICE_ATTRIBUTES else b"\x1b[13u\x1b[13;1:3u", 1.0)
    return decoder


def in_kitty_form(text: str) -> bytes:
    """What kitty sends for typing *text* on a US keyboard, or for an input method's commit."""
    sent = ""
    for char in text:
        code = ord(char.lower())
        if not char.isascii():
            sent += f"\x1b[0;;{ord(char)}u"
        elif char.isupper():
            sent += f"\x1b[57441;2u\x1b[{code};2;{ord(char)}u\x1b[{code};2:3u\x1b[57441;1:3u"
        else:
            sent += f"\x1b[{code};;{ord(char)}u\x1b[{code};1:3u"
    return sent.encode()


@pytest.mark.parametrize("answer", [SPEAKS_KITTY, DEVICE_ATTRIBUTES], ids=["kitty", "tmux"])
def test_a_line_is_typed_as_it_is_whatever_its_letters_do_elsewhere(answer: bytes) -> None:
    decoder = typing(answer)
    text = "M? r/c Ärger 你好 +-"

    data = in_kitty_form(text) if answer == SPEAKS_KITTY else text.encode()
    drafts = decoder.feed(data, 2.0)
    sent = decoder.feed(b"\r" if answer == DEVICE_ATTRIBUTES else b"\x1b[13u", 3.0)

    assert all(isinstance(event, Drafted) for event in drafts)
    assert drafts[-1] == Drafted(Draft(text, len(text)))
    assert sent == [TextEntered(3.0, text), Drafted(None)]


@pytest.mark.parametrize("answer", [SPEAKS_KITTY, DEVICE_ATTRIBUTES], ids=["kitty", "tmux"])
def test_after_it_the_keys_are_keys_again(answer: bytes) -> None:
    decoder = typing(answer)
    decoder.feed(b"x\x1b[27u" if answer == SPEAKS_KITTY else b"x\x1b", 2.0)
    decoder.expire(2.0 + ESCAPE_S)

    assert decoder.feed(b"m", 3.0) == [Pressed(3.0, "mute")]


def test_while_a_line_is_typed_what_is_no_text_still_works() -> None:
    decoder = KeyDecoder(KeySettings(talk="f9").actions(), 0.0)
    decoder.feed(SPEAKS_KITTY + b"\x1b[13u", 0.0)

    talked = decoder.feed(b"\x1b[20~\x1b[20;1:3~", 1.0)
    left = decoder.feed(b"\x1b[99;5u", 2.0)

    assert talked == [Pressed(1.0, "talk"), Released(1.0, "talk", tap=True)]
    assert left == [Pressed(2.0, "quit")]


def test_the_space_bar_held_from_before_types_nothing() -> None:
    decoder = in_kitty()
    decoder.feed(b"\x1b[32u", 1.0)
    decoder.feed(b"\x1b[200~pasted\x1b[201~", 1.1)

    assert decoder.feed(b"\x1b[32;1:2;32u", 1.2) == []
    assert decoder.feed(b"\x1b[32;1:3u", 1.5) == [Released(1.5, "talk", tap=False)]
    assert decoder.feed(b"\x1b[32;;32u", 1.6) == [Drafted(Draft("pasted ", 7))]


def test_in_a_terminal_that_tells_no_releases_a_space_after_a_tap_is_typed() -> None:
    decoder = KeyDecoder(KeySettings().actions(), 0.0)
    decoder.feed(DEVICE_ATTRIBUTES, 0.0)
    decoder.feed(b" ", 1.0)

    opened = decoder.feed(b"\r", 1.2)

    assert Released(1.2, "talk", tap=True) in opened
    assert decoder.feed(b" ", 1.3) == [Drafted(Draft(" ", 1))]


@given(cuts=st.lists(st.integers(0, 60), max_size=6))
def test_a_paste_is_one_text_wherever_it_was_cut_and_opens_the_line(cuts: list[int]) -> None:
    text = "https://example.org/?q=1\n\n  code()\n"
    data = b"\x1b[200~" + text.encode() + b"\x1b[201~"
    decoder = in_tmux()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    events = [event for start, end in pairwise(edges) for event in decoder.feed(data[start:end], 0.5)]

    assert events == [Drafted(Draft(text, len(text)))]
    assert decoder.feed(b"\r", 0.6) == [TextEntered(0.6, text.strip()), Drafted(None)]
