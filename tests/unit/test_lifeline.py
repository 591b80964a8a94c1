"""The lifeline: nothing is sent too early, nothing is lost meanwhile, every end is explained."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Command,
    CommitInput,
    Configure,
    Connect,
    Event,
    LinkLost,
    LinkOpened,
    Notify,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    ServerError,
    SessionConfigured,
    SessionOpened,
    Stop,
    StopRequested,
    Tick,
)
from voice_assistant.core.lifeline import CAUTIOUS_APPEND_MS, Lifeline, LifelineSettings
from voice_assistant.errors import HandshakeError, LinkError

PERHAPS = Capabilities(
    confirms_setup="perhaps", unconfigured_remedy="Set it up.", wordless_remedy="Use another."
)
NEVER = Capabilities(confirms_setup="never")


def lifeline() -> Lifeline:
    return Lifeline(
        LifelineSettings(setup_grace_ms=400, unconfirmed_ms=1500, answer_timeout_s=15),
        lambda lost, last: LinkError(f"{lost.code} {lost.reason} {last}".strip(), remedy="Look."),
    )


def append(index: int, ms: int = 20, turn: int = 1) -> AppendInput:
    start = index * 320
    pcm = b"".join((sample % 65_536).to_bytes(2, "little") for sample in range(start, start + ms * 16))
    return AppendInput(turn, AudioFrame(pcm, 16_000, start))


def opened(line: Lifeline, capabilities: Capabilities, at: float = 1.0) -> list[Command]:
    line.begin()
    line.handle(LinkOpened(0.5, 1))
    return line.handle(SessionOpened(at, "model", capabilities))


def ticks(line: Lifeline, until: float) -> list[Command]:
    """Ring every deadline up to *until*."""
    commands: list[Command] = []
    while (due := line.deadline()) is not None and due <= until:
        commands += line.handle(Tick(due))
    return commands


def sound(commands: list[Command]) -> bytes:
    return b"".join(command.frame.pcm for command in commands if isinstance(command, AppendInput))


def test_it_connects_and_sets_up_before_anything_else() -> None:
    line = lifeline()

    assert line.begin() == [Connect(1)]
    assert line.admit([append(0)]) == []
    assert line.handle(LinkOpened(0.5, 1)) == [Configure()]


def test_sound_waits_for_the_confirmation_and_then_goes_out_whole_in_appends_of_half_a_second() -> None:
    line = lifeline()
    opened(line, PERHAPS)
    waiting = [append(index) for index in range(60)]

    held = [command for one in waiting for command in line.admit([one])]
    going = line.handle(SessionConfigured(1.2))

    assert held == []
    assert sound(going) == sound(list(waiting))
    assert [round(c.frame.ms) for c in going if isinstance(c, AppendInput)] == [500, 500, 200]
    assert line.admit([append(60)]) == [append(60)]


def test_a_provider_that_never_confirms_is_ready_at_once() -> None:
    line = lifeline()
    line.begin()
    line.admit([append(0)])
    line.handle(LinkOpened(0.5, 1))

    assert line.handle(SessionOpened(1.0, "model", NEVER)) == [append(0)]


def test_without_a_confirmation_sound_goes_out_after_the_grace_in_careful_appends() -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)
    frames = [append(index) for index in range(100)]
    early = line.admit(list(frames[:10]))

    after_grace = ticks(line, until=1.4)
    late = [command for frame in frames[10:] for command in line.admit([frame])]
    end = line.admit([CommitInput(1)])

    assert early == []
    assert sound(after_grace + late + end) == sound(list(frames))
    assert end[-1] == CommitInput(1)
    assert all(c.frame.ms <= CAUTIOUS_APPEND_MS for c in late if isinstance(c, AppendInput))
    assert len([c for c in late if isinstance(c, AppendInput)]) <= 100 * 20 / CAUTIOUS_APPEND_MS + 1


def test_a_sign_of_life_ends_the_caution() -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)
    ticks(line, until=1.4)
    assert line.admit([append(0)]) == []

    going = line.handle(ReplyAudio(3.0, "a", b"\0\0"))

    assert going == [append(0)]
    assert line.admit([append(1)]) == [append(1)]


def test_a_setup_that_nobody_confirms_is_said_once_with_what_mends_it() -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)

    said = [command for command in ticks(line, until=60) if isinstance(command, Notify)]

    assert len(said) == 1
    assert "instructions and voice" in said[0].text
    assert said[0].remedy == "Set it up."


def test_a_confirmed_setup_is_not_complained_about() -> None:
    line = lifeline()
    opened(line, PERHAPS)
    line.handle(SessionConfigured(1.1))

    assert ticks(line, until=60) == []


def test_replies_without_words_are_said_once() -> None:
    line = lifeline()
    opened(line, PERHAPS)
    line.handle(ReplyAudio(2.0, "a", b"\0\0"))

    first = line.handle(ReplyDone(3.0, "a"))
    second = line.handle(ReplyDone(4.0, "b"))

    assert [c.remedy for c in first if isinstance(c, Notify)] == ["Use another."]
    assert second == []


def test_replies_with_words_are_not_complained_about() -> None:
    line = lifeline()
    opened(line, PERHAPS)
    line.handle(ReplyText(2.0, "a", "Hello"))

    assert not [c for c in line.handle(ReplyDone(3.0, "a")) if isinstance(c, Notify)]


def test_a_socket_without_a_session_ends_with_a_reason_in_less_than_thirty_seconds() -> None:
    line = lifeline()
    line.begin()
    line.handle(LinkOpened(0.0, 1))

    stopped = ticks(line, until=30)

    assert isinstance(stopped[0], Stop)
    assert isinstance(stopped[0].error, HandshakeError)


def test_a_lost_link_is_explained_with_the_last_error_of_the_server() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.handle(ServerError(2.0, "quota exceeded"))

    stopped = line.handle(LinkLost(2.1, 1, opened=True, code=1011, reason="internal"))

    assert isinstance(stopped[0], Stop)
    assert str(stopped[0].error) == "1011 internal quota exceeded"
    assert line.deadline() is None


def test_a_turn_without_an_answer_is_said_and_one_with_an_answer_is_not() -> None:
    silent, answered = lifeline(), lifeline()
    for line in (silent, answered):
        opened(line, NEVER)
        line.handle(Tick(10.0))
        line.admit([append(0), CommitInput(1)])
    answered.handle(ReplyDone(11.0, None))

    assert [c.text for c in ticks(silent, until=60) if isinstance(c, Notify)] == ["No answer for 15 s."]
    assert ticks(answered, until=60) == []


def test_a_request_to_stop_stops() -> None:
    assert lifeline().handle(StopRequested(1.0, "SIGTERM")) == [Stop()]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 60)),
            st.tuples(st.just("commit"), st.just(0)),
            st.sampled_from([("tick", 0), ("configured", 0), ("alive", 0)]),
        ),
        max_size=40,
    )
)
def test_however_the_setup_goes_every_sample_is_sent_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)
    commands: list[Command] = []
    given_in: list[Command] = []
    index, at = 0, 1.0

    for step, frames in steps:
        at += 0.05
        event: Event | None = None
        match step:
            case "append":
                for _ in range(frames):
                    given_in.append(append(index))
                    commands += line.admit([given_in[-1]])
                    index += 1
            case "commit":
                given_in.append(CommitInput(1))
                commands += line.admit([given_in[-1]])
            case "configured":
                event = SessionConfigured(at)
            case "alive":
                event = ReplyAudio(at, "a", b"\0\0")
            case _:
                event = Tick(at)
        commands += line.handle(event) if event else []
    commands += line.handle(SessionConfigured(at + 1))

    appends = [command for command in commands if isinstance(command, AppendInput)]
    assert sound(commands) == sound(given_in)
    assert all(a.frame.end_sample == b.frame.first_sample for a, b in pairwise(appends))
    assert all(one.frame.ms <= 500 for one in appends)
    assert commands.count(CommitInput(1)) == given_in.count(CommitInput(1))
