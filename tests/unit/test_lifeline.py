"""The lifeline: nothing is sent too early, nothing is lost meanwhile, every end is explained."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.awaited import CAUTIOUS_APPEND_MS
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    ClockJumped,
    CloseTurn,
    Command,
    CommitInput,
    Configure,
    Connect,
    Disconnect,
    Event,
    LinkLost,
    LinkOpened,
    LinkUnanswered,
    Notify,
    Pressed,
    Recalled,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    SendToolResult,
    ServerError,
    SessionConfigured,
    SessionOpened,
    Stop,
    StopRequested,
    Tick,
    ToolCall,
    TurnOpened,
    TurnSuspected,
    UserText,
    WakeWordHeard,
)
from voice_assistant.core.lifeline import Lifeline, LifelineSettings
from voice_assistant.core.replies import Replies
from voice_assistant.errors import AuthError, HandshakeError, LinkError

PERHAPS = Capabilities(confirms_setup="perhaps", unconfigured_remedy="Set it up.")
NEVER = Capabilities(confirms_setup="never")
LIMITED = Capabilities(confirms_setup="never", session_limit_s=600)


def explain(lost: LinkLost, last: str) -> LinkError:
    text = f"{lost.status or lost.code} {lost.reason} {last}".strip()
    match lost:
        case LinkLost(status=403):
            return AuthError(text, remedy="Look.")
        case LinkLost(code=1007 | 1008):
            return HandshakeError(text, remedy="Look.")
        case _:
            return LinkError(text, remedy="Look.")


def lifeline(replies: Replies | None = None, settings: LifelineSettings | None = None) -> Lifeline:
    return Lifeline(settings or LifelineSettings(), replies or Replies(), explain, dice=lambda: 0.5)


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


def test_the_first_session_is_not_called_renewed_though_its_first_words_come_after_the_wait() -> None:
    line = lifeline()
    opened(line, PERHAPS)
    waited = ticks(line, until=5.0)

    heard = line.handle(UserText(6.0, 1, "Hello", final=False))

    assert [type(command) for command in waited] == [Notify]
    assert not [command for command in heard if isinstance(command, Notify)]


def test_a_server_that_takes_the_connection_and_does_not_answer_is_told_once_and_again_on_another_day() -> (
    None
):
    line = lifeline()
    line.begin()
    silent = line.handle(LinkUnanswered(4.0, 1)) + line.handle(LinkUnanswered(12.0, 1))
    line.handle(LinkOpened(13.0, 1))
    line.handle(SessionOpened(13.1, "model", NEVER))
    line.handle(LinkLost(20.0, 1, opened=True, code=1006))
    again = line.handle(LinkUnanswered(25.0, 2))

    text = "The provider takes the connection but does not answer. Still waiting; what you say is kept."
    assert silent == [Notify("warning", text)]
    assert again == [Notify("info", text)]  # the warning is that the line is gone


def test_a_session_that_is_slow_to_come_is_told_long_before_it_is_given_up() -> None:
    line = lifeline()
    line.begin()
    line.handle(LinkOpened(0.5, 1))

    told = ticks(line, until=8.0)

    assert [one.text for one in told if isinstance(one, Notify)] == [
        "The provider answers but opens no session. Still waiting; what you say is kept."
    ]
    assert line.state == "opening"


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


def test_a_socket_without_a_session_ends_with_a_reason_in_less_than_thirty_seconds() -> None:
    line = lifeline()
    line.begin()
    line.handle(LinkOpened(0.0, 1))

    stopped = ticks(line, until=30)

    assert isinstance(stopped[-1], Stop)
    assert isinstance(stopped[-1].error, HandshakeError)


def test_a_link_that_never_worked_ends_the_session_with_the_last_error_of_the_server() -> None:
    line = lifeline()
    line.begin()
    line.handle(LinkOpened(0.5, 1))
    line.handle(ServerError(2.0, "quota exceeded"))

    stopped = line.handle(LinkLost(2.1, 1, opened=True, code=1011, reason="internal"))

    assert isinstance(stopped[0], Stop)
    assert str(stopped[0].error) == "1011 internal quota exceeded"
    assert line.deadline() is None


def test_a_line_that_drops_soon_after_its_first_session_began_is_tried_again() -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)

    dropped = lose(line, 1.5)
    refused = lose(line, 1.6, code=None, status=502)

    assert len(connects(dropped)) == len(connects(refused)) == 1


def test_a_first_session_that_is_ended_with_a_reason_is_tried_again_for_a_while_and_then_believed() -> None:
    line = lifeline()
    line.begin()
    told: list[str] = []
    waits: list[float] = []
    at, stopped = 1.0, list[Command]()
    while not stopped:
        line.handle(LinkOpened(at, line.link))
        line.handle(SessionOpened(at, "model", PERHAPS))
        line.handle(ServerError(at, "upstream websocket closed with code 1011"))
        commands = lose(line, at + 0.1, code=1011)
        told += notices(commands)
        waits += [one.after_s for one in connects(commands)]
        stopped = [command for command in commands if isinstance(command, Stop)]
        at += 0.1 + sum(one.after_s for one in connects(commands))

    assert len(told) == 1
    assert waits[0] <= 0.25
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert 3 <= len(waits) <= 8
    assert at - 1.0 < 20


def test_a_first_session_that_lives_at_the_second_try_is_told_to_be_back_and_forgot_nothing() -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)
    line.handle(ServerError(1.4, "upstream websocket closed with code 1011"))

    lose(line, 1.5, code=1011)
    back(line, 1.8, PERHAPS)
    told = notices(line.handle(SessionConfigured(1.9)))

    assert len(told) == 1
    assert "is back" in told[0]
    assert "remember" not in told[0]


@pytest.mark.parametrize(("code", "status"), [(1007, None), (1008, None), (None, 401), (None, 403)])
def test_a_first_session_that_is_refused_is_not_tried_again(code: int | None, status: int | None) -> None:
    line = lifeline()
    opened(line, PERHAPS, at=1.0)

    assert [type(command) for command in lose(line, 1.5, code, status)] == [Stop]


def notices(commands: list[Command]) -> list[str]:
    return [command.text for command in commands if isinstance(command, Notify)]


def connects(commands: list[Command]) -> list[Connect]:
    return [command for command in commands if isinstance(command, Connect)]


def lose(line: Lifeline, at: float, code: int | None = 1006, status: int | None = None) -> list[Command]:
    number = line.link
    return line.handle(LinkLost(at, number, opened=status is None, code=code, status=status))


def back(line: Lifeline, at: float, capabilities: Capabilities = NEVER) -> list[Command]:
    commands = line.handle(LinkOpened(at, line.link))
    return commands + line.handle(SessionOpened(at, "model", capabilities))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1000, None),
        (1001, None),
        (1006, None),
        (1011, None),
        (1013, None),
        (None, 404),
        (None, 429),
        (None, 500),
        (None, 502),
    ],
)
def test_a_line_that_breaks_is_tried_again_and_said_once(code: int | None, status: int | None) -> None:
    line = lifeline()
    opened(line, NEVER)

    first = lose(line, 100.0, code, status)
    second = lose(line, 101.0, code, status)

    assert len(notices(first)) == 1
    assert notices(second) == []
    assert connects(first)[0].link == 2
    assert connects(second)[0].link == 3
    if status != 429:
        assert connects(first)[0].after_s <= 0.25


@pytest.mark.parametrize(("code", "status"), [(1007, None), (1008, None), (None, 403)])
def test_what_no_new_link_can_mend_ends_the_session(code: int | None, status: int | None) -> None:
    line = lifeline()
    opened(line, NEVER)

    stopped = lose(line, 100.0, code, status)

    assert [type(command) for command in stopped] == [Stop]
    assert line.deadline() is None


def test_new_tries_come_slower_and_slower_but_never_end() -> None:
    line = lifeline()
    opened(line, NEVER)

    waits = [connects(lose(line, 100.0 + index))[0].after_s for index in range(2000)]

    assert waits[0] <= 0.25
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert max(waits) <= 20


def test_an_open_turn_is_sent_again_from_its_beginning_and_goes_on() -> None:
    line = lifeline()
    opened(line, NEVER)
    frames = [append(index) for index in range(30)]
    first = [c for frame in frames[:10] for c in line.admit([frame])]

    lose(line, 100.0)
    lost = [c for frame in frames[10:20] for c in line.admit([frame])]
    again = back(line, 103.0)
    rest = [c for frame in frames[20:] for c in line.admit([frame])]

    assert sound(first) == sound(list(frames[:10]))
    assert lost == []
    assert sound(again + rest) == sound(list(frames))


def test_a_committed_turn_without_an_answer_is_sent_again_and_one_with_an_answer_is_not() -> None:
    replies = Replies()
    line = lifeline(replies)
    opened(line, NEVER)
    line.admit([append(0, turn=1), CommitInput(1)])
    for part in (line, replies):
        part.handle(ReplyAudio(50.0, "a", bytes(48 * 400)))
    line.admit([append(1, turn=2), CommitInput(2)])

    lose(line, 100.0)
    again = back(line, 101.0)

    assert [c for c in again if isinstance(c, AppendInput | CommitInput)] == [
        append(1, turn=2),
        CommitInput(2),
    ]


def test_words_without_a_sound_are_no_answer_and_are_not_told_to_the_new_link() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0, turn=1), CommitInput(1)])
    line.handle(ReplyText(50.0, "a", "It is half past"))

    lose(line, 50.1)
    again = back(line, 50.3)

    assert [c for c in again if isinstance(c, Configure)] == [Configure()]
    assert [c for c in again if isinstance(c, AppendInput | CommitInput)] == [
        append(0, turn=1),
        CommitInput(1),
    ]


def test_messages_about_an_older_link_are_nothing() -> None:
    line = lifeline()
    opened(line, NEVER)
    lose(line, 100.0)

    assert line.handle(LinkLost(100.1, 1, opened=True, code=1006)) == []
    assert line.handle(LinkOpened(100.2, 1)) == []


def test_the_person_is_told_when_the_line_is_back_and_what_was_sent_again() -> None:
    line = lifeline()
    opened(line, NEVER)
    for index in range(100):
        line.admit([append(index)])

    lose(line, 100.0)
    told = notices(back(line, 103.0))

    assert len(told) == 1
    assert "after 3.0 s" in told[0]
    assert "2 s of what you said" in told[0]


def test_what_was_said_before_is_told_to_a_new_link_but_not_what_is_sent_again() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.handle(UserText(2.0, 1, "Who wrote Faust?", final=True))
    line.handle(ReplyText(3.0, "a", "Goethe did."))
    line.handle(UserText(4.0, 2, "When", final=False))
    line.admit([append(0, turn=2)])

    lose(line, 100.0)
    setup = [c for c in back(line, 101.0) if isinstance(c, Configure)]

    assert setup == [Configure((Recalled("user", "Who wrote Faust?"), Recalled("assistant", "Goethe did.")))]


def test_a_link_is_renewed_in_a_quiet_moment_before_its_limit() -> None:
    line = lifeline(settings=LifelineSettings(park_after_min=0))
    opened(line, LIMITED, at=1.0)

    before = ticks(line, until=450)
    renewed = ticks(line, until=590)

    assert before == []
    assert [type(command) for command in renewed] == [Disconnect, Connect]


def test_a_link_is_not_renewed_while_anybody_speaks_or_an_answer_is_awaited() -> None:
    replies = Replies()
    speaking, waiting, hearing = (
        lifeline(replies=replies, settings=LifelineSettings(park_after_min=0)) for _ in range(3)
    )
    for line in (speaking, waiting, hearing):
        opened(line, LIMITED, at=1.0)
    speaking.handle(TurnOpened(450.0, 1, append(0).frame, "voice"))
    waiting.handle(Tick(560.0))
    waiting.admit([append(0), CommitInput(1)])
    replies.handle(ReplyAudio(450.0, "a", b"\0\0"))

    assert not connects(ticks(speaking, until=570))
    assert not connects(ticks(waiting, until=570))
    assert not connects(ticks(hearing, until=570))


def test_a_limit_that_nobody_told_is_learned_from_two_cuts_of_the_same_age() -> None:
    line = lifeline(settings=LifelineSettings(park_after_min=0))
    opened(line, NEVER, at=0.0)
    for cut in (300.0, 600.0):
        lose(line, cut)
        back(line, cut)

    renewed = [command for command in ticks(line, until=899) if isinstance(command, Connect)]

    assert len(renewed) == 1


@pytest.mark.parametrize("sign", [TurnSuspected(1500.0), WakeWordHeard(1500.0, "hey you")])
def test_without_a_word_the_link_rests_and_a_sign_of_one_takes_it_up_again(sign: Event) -> None:
    line = lifeline(settings=LifelineSettings(park_after_min=5))
    opened(line, NEVER, at=1000.0)

    early = ticks(line, until=1299)
    resting = ticks(line, until=1400)
    late = line.handle(LinkLost(1301.0, 1, opened=True, code=1000))
    woken = line.handle(sign)
    kept = line.admit([append(0)])
    sent = back(line, 1500.5)

    assert early == []
    assert [type(command) for command in resting] == [Disconnect, Notify]
    assert late == []
    assert connects(woken) == [Connect(2, 0.0)]
    assert kept == []
    assert append(0) in sent


def test_a_turn_without_an_answer_is_sent_again_once_on_a_new_link() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.handle(Tick(10.0))
    line.admit([append(0), CommitInput(1)])

    first = ticks(line, until=26)
    again = back(line, 26.0)
    second = ticks(line, until=60)

    assert len(connects(first)) == 1
    assert [c for c in again if isinstance(c, AppendInput | CommitInput)] == [append(0), CommitInput(1)]
    assert connects(second) == []
    assert len(notices(second)) == 1


def test_after_a_second_wait_in_vain_the_user_is_asked_and_what_they_are_saying_is_kept() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.handle(Tick(10.0))
    line.admit([append(0), CommitInput(1)])
    ticks(line, until=26)
    back(line, 26.0)
    line.admit([append(1, turn=2)])

    given_up = ticks(line, until=60)
    lose(line, 61.0)
    again = back(line, 62.0)

    assert "Say it again" in next(c.remedy for c in given_up if isinstance(c, Notify))
    assert [c for c in again if isinstance(c, AppendInput | CommitInput)] == [append(1, turn=2)]


def test_a_reply_that_the_provider_broke_off_before_its_first_sample_is_no_answer() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0), CommitInput(1)])

    line.handle(ReplyDone(2.0, None, interrupted=True))

    assert len(connects(ticks(line, until=30))) == 1


def test_a_word_before_a_tool_is_not_yet_the_answer() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0), CommitInput(1)])
    line.handle(ReplyAudio(2.0, "let me see", bytes(480)))
    line.handle(ToolCall(2.1, "call", "look", "{}"))

    lose(line, 3.0)
    again = back(line, 4.0)

    assert CommitInput(1) in again


def test_a_tool_may_take_longer_than_an_answer() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0), CommitInput(1)])
    line.handle(ToolCall(2.0, "call", "look", "{}"))

    during = ticks(line, until=60)
    line.handle(Tick(60.0))
    line.admit([SendToolResult("call", "42")])
    after = ticks(line, until=80)

    assert connects(during) == []
    assert len(connects(after)) == 1


@pytest.mark.parametrize(("code", "status"), [(1007, None), (1008, None), (None, 401), (None, 403)])
def test_what_is_refused_is_not_tried_again_whatever_words_came_with_it(
    code: int | None, status: int | None
) -> None:
    line = Lifeline(
        LifelineSettings(), Replies(), lambda lost, last: LinkError("quota", remedy=""), lambda: 0.5
    )
    opened(line, NEVER)

    assert [type(command) for command in lose(line, 100.0, code, status)] == [Stop]


def test_an_answer_in_time_is_not_complained_about() -> None:
    line = lifeline(settings=LifelineSettings(park_after_min=0))
    opened(line, NEVER)
    line.handle(Tick(10.0))
    line.admit([append(0), CommitInput(1)])
    line.handle(ReplyDone(11.0, None))

    assert ticks(line, until=60) == []


def test_after_the_machine_slept_the_link_is_renewed_and_nothing_old_is_sent() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0)])

    commands = line.handle(ClockJumped(100.0, by_s=3600.0))
    sent = back(line, 101.0)

    assert CloseTurn("provider") in commands
    assert len(connects(commands)) == 1
    assert len(notices(commands)) == 1
    assert not any(isinstance(command, AppendInput) for command in sent)


def test_sound_beyond_what_can_be_kept_is_given_up_aloud() -> None:
    line = lifeline(settings=LifelineSettings(keep_s=120))
    opened(line, NEVER)
    lose(line, 100.0)

    told = [text for index in range(125) for text in notices(line.admit([append(index * 50, ms=1000)]))]
    restored = notices(back(line, 230.0))

    assert len(told) == 1
    assert "120 s" in told[0]
    assert "5 s of it could not be kept" in restored[0]


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


def test_nothing_is_said_about_remembering_when_there_was_nothing_but_what_is_sent_again() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.handle(TurnOpened(2.0, 1, append(0).frame, "voice"))
    line.admit([append(0)])

    lose(line, 3.0)
    told = notices(back(line, 3.2))

    assert len(told) == 1
    assert "remember" not in told[0]


def test_an_answer_that_is_not_wanted_any_more_is_not_missed_and_not_asked_for_again() -> None:
    line = lifeline()
    opened(line, NEVER)
    line.admit([append(0, 500), CommitInput(1)])
    assert line.deadline() is not None

    line.handle(Pressed(3.0, "interrupt"))

    assert [command for command in ticks(line, 60.0) if isinstance(command, Notify | Connect)] == []
    line.handle(LinkLost(61.0, 1, opened=True, code=1006, reason="torn"))
    again = line.handle(LinkOpened(62.0, 2)) + line.handle(SessionOpened(62.1, "model", NEVER))
    assert not any(isinstance(command, AppendInput | CommitInput) for command in again)


@pytest.mark.parametrize(
    ("asked_s", "least", "most"), [(5.0, 5.0, 5.5), (600.0, 60.0, 66.0), (0.0, 0.0, 0.25)]
)
def test_who_says_when_to_come_back_is_asked_again_then_and_not_before(
    asked_s: float, least: float, most: float
) -> None:
    line = lifeline()
    opened(line, NEVER)

    waits = connects(line.handle(LinkLost(100.0, 1, opened=False, status=503, retry_after_s=asked_s)))

    assert least <= waits[0].after_s <= most
