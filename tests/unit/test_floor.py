"""The floor: an interruption as a dialogue, and a reply that begins while the user speaks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.voices import hum
from tests.support.spoken import stop
from tests.support.words import in_a_quiet_room
from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    CancelReply,
    Capabilities,
    CloseTurn,
    Command,
    CommitInput,
    DropPlayout,
    Event,
    OpenedBy,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutStarted,
    Pressed,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    RequestReply,
    ResumePlayout,
    SendText,
    SessionOpened,
    SetGain,
    TextEntered,
    Tick,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnReviewed,
    TurnSuspected,
    TurnWithdrawn,
    UserText,
)
from voice_assistant.core.floor import Floor, FloorSettings
from voice_assistant.core.replies import Replies

A_WORD = in_a_quiet_room(stop().astype(float))

A_HUM = in_a_quiet_room(hum(np.random.default_rng(1)))
"""What says nothing."""

SETTINGS = FloorSettings(min_interruption_ms=300, confirm_within_ms=700, hold_reply_ms=300)


class Stage:
    """A floor with its replies; time runs 20 ms a frame."""

    def __init__(self) -> None:
        self.replies = Replies()
        self.floor = Floor(SETTINGS, self.replies)
        self.at = 0.0
        self.turn = 0
        self.sample = 0
        self.commands: list[Command] = []

    def take(self, event: Event) -> list[Command]:
        due = self.floor.deadline()
        commands: list[Command] = []
        if due is not None and event.at >= due:
            commands += self.floor.handle(Tick(due))
        commands += self.floor.handle(event)
        commands += self.replies.handle(event)
        self.commands += commands
        return commands

    def replies_with(self, item: str, ms: int = 100) -> list[Command]:
        return self.take(ReplyAudio(self.at, item, bytes(48 * ms)))

    def opens(
        self, by: OpenedBy = "voice", speech_ms: float = 120, *, over_echo: bool = False
    ) -> list[Command]:
        self.turn += 1
        return self.take(TurnOpened(self.at, self.turn, self._frame(400), by, speech_ms, over_echo))

    def says(self, pcm: bytes, words_ms: int = 180, *, over_echo: bool = False) -> list[Command]:
        """Say something at whose end so much counts as words, by default too little to interrupt."""
        self.turn += 1
        frames = [self._of(pcm[at : at + 640]) for at in range(0, len(pcm) // 640 * 640, 640)]
        commands = self.take(TurnOpened(self.at, self.turn, frames[0], "voice", 0, over_echo))
        for left, frame in zip(range(len(frames) - 1, 0, -1), frames[1:], strict=True):
            self.at += 0.001
            commands += self.take(TurnAudio(self.at, self.turn, frame, left * 20 <= words_ms))
        return commands

    def speaks(self, ms: int, *, aloud: bool = True) -> list[Command]:
        commands: list[Command] = []
        for _ in range(ms // 20):
            self.at += 0.02
            commands += self.take(TurnAudio(self.at, self.turn, self._frame(20), aloud))
        return commands

    def closes(self, reason: str = "silence") -> list[Command]:
        return self.take(TurnClosed(self.at, self.turn, reason))  # type: ignore[arg-type]

    def _frame(self, ms: int) -> AudioFrame:
        return self._of(bytes(32 * ms))

    def _of(self, pcm: bytes) -> AudioFrame:
        frame = AudioFrame(pcm, 16_000, self.sample)
        self.sample += frame.samples
        return frame


def appended_samples(commands: list[Command]) -> list[tuple[int, int]]:
    return [
        (command.frame.first_sample, command.frame.end_sample)
        for command in commands
        if isinstance(command, AppendInput)
    ]


def test_a_turn_in_silence_is_sent_from_its_pre_roll_to_its_commit() -> None:
    stage = Stage()

    commands = stage.opens() + stage.speaks(100) + stage.closes()

    assert isinstance(commands[0], AppendInput)
    assert commands[-2:] == [CommitInput(1), RequestReply()]
    spans = appended_samples(commands)
    assert spans[0] == (0, 6400)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))


def test_a_suspicion_over_a_reply_ducks_it_and_its_passing_restores_it() -> None:
    stage = Stage()
    stage.replies_with("a")

    assert stage.take(TurnSuspected(0.1)) == [SetGain(-20.0, 20.0)]
    assert stage.take(TurnWithdrawn(0.2)) == [SetGain(0.0, 120.0)]


def test_a_suspicion_in_silence_does_nothing() -> None:
    stage = Stage()

    assert stage.take(TurnSuspected(0.1)) == []
    assert stage.take(TurnWithdrawn(0.2)) == []


def test_an_onset_over_a_reply_pauses_it_and_sends_nothing_yet() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.take(TurnSuspected(0.1))

    assert stage.opens() == [PausePlayout()]
    assert stage.speaks(100) == []


def test_enough_speech_cuts_the_reply_and_sends_all_that_was_kept() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)

    commands = stage.speaks(180)

    assert commands[:3] == [DropPlayout("a"), SetGain(0.0, 120.0), ResumePlayout()]
    spans = appended_samples(commands)
    assert spans[0][0] == 0
    assert spans[-1][1] == stage.sample
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))


def test_a_cough_lets_the_reply_go_on_and_nothing_of_it_is_sent() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)

    commands = stage.speaks(60) + stage.speaks(800, aloud=False) + stage.closes()

    assert commands == [SetGain(0.0, 120.0), ResumePlayout(), SetGain(0.0, 120.0)]


def test_a_turn_that_was_words_in_hindsight_cuts_the_reply_and_sends_all_that_was_kept() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120, over_echo=True)
    stage.speaks(100, aloud=False)

    commands = stage.take(TurnReviewed(stage.at, 1, 300.0))

    assert commands[:3] == [DropPlayout("a"), SetGain(0.0, 120.0), ResumePlayout()]
    assert appended_samples(commands)[0][0] == 0
    assert appended_samples(commands)[-1][1] == stage.sample


@pytest.mark.parametrize(("turn", "speech_ms"), [(1, 299.0), (2, 300.0)])
def test_too_little_in_hindsight_or_of_another_turn_changes_nothing(turn: int, speech_ms: float) -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120, over_echo=True)

    assert stage.take(TurnReviewed(0.1, turn, speech_ms)) == []
    assert stage.floor.standing == "contested"


def test_a_turn_that_has_the_floor_already_needs_no_hindsight() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=300, over_echo=True)

    assert stage.take(TurnReviewed(0.1, 1, 500.0)) == []


def test_speech_after_a_dismissed_cough_still_takes_the_floor_with_everything_since_the_onset() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)
    stage.speaks(800, aloud=False)

    commands = stage.speaks(300)

    assert DropPlayout("a") in commands
    assert appended_samples(commands)[0][0] == 0


def test_one_word_that_is_over_takes_the_floor_and_is_a_whole_turn() -> None:
    stage = Stage()
    stage.replies_with("a")

    said = stage.says(A_WORD)
    closing = stage.closes()

    assert said == [PausePlayout()]
    assert closing[:3] == [DropPlayout("a"), SetGain(0.0, 120.0), ResumePlayout()]
    spans = appended_samples(closing)
    assert (spans[0][0], spans[-1][1]) == (0, stage.sample)
    assert closing[-2:] == [CommitInput(1), RequestReply()]
    assert stage.floor.standing == "free"


@pytest.mark.parametrize(
    ("reason", "over_echo", "is_dismissed"),
    [("mute", False, False), ("silence", True, False), ("silence", False, True)],
)
def test_one_word_does_not_where_it_was_broken_off_or_may_be_the_reply_s(
    reason: str, *, over_echo: bool, is_dismissed: bool
) -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.says(A_WORD, over_echo=over_echo)
    if is_dismissed:
        stage.speaks(800, aloud=False)

    closing = stage.closes(reason)

    assert DropPlayout("a") not in closing
    assert appended_samples(closing) == []


def test_a_hum_that_is_over_lets_the_reply_go_on() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.says(A_HUM)

    assert stage.closes() == [SetGain(0.0, 120.0), ResumePlayout()]


def test_a_hum_for_certain_takes_twice_as_much_to_cut_the_reply() -> None:
    stage = Stage()
    stage.replies_with("a")

    assert stage.says(A_HUM, words_ms=300) == [PausePlayout()]
    assert stage.speaks(280) == []
    assert DropPlayout("a") in stage.speaks(20)


def test_a_hum_takes_no_more_where_it_may_be_the_reply_s_sound_or_once_the_reply_went_on() -> None:
    over_echo, late = Stage(), Stage()
    for stage in (over_echo, late):
        stage.replies_with("a")
    late.says(A_HUM, words_ms=300)
    late.speaks(800, aloud=False)

    assert DropPlayout("a") in over_echo.says(A_HUM, words_ms=300, over_echo=True)
    assert DropPlayout("a") in late.speaks(300)


def test_a_word_of_which_nothing_counts_lets_the_reply_go_on() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.says(A_WORD)
    stage.closes()
    stage.replies_with("b")
    stage.opens(speech_ms=60)
    stage.speaks(20)
    stage.speaks(300, aloud=False)

    assert stage.closes() == [SetGain(0.0, 120.0), ResumePlayout()]


def test_a_word_said_after_the_reply_ran_out_is_not_lost() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)
    stage.speaks(760, aloud=False)
    stage.take(PlayoutDrained(stage.at, "a", 100.0))

    commands = stage.speaks(40) + stage.closes()

    assert appended_samples(commands)[0][0] == 0
    assert commands[-2:] == [CommitInput(1), RequestReply()]


def test_a_key_takes_the_floor_at_once() -> None:
    stage = Stage()
    stage.replies_with("a")

    commands = stage.opens(by="key", speech_ms=0)

    assert commands[0] == DropPlayout("a")
    assert appended_samples(commands) == [(0, 6400)]


def test_words_of_the_user_confirm_an_interruption() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)

    commands = stage.take(UserText(0.1, 1, "stop", False))

    assert commands[0] == DropPlayout("a")


def test_a_provider_that_broke_off_its_reply_confirms_an_interruption() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(speech_ms=120)

    commands = stage.take(ReplyDone(0.1, "a", interrupted=True))

    assert commands[0] == DropPlayout("a")
    assert commands.count(DropPlayout("a")) == 1


def test_a_reply_into_a_silent_open_turn_ends_that_turn_without_a_commit() -> None:
    stage = Stage()
    stage.opens()
    stage.speaks(300, aloud=False)

    commands = stage.replies_with("a")
    closing = stage.closes("provider")

    assert commands[0] == CloseTurn("provider")
    assert isinstance(commands[1], Play)
    assert closing == []


def test_a_reply_into_speech_is_held_and_dropped_when_the_user_goes_on() -> None:
    stage = Stage()
    stage.opens()
    stage.speaks(300)

    held = stage.replies_with("a")
    decided = stage.speaks(320)

    assert held[0] == PausePlayout()
    assert isinstance(held[1], Play)
    assert DropPlayout("a") in decided
    assert ResumePlayout() in decided


def test_a_reply_into_speech_is_held_and_played_when_that_was_the_end() -> None:
    stage = Stage()
    stage.opens()
    stage.speaks(300)
    stage.replies_with("a")

    decided = stage.speaks(320, aloud=False)
    closing = stage.closes("provider")

    assert CloseTurn("provider") in decided
    assert DropPlayout("a") not in decided
    assert closing == [SetGain(0.0, 120.0), ResumePlayout()]


def called_too_early(audible_in_s: float | None) -> Stage:
    """A provider took a pause of 300 ms for the end; its reply is to be heard so much later, if at all."""
    stage = Stage()
    stage.opens()
    stage.speaks(300)
    stage.speaks(300, aloud=False)
    stage.replies_with("a")
    stage.closes("provider")
    if audible_in_s is not None:
        stage.take(PlayoutStarted(stage.at, "a", stage.at + audible_in_s))
    return stage


@pytest.mark.parametrize("audible_in_s", [None, 0.15, 0.0])
def test_whoever_goes_on_before_the_reply_can_have_been_heard_needs_few_words_to_cut_it(
    audible_in_s: float | None,
) -> None:
    stage = called_too_early(audible_in_s)
    stage.at += 0.16

    onset = stage.opens(speech_ms=60)
    words = stage.speaks(40)

    assert onset == [PausePlayout()]
    assert DropPlayout("a") in words
    assert appended_samples(words)


@pytest.mark.parametrize(("later_s", "over_echo"), [(0.4, False), (0.1, True)])
def test_whoever_speaks_once_the_reply_is_heard_interrupts_it_as_any_other(
    later_s: float, *, over_echo: bool
) -> None:
    stage = called_too_early(0.05)
    stage.at += later_s

    commands = stage.opens(speech_ms=60, over_echo=over_echo) + stage.speaks(200)

    assert commands == [PausePlayout()]


def test_the_next_reply_has_nothing_of_the_haste_of_the_one_before() -> None:
    stage = called_too_early(None)
    stage.take(PlayoutDrained(stage.at, "a", 100.0))
    stage.opens()
    stage.speaks(300)
    stage.closes()
    stage.replies_with("b")

    commands = stage.opens(speech_ms=60) + stage.speaks(100)

    assert commands == [PausePlayout()]


def test_a_reply_while_the_key_is_held_waits_for_the_key() -> None:
    stage = Stage()
    stage.opens(by="key")
    stage.speaks(2000, aloud=False)

    held = stage.replies_with("a")
    waiting = stage.speaks(2000, aloud=False)
    released = stage.closes("key")

    assert held[0] == PausePlayout()
    assert not any(isinstance(command, CloseTurn | DropPlayout | ResumePlayout) for command in waiting)
    assert ResumePlayout() in released
    assert CommitInput(1) not in released


def test_a_reply_while_the_key_is_held_is_cut_by_more_words() -> None:
    stage = Stage()
    stage.opens(by="key")
    stage.speaks(2000, aloud=False)
    stage.replies_with("a")

    commands = stage.speaks(400) + stage.closes("key")

    assert DropPlayout("a") in commands
    assert commands[-2:] == [CommitInput(1), RequestReply()]


def test_the_answer_to_an_earlier_turn_never_swallows_the_commit_of_the_next() -> None:
    stage = Stage()
    stage.opens()
    stage.speaks(200)
    stage.closes()
    stage.opens()
    stage.speaks(300, aloud=False)

    commands = stage.replies_with("a") + stage.speaks(400, aloud=False) + stage.closes()

    assert not any(isinstance(command, CloseTurn) for command in commands)
    assert CommitInput(2) in commands
    assert ResumePlayout() in commands


def test_late_sound_of_a_cut_reply_is_not_played() -> None:
    stage = Stage()
    stage.replies_with("a")
    stage.opens(by="key")

    assert stage.replies_with("a") == []
    assert stage.take(ReplyComplete(1.0, "a")) == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), st.sampled_from("abc")),
        st.tuples(st.just("speak"), st.integers(1, 30)),
        st.tuples(st.just("quiet"), st.integers(1, 60)),
        st.tuples(st.just("open"), st.sampled_from(["voice", "key"])),
        st.tuples(st.just("close"), st.just("silence")),
        st.tuples(st.just("drain"), st.just("")),
        st.tuples(st.just("broken off"), st.sampled_from("abc")),
    ),
    max_size=30,
)


@given(steps)
def test_however_it_goes_each_turn_is_sent_whole_or_not_at_all_and_playout_is_never_left_paused(
    steps: list[tuple[str, str | int]],
) -> None:
    stage = Stage()
    is_open = False
    paused = False
    sent: dict[int, list[AppendInput]] = {}
    opened_at: dict[int, int] = {}
    dropped: set[str] = set()

    for step, detail in [*steps, ("close", "silence")]:
        seen = len(stage.commands)
        match step, detail:
            case "reply", str(item):
                stage.replies_with(item)
            case "speak", int(frames) if is_open:
                stage.speaks(frames * 20)
            case "quiet", int(frames) if is_open:
                stage.speaks(frames * 20, aloud=False)
            case "open", str(by) if not is_open:
                opened_at[stage.turn + 1] = stage.sample
                stage.opens("key" if by == "key" else "voice")
                is_open = True
            case "close", _ if is_open:
                stage.closes()
                is_open = False
            case "drain", _:
                for item in stage.replies.sounding if not paused else []:
                    stage.take(PlayoutDrained(stage.at, item, 0.0))
            case "broken off", str(item):
                stage.take(ReplyDone(stage.at, item, interrupted=True))
            case _:
                pass
        while seen < len(stage.commands):
            command = stage.commands[seen]
            seen += 1
            match command:
                case PausePlayout():
                    paused = True
                case ResumePlayout():
                    paused = False
                case AppendInput(turn=turn):
                    sent.setdefault(turn, []).append(command)
                case DropPlayout(item=item):
                    dropped.add(item)
                case Play(item=item):
                    assert item not in dropped
                case CloseTurn(reason=reason) if is_open:
                    stage.closes(reason)
                    is_open = False
                case _:
                    pass

    assert not paused
    assert stage.floor.standing == "free"
    for turn, appends in sent.items():
        spans = appended_samples(list(appends))
        assert spans[0][0] == opened_at[turn]
        assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))


def test_what_is_typed_cuts_the_reply_and_is_sent_at_once() -> None:
    stage = Stage()
    stage.replies_with("a")

    assert stage.take(TextEntered(1.0, "stop")) == [DropPlayout("a"), SendText("stop"), RequestReply()]


def test_a_key_ends_the_reply_and_asks_for_nothing_else() -> None:
    stage = Stage()
    stage.replies_with("a")

    assert stage.take(Pressed(1.0, "interrupt")) == [DropPlayout("a")]
    assert stage.take(Pressed(1.1, "interrupt")) == []


def test_a_key_that_ends_a_reply_held_back_leaves_the_user_their_turn() -> None:
    stage = Stage()
    stage.opens()
    stage.speaks(300)
    stage.replies_with("a")
    assert stage.floor.standing == "held"

    ended = stage.take(Pressed(stage.at, "interrupt"))
    closed = stage.closes()

    assert DropPlayout("a") in ended
    assert ResumePlayout() in ended
    assert closed == [CommitInput(1), RequestReply()]


# --- An answer that is only awaited ---


def asked(stage: Stage) -> None:
    stage.opens()
    stage.speaks(500)
    stage.closes()


def test_a_key_ends_the_waiting_for_an_answer_which_is_then_not_played() -> None:
    stage = Stage()
    asked(stage)

    told = stage.take(Pressed(stage.at, "interrupt"))
    late = stage.replies_with("late") + stage.replies_with("late")

    assert [type(command).__name__ for command in told] == ["Notify"]
    assert DropPlayout("late") in late
    assert [command for command in late if isinstance(command, Play)] == []
    assert stage.replies.sounding == []


def test_what_is_asked_after_that_is_answered() -> None:
    for ask in (asked, lambda stage: stage.take(TextEntered(stage.at, "what else?"))):
        stage = Stage()
        asked(stage)
        stage.take(Pressed(stage.at, "interrupt"))

        ask(stage)
        commands = stage.replies_with("new")

        assert any(isinstance(command, Play) for command in commands)


def test_a_provider_that_can_be_stopped_is_stopped_at_once() -> None:
    stage = Stage()
    stage.take(SessionOpened(0.0, "m", Capabilities(cancel=True)))
    asked(stage)

    assert CancelReply("") in stage.take(Pressed(stage.at, "interrupt"))
    # It says that it is over, and what it says unasked later, as when a timer rings, is heard.
    stage.take(ReplyDone(stage.at, None, interrupted=True))
    assert any(isinstance(command, Play) for command in stage.replies_with("later"))


def test_a_key_with_nothing_awaited_says_nothing() -> None:
    stage = Stage()
    asked(stage)
    stage.replies_with("a")
    stage.take(ReplyComplete(stage.at, "a"))
    stage.take(PlayoutDrained(stage.at, "a", 100.0))

    assert stage.take(Pressed(stage.at, "interrupt")) == []
