"""Somebody who asks in a person's place: when a prompt is said, when it is answered, when all is over."""

from __future__ import annotations

import pytest

from voice_assistant.asking import CALM_S, Answers, Asker, Prompt, Prompter
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, silence
from voice_assistant.core.events import (
    Capabilities,
    Captured,
    Command,
    CommitInput,
    Connect,
    DropPlayout,
    Event,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    Pressed,
    Released,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    SessionOpened,
    StopRequested,
    ToolCall,
    TurnClosed,
    TurnOpened,
)

SECOND = silence(1000, NEAR_RATE)


class Stage:
    """A session as the prompter sees it: time passes in blocks of the microphone."""

    def __init__(self, *prompts: Prompt, patience_s: float = 20.0) -> None:
        self.said: list[tuple[float, bytes]] = []
        self.posted: list[Event] = []
        self.now = 0.0
        self.prompter = Prompter(self.posted.append, self._say, prompts, patience_s=patience_s)
        self.prompter.see(SessionOpened(0.0, "m", Capabilities()))

    def _say(self, sound: bytes) -> None:
        self.said.append((self.now, sound))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.now = round(self.now + 0.02, 2)
            samples = round(self.now * NEAR_RATE)
            near = AudioFrame(silence(20, NEAR_RATE), NEAR_RATE, samples - NEAR_RATE // 50)
            self.prompter.see(Captured(self.now, near, AudioFrame(silence(20, REPLY_RATE), REPLY_RATE, 0)))

    def hear_turn(self, turn: int) -> None:
        self.prompter.see(CommitInput(turn))

    def reply(self, item: str, *, drained: bool = True) -> None:
        self.prompter.see(ReplyAudio(self.now, item, b""))
        self.prompter.see(ReplyDone(self.now, item))
        if drained:
            self.prompter.see(PlayoutDrained(self.now, item, 500.0))

    @property
    def stopped(self) -> list[str]:
        return [event.reason for event in self.posted if isinstance(event, StopRequested)]


def test_the_first_prompt_waits_for_a_session_and_a_moment() -> None:
    stage = Stage(Prompt(SECOND))

    stage.pass_time(2)

    assert [round(at, 1) for at, _ in stage.said] == [CALM_S]


def test_the_next_prompt_waits_until_the_answer_has_been_played() -> None:
    stage = Stage(Prompt(SECOND), Prompt(SECOND))
    stage.pass_time(2)
    stage.hear_turn(1)
    stage.reply("a", drained=False)
    stage.pass_time(5)
    assert len(stage.said) == 1

    stage.prompter.see(PlayoutDrained(stage.now, "a", 5000.0))
    stage.pass_time(CALM_S - 0.1)
    assert len(stage.said) == 1
    stage.pass_time(0.2)

    assert len(stage.said) == 2


def test_a_prompt_that_the_provider_called_over_is_ended_as_by_a_commit() -> None:
    stage = Stage(Prompt(SECOND))
    stage.prompter.see(SessionOpened(stage.now, "m", Capabilities()))
    stage.pass_time(2.0)

    stage.prompter.see(ReplyAudio(stage.now, "a", b""))
    stage.prompter.see(TurnClosed(stage.now, 1, "provider"))
    stage.prompter.see(ReplyDone(stage.now, "a"))
    stage.prompter.see(PlayoutDrained(stage.now, "a", 500.0))
    stage.pass_time(1.0)

    assert stage.stopped == ["everything was said"]
    assert stage.prompter.answered == 1


def test_a_prompt_that_interrupts_is_said_when_so_much_of_the_reply_was_heard() -> None:
    stage = Stage(Prompt(SECOND), Prompt(SECOND, over_ms=1000))
    stage.pass_time(2)
    stage.hear_turn(1)
    stage.reply("a", drained=False)
    stage.prompter.see(PlayoutProgress(stage.now, "a", 900))
    assert len(stage.said) == 1

    stage.prompter.see(PlayoutProgress(stage.now, "a", 1000))

    assert len(stage.said) == 2


def test_the_end_of_an_interrupted_reply_does_not_answer_the_interruption() -> None:
    stage = Stage(Prompt(SECOND), Prompt(SECOND, over_ms=1000))
    stage.pass_time(2)
    stage.hear_turn(1)
    stage.reply("a", drained=False)
    stage.prompter.see(PlayoutProgress(stage.now, "a", 1000))
    stage.prompter.see(PlayoutDropped(stage.now, "a", 1200))
    stage.hear_turn(2)
    stage.prompter.see(ReplyAudio(stage.now, "a", b""))  # more of it was under way
    stage.prompter.see(ReplyDone(stage.now, "a", interrupted=True))
    stage.pass_time(3)
    assert stage.stopped == []

    stage.reply("b")
    stage.pass_time(1)

    assert stage.stopped == ["everything was said"]
    assert (stage.prompter.answered, stage.prompter.cuts) == (2, 1)


def test_an_interruption_of_a_reply_that_was_too_short_is_said_after_it() -> None:
    stage = Stage(Prompt(SECOND), Prompt(SECOND, over_ms=60_000))
    stage.pass_time(2)
    stage.hear_turn(1)
    stage.reply("a")
    stage.pass_time(1)

    assert len(stage.said) == 2
    assert stage.prompter.cuts == 0


def test_an_answer_after_a_tool_is_waited_for() -> None:
    stage = Stage(Prompt(SECOND))
    stage.pass_time(2)
    stage.hear_turn(1)
    stage.prompter.see(ToolCall(stage.now, "c", "set_timer", "{}"))
    stage.reply("a", drained=False)
    stage.pass_time(3)

    assert stage.stopped == []


def test_without_an_answer_it_gives_up_once() -> None:
    stage = Stage(Prompt(SECOND), Prompt(SECOND), patience_s=3.0)
    stage.pass_time(60)

    assert stage.stopped == ["no answer came"]
    assert stage.prompter.answered == 0


def test_a_person_who_leaves_in_the_middle_is_told_from_the_end_of_the_script() -> None:
    left, finished = Stage(Prompt(SECOND)), Stage(Prompt(SECOND))
    left.prompter.see(StopRequested(1.0, "SIGINT"))
    finished.pass_time(2)
    finished.hear_turn(1)
    finished.reply("a")
    finished.pass_time(1)
    for event in finished.posted:
        finished.prompter.see(event)

    assert (left.prompter.was_left, finished.prompter.was_left) == (True, False)


def test_a_reply_that_was_cut_is_not_waited_for_again() -> None:
    answers = Answers()
    answers.see(CommitInput(1))
    answers.see(ReplyAudio(0.0, "a", b""))
    answers.see(PlayoutDropped(0.0, "a", 10.0))
    answers.see(ReplyAudio(0.0, "a", b""))

    assert answers.has_come


def test_a_question_in_a_file_is_one_turn_held_by_the_key() -> None:
    posted: list[Event] = []
    asker = Asker(posted.append, 0.1, holds_key=True)
    for block in range(20):
        near = AudioFrame(silence(20, NEAR_RATE), NEAR_RATE, block * NEAR_RATE // 50)
        asker.see(Captured(block / 50, near, AudioFrame(silence(20, REPLY_RATE), REPLY_RATE, 0)))

    assert [type(event) for event in posted] == [Pressed, Released]
    assert posted[1].at - posted[0].at == 0.08


@pytest.mark.parametrize(
    ("came", "is_empty"),
    [
        (ReplyAudio(1.0, "a", b"ab"), False),
        (ReplyText(1.0, "a", "Hello."), False),
        (ToolCall(1.0, "c", "set_timer", "{}"), False),
        (ReplyText(1.0, "a", " "), True),
        (None, True),
    ],
)
def test_an_answer_without_sound_words_or_deeds_is_empty(came: Event | None, is_empty: bool) -> None:
    posted: list[Event] = []
    asker = Asker(posted.append, None, holds_key=False)
    if came:
        asker.see(came)
    asker.see(ReplyDone(2.0, "a"))

    assert asker.was_answered
    assert asker.was_empty == is_empty


class File:
    """A conversation spoken from a file, half a second long, as the asker sees it."""

    def __init__(self) -> None:
        self.posted: list[Event] = []
        self.now = 0.0
        self._asker = Asker(self.posted.append, 0.5, holds_key=False)
        self.take(SessionOpened(0.0, "m", Capabilities()))

    def take(self, *entries: Event | Command) -> None:
        for entry in entries:
            self._asker.see(entry)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            near = AudioFrame(silence(20, NEAR_RATE), NEAR_RATE, round(self.now * NEAR_RATE))
            self.now = round(self.now + 0.02, 2)
            self.take(Captured(self.now, near, AudioFrame(silence(20, REPLY_RATE), REPLY_RATE, 0)))

    def answer(self, item: str) -> None:
        self.take(
            ReplyAudio(self.now, item, b""),
            ReplyDone(self.now, item),
            PlayoutDrained(self.now, item, 500.0),
        )

    def opens(self, turn: int) -> None:
        self.take(TurnOpened(self.now, turn, AudioFrame(silence(20, NEAR_RATE), NEAR_RATE, 0), "voice"))

    def closes(self, turn: int) -> None:
        self.take(TurnClosed(self.now, turn, "silence"))


def answered_once() -> File:
    file = File()
    file.opens(1)
    file.closes(1)
    file.take(CommitInput(1))
    file.answer("a")
    return file


def test_a_turn_that_is_still_open_where_the_file_ends_is_waited_for() -> None:
    file = answered_once()
    file.opens(2)
    file.pass_time(0.5 + 2 * CALM_S)
    before = list(file.posted)
    file.closes(2)
    file.take(CommitInput(2))
    file.pass_time(2 * CALM_S)
    file.answer("b")
    waited = list(file.posted)
    file.pass_time(2 * CALM_S)

    assert before == waited == []
    assert [type(event) for event in file.posted] == [StopRequested]


def test_a_turn_that_was_ended_while_there_was_no_line_is_waited_for() -> None:
    file = answered_once()
    file.take(Connect(2, 0.1))
    file.opens(2)
    file.closes(2)
    file.pass_time(10)
    file.take(SessionOpened(file.now, "m", Capabilities()), CommitInput(2))
    file.pass_time(2 * CALM_S)
    file.answer("b")
    waited = list(file.posted)
    file.pass_time(2 * CALM_S)

    assert waited == []
    assert [type(event) for event in file.posted] == [StopRequested]


def test_an_answer_that_was_torn_at_once_is_waited_for_anew() -> None:
    file = File()
    file.opens(1)
    file.closes(1)
    file.take(CommitInput(1), ReplyAudio(file.now, "breath", b""))
    file.take(Connect(2, 0.1), DropPlayout("breath"), PlayoutDropped(file.now, "breath", 100.0))
    file.pass_time(10)
    file.take(SessionOpened(file.now, "m", Capabilities()), CommitInput(1))
    file.pass_time(2 * CALM_S)
    file.answer("whole")
    waited = list(file.posted)
    file.pass_time(2 * CALM_S)

    assert waited == []
    assert [type(event) for event in file.posted] == [StopRequested]


def test_a_cough_while_there_is_a_line_is_not_waited_for() -> None:
    file = answered_once()
    file.opens(2)
    file.closes(2)
    file.pass_time(0.5 + 2 * CALM_S)

    assert [type(event) for event in file.posted] == [StopRequested]
