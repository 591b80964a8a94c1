"""The conversation as a whole: what its parts decide comes out in an order that keeps every promise."""

from __future__ import annotations

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.budget import Budget, LimitSettings, PriceSettings
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    CloseTurn,
    Command,
    CommitInput,
    Connect,
    DeviceLost,
    DropPlayout,
    EndPlayout,
    Event,
    LinkLost,
    LinkOpened,
    Notify,
    PausePlayout,
    Play,
    PlayoutDrained,
    Pressed,
    ReopenDevices,
    ReplyAudio,
    ReplyDone,
    RequestReply,
    ResumePlayout,
    SessionConfigured,
    SessionOpened,
    Stop,
    Tick,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    Usage,
)
from voice_assistant.core.floor import FloorSettings
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.errors import HandshakeError, LinkError


def conversation() -> Conversation:
    return Conversation(
        FloorSettings(),
        LifelineSettings(),
        lambda lost, last: HandshakeError(f"the link ended: {lost.code}", remedy="Start again."),
        lambda: 0.5,
    )


def ready() -> Conversation:
    talk = conversation()
    talk.begin()
    take(talk, LinkOpened(0.0, 1), SessionOpened(0.1, "m", Capabilities()), SessionConfigured(0.2))
    return talk


def take(talk: Conversation, *events: Event) -> list[Command]:
    return [command for event in events for command in talk.handle(event)]


def frame(index: int, ms: int = 20) -> AudioFrame:
    return AudioFrame(bytes(32 * ms), 16_000, index * 320)


def test_words_spoken_while_connecting_reach_the_provider_when_it_is_ready() -> None:
    talk = conversation()
    assert talk.begin() == [Connect(1)]

    early = take(
        talk,
        TurnOpened(0.1, 1, frame(0, 400), "voice", 120),
        TurnAudio(0.2, 1, frame(20), True),
        TurnClosed(0.3, 1, "silence"),
        LinkOpened(0.4, 1),
        SessionOpened(0.5, "m", Capabilities()),
    )
    late = take(talk, SessionConfigured(0.6))

    assert not any(isinstance(command, AppendInput) for command in early)
    assert [type(command) for command in late] == [AppendInput, CommitInput, RequestReply]
    assert isinstance(late[0], AppendInput)
    assert late[0].frame.ms == 420


def test_a_reply_into_the_users_speech_is_held_before_its_first_sample_is_played() -> None:
    talk = ready()
    take(talk, TurnOpened(1.0, 1, frame(0, 400), "voice", 120), TurnAudio(1.1, 1, frame(20), True))

    commands = take(talk, ReplyAudio(1.12, "a", bytes(480)))

    assert commands == [PausePlayout(), Play("a", bytes(480))]


def test_a_reply_into_silence_first_ends_the_turn() -> None:
    talk = ready()
    take(talk, TurnOpened(1.0, 1, frame(0, 400), "voice", 120), TurnAudio(1.5, 1, frame(20), False))

    commands = take(talk, ReplyAudio(1.5, "a", bytes(480)))

    assert commands == [CloseTurn("provider"), Play("a", bytes(480))]


def test_a_lost_link_ends_the_session_after_what_has_come_was_heard() -> None:
    talk = ready()
    take(talk, ReplyAudio(1.0, "a", bytes(480)))

    lost = take(talk, LinkLost(1.1, 1, opened=True, code=1011))
    drained = take(talk, PlayoutDrained(1.5, "a", 10.0))

    assert isinstance(lost[0], Notify)
    assert lost[0].remedy == "Start again."
    assert lost[1] == EndPlayout("a")
    assert isinstance(drained[-1], Stop)
    assert isinstance(drained[-1].error, HandshakeError)


def test_a_lost_link_with_nothing_to_hear_ends_the_session_at_once() -> None:
    talk = ready()

    lost = take(talk, LinkLost(1.1, 1, opened=True, code=1000))

    assert [type(command) for command in lost] == [Stop]


def test_barging_in_while_a_lost_link_is_played_out_ends_the_session() -> None:
    talk = ready()
    take(talk, ReplyAudio(1.0, "a", bytes(480)), LinkLost(1.1, 1, opened=True, code=1011))

    commands = take(talk, TurnOpened(1.2, 1, frame(0, 400), "key"))

    assert commands[0] == DropPlayout("a")
    assert isinstance(commands[-1], Stop)


def test_a_limit_lets_the_reply_be_heard_out_and_ends_the_session_without_an_error() -> None:
    talk = Conversation(
        FloorSettings(),
        LifelineSettings(),
        lambda lost, last: HandshakeError("lost", remedy="Start again."),
        lambda: 0.5,
        Budget(LimitSettings(max_cost=0.01), PriceSettings(audio_out=12.0)),
    )
    talk.begin()
    take(talk, LinkOpened(0.0, 1), SessionOpened(0.1, "m", Capabilities()), SessionConfigured(0.2))
    take(talk, ReplyAudio(1.0, "a", bytes(480)))

    limit = take(talk, ReplyDone(1.1, "a", usage=Usage(output_tokens=10_000, output_audio_tokens=10_000)))
    drained = take(talk, PlayoutDrained(1.5, "a", 10.0))

    assert limit[0] == EndPlayout("a")
    assert [type(command) for command in limit[1:]] == [Notify]
    assert drained == [Stop()]


def test_a_reply_that_was_held_when_the_line_went_gives_way_to_the_answer_of_the_next_link() -> None:
    talk = Conversation(
        FloorSettings(),
        LifelineSettings(),
        lambda lost, last: LinkError("lost", remedy="Wait."),
        lambda: 0.5,
    )
    talk.begin()
    take(talk, LinkOpened(0.0, 1), SessionOpened(0.1, "m", Capabilities()), SessionConfigured(0.2))
    take(talk, TurnOpened(1.0, 1, frame(0, 400), "key"), TurnAudio(1.1, 1, frame(20), True))
    held = take(talk, ReplyAudio(1.2, "a", bytes(480)))

    lost = take(talk, LinkLost(1.3, 1, opened=True, code=1006))
    take(talk, LinkOpened(1.5, 2), SessionOpened(1.6, "m", Capabilities()))
    again = take(talk, SessionConfigured(1.7))
    ended = take(talk, TurnClosed(1.8, 1, "key"))

    assert PausePlayout() in held
    assert DropPlayout("a") in lost
    assert ResumePlayout() in lost
    assert sum(c.frame.ms for c in again if isinstance(c, AppendInput)) == 420
    assert ended == [CommitInput(1), RequestReply()]


def test_the_quit_key_ends_the_session_without_an_error() -> None:
    assert take(ready(), Pressed(1.0, "quit")) == [Stop()]


def test_a_lost_device_is_opened_again_and_the_session_goes_on() -> None:
    talk = ready()

    lost = take(talk, DeviceLost(1.0, "capture", "it stopped delivering"))
    due = talk.deadline()
    assert due is not None
    commands = take(talk, Tick(due))

    assert lost == []
    assert commands == [ReopenDevices(("capture",), rescan=False)]


def test_a_lost_link_ends_the_session_though_what_came_cannot_be_heard() -> None:
    talk = ready()
    take(talk, ReplyAudio(1.0, "a", bytes(480)), DeviceLost(1.1, "playout", "the stream ended"))
    take(talk, LinkLost(1.2, 1, opened=True, code=1011))

    still = take(talk, Tick(1.3))
    gone = take(talk, Tick(4.0))

    assert not any(isinstance(command, Stop) for command in still)
    assert isinstance(gone[-1], Stop)
