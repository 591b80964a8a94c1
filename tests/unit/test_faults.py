"""Every fault in every state: what must hold afterwards.

The table is the product of ``FAULTS`` and ``STATES``. After each fault the line comes back, unless the fault
is final, the user says what they were about to say, and the provider answers. Then it must hold that

- the open and the unanswered turns are whole on the new link, sample by sample, and ended once on it;
- an answered turn is not sent again, and no reply is played twice;
- what had come of a reply was played to its end, unless the user cut it; playout is not left paused;
- a line that goes is told once, and once that it is back; only what is final ends the session;
- the first new try comes within 250 ms.

A duplicate frame, and a garbage one, never get as far as the core: the dialect drops a frame whose
``event_id`` came before (``test_names.py``) and makes ``Unrecognised`` of what it cannot read. Without an id
two equal stretches of sound cannot be told from one that came twice; the second is played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.far_side import FarSide, pcm_of
from voice_assistant.core.events import (
    Capabilities,
    ClockJumped,
    CommitInput,
    Disconnect,
    LinkLost,
    Notify,
    PlayoutDrained,
    ReplyAudio,
    RunTool,
    SendText,
    SendToolResult,
    Stop,
    TextEntered,
    ToolCall,
    ToolFinished,
    Unrecognised,
)
from voice_assistant.errors import AuthError, HandshakeError, LinkError


def explain(lost: LinkLost, last: str) -> LinkError:
    text = f"{lost.status or lost.code} {lost.reason} {last}".strip()
    match lost:
        case LinkLost(status=401 | 403):
            return AuthError(text, remedy="Look.")
        case LinkLost(code=1007 | 1008):
            return HandshakeError(text, remedy="Look.")
        case _:
            return LinkError(text, remedy="Look.")


# --- States ---


@dataclass
class Scene:
    """What was under way when the fault struck."""

    far: FarSide
    waiting: list[int] = field(default_factory=list)
    """Turns that must be whole on the new link."""
    speaking: int | None = None
    answered: list[int] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    """Replies of which some sound had come."""


def idle(far: FarSide) -> Scene:
    turn = far.say()
    far.reply("first")
    far.pass_time(1)
    return Scene(far, answered=[turn], replies=["first"])


def speaking(far: FarSide) -> Scene:
    scene = idle(far)
    scene.speaking = far.open_turn()
    far.pass_time(1.5)
    scene.waiting = [scene.speaking]
    return scene


def waiting(far: FarSide) -> Scene:
    scene = idle(far)
    scene.waiting = [far.say(1.5)]
    far.pass_time(0.3)
    return scene


def playing(far: FarSide) -> Scene:
    scene = waiting(far)
    scene.answered += scene.waiting
    scene.waiting = []
    far.begin_reply("second", 2.0)
    far.pass_time(0.5)
    scene.replies.append("second")
    return scene


def paused(far: FarSide) -> Scene:
    scene = playing(far)
    far.cough()
    far.pass_time(0.1)
    assert far.is_paused
    return scene


def tool_running(far: FarSide) -> Scene:
    scene = waiting(far)
    far.take(ToolCall(far.at, "call", "look", "{}"))
    far.pass_time(0.3)
    return scene


STATES: dict[str, Callable[[FarSide], Scene]] = {
    "idle": idle,
    "user speaking": speaking,
    "waiting": waiting,
    "reply playing": playing,
    "paused": paused,
    "tool running": tool_running,
}


# --- Faults ---


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Args:
        strike: Makes it happen.
        is_final: No new link can mend it.
        is_loss: The link is gone by it.
        forgets: What was being said is old, and is not sent.
        mended_in_s: Time that the line may take to come back.
        found_after_s: Time until the loss is noticed at all.
    """

    strike: Callable[[FarSide], None]
    is_final: bool = False
    is_loss: bool = True
    forgets: bool = False
    mended_in_s: float = 4.0
    found_after_s: float = 0.0


def closes(code: int) -> Fault:
    return Fault(lambda far: far.lose(code=code), code in (1007, 1008))


def refused(status: int) -> Fault:
    """The line drops, and each new link is refused for half a second."""

    def strike(far: FarSide) -> None:
        until = far.at + 0.5
        far.refuses = lambda at: LinkLost(at, 0, False, status=status) if at < until else None
        far.lose(code=1006)

    return Fault(strike, status in (401, 403), mended_in_s=8.0 if status == 429 else 4.0)


def half_open(far: FarSide) -> None:
    """Nothing comes any more; TCP finds it out after 10 s."""
    far.pass_time(10)
    far.lose(code=1006)


def slow_handshake(far: FarSide) -> None:
    """The new link opens, and there is a session on it only after many seconds."""
    far.session_after_s = 8.0
    far.lose(code=1006)


FAULTS: dict[str, Fault] = {
    "drop": closes(1006),
    "half-open": Fault(half_open, found_after_s=10.0),
    "stall": Fault(lambda far: far.pass_time(5), is_loss=False),
    **{f"close {code}": closes(code) for code in (1000, 1001, 1007, 1008, 1011, 1013)},
    **{f"HTTP {status}": refused(status) for status in (401, 403, 404, 429, 500, 502)},
    "slow handshake": Fault(slow_handshake, mended_in_s=10.0),
    "garbage frame": Fault(lambda far: far.take(Unrecognised(far.at, "not JSON")), is_loss=False),
    "duplicate frame": Fault(
        lambda far: far.take(Unrecognised(far.at, "a message that came twice")), is_loss=False
    ),
    "clock jump": Fault(lambda far: far.take(ClockJumped(far.at, 3600.0)), forgets=True),
}


# --- The table ---


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_state(fault: str, state: str) -> None:
    scene, struck = STATES[state](far_side()), FAULTS[fault]
    far = scene.far
    told_before, lines_before, struck_at = len(far.told), len(far.lines), far.at

    struck.strike(far)
    far.pass_time(struck.mended_in_s)
    told = [notice for notice in far.told[told_before:] if notice.severity != "info"]
    if struck.is_final:
        holds_after_a_final_fault(scene)
        return
    assert far.stopped is None
    if struck.is_loss:
        assert len(told) <= 1
        assert len(far.lines) == lines_before + 1
        first_try = next(at for at in far.tried_at if at > struck_at)
        gone_at = struck_at + struck.found_after_s
        assert first_try - gone_at <= 0.25
    else:
        assert told == []
        assert len(far.lines) == lines_before
    goes_on(scene, forgets=struck.forgets)
    restored = [notice for notice in far.told[told_before:] if "is back" in notice.text]
    assert len(restored) == (1 if struck.is_loss else 0)


def goes_on(scene: Scene, *, forgets: bool) -> None:
    """The user finishes what they were saying, and is answered: everything must be there, once."""
    far = scene.far
    if scene.speaking is not None and not forgets:
        far.pass_time(0.5)
        far.close_turn()
    if not forgets:
        for turn in scene.waiting:
            assert far.line.sound(turn) == far.spoken[turn]
            assert far.line.commits(turn) == 1
    else:
        assert not any(far.line.sound(turn) for turn in scene.waiting)
    if far.line.number > 1:
        assert not any(far.line.sound(turn) for turn in scene.answered)
    finish_tool(far)
    if far.is_turn_open:
        far.close_turn()
    if "second" in scene.replies:
        far.end_reply("second")
        far.pass_time(2)
    far.reply("third")
    asked = far.say()
    far.reply("fourth")

    assert far.line.sound(asked) == far.spoken[asked]
    for item in [*scene.replies, "third", "fourth"]:
        assert far.played[item] == pcm_of(item, 2.0)
    assert [event.item for event in far.all(PlayoutDrained)] == [*scene.replies, "third", "fourth"]
    assert not far.is_paused
    assert far.stopped is None


def finish_tool(far: FarSide) -> None:
    """The tool is through; a new link asks for it again and gets what the first run gave."""
    if not far.all(RunTool):
        return
    if far.line.number > 1:
        far.take(ToolCall(far.at, "again", "look", "{}"))
    far.take(ToolFinished(far.at, "call", "42"))
    assert len(far.all(RunTool)) == 1
    assert [result.output for result in far.all(SendToolResult)] == ["42"]


def holds_after_a_final_fault(scene: Scene) -> None:
    """What has come is heard to its end; then the session ends with the reason."""
    far = scene.far
    assert isinstance(far.stopped, Stop)
    assert isinstance(far.stopped.error, AuthError | HandshakeError)
    for item in scene.replies:
        assert far.played[item] == pcm_of(item, 2.0)
    assert [event.item for event in far.all(PlayoutDrained)] == scene.replies
    assert not far.is_paused


def far_side() -> FarSide:
    return FarSide(explain)


# --- What the table does not say ---


def test_a_stall_after_a_turn_is_told_and_mended_by_a_new_link() -> None:
    far = far_side()
    turn = far.say()

    far.pass_time(20)

    assert far.line.number == 2
    assert far.line.sound(turn) == far.spoken[turn]
    assert far.line.commits(turn) == 1
    assert "No answer for 15 s" in far.told[0].text
    assert len(far.all(Disconnect)) == 1


@pytest.mark.parametrize("fault", [name for name, one in FAULTS.items() if one.is_loss and not one.is_final])
def test_an_answer_that_had_hardly_begun_is_given_anew_and_the_torn_one_is_not_heard_on(fault: str) -> None:
    struck = FAULTS[fault]
    far = far_side()
    turn = far.say()
    far.begin_reply("breath", 0.2)
    far.pass_time(0.04)

    struck.strike(far)
    far.pass_time(struck.mended_in_s)

    if struck.forgets:
        assert far.line.sound(turn) == b""
        return
    assert far.line.sound(turn) == far.spoken[turn]
    assert far.line.commits(turn) == 1
    assert not any(
        "the middle of an answer" in one.text or "rest of the last" in one.text for one in far.told
    )
    far.reply("whole")
    assert [event.item for event in far.all(PlayoutDrained)] == ["whole"]
    far.lose(code=1006)
    far.pass_time(4)
    assert far.line.sound(turn) == b""


def test_an_answer_that_had_hardly_begun_is_owed_again_and_does_not_take_the_next_turn_for_its_own() -> None:
    far = far_side()
    first = far.say()
    far.begin_reply("breath", 0.1)
    far.pass_time(0.04)
    far.lose(code=1006)
    far.pass_time(1)

    far.cough()
    far.pass_time(0.5)
    far.begin_reply("whole", 1.0)
    far.pass_time(0.5)
    far.close_turn()

    assert far.line.commits(first + 1) == 1


def test_a_turn_that_the_provider_ended_is_sent_again_where_its_answer_had_hardly_begun() -> None:
    far = FarSide(explain, capabilities=Capabilities())
    far.cough()
    far.pass_time(1)
    far.begin_reply("breath", 0.1)
    far.pass_time(0.04)
    before = far.line.said.copy()

    far.lose(code=1006)
    far.pass_time(1)

    assert not far.is_turn_open
    assert CommitInput(1) not in before
    assert far.line.sound(1) == far.spoken[1]
    assert far.line.commits(1) == 1


def test_a_turn_that_the_provider_ended_is_not_sent_again_where_its_answer_was_heard() -> None:
    far = FarSide(explain, capabilities=Capabilities())
    far.cough()
    far.pass_time(1)
    far.begin_reply("a", 0.1)
    far.pass_time(0.04)
    far.begin_reply("a", 0.4)
    said = far.line.said.copy()

    far.pass_time(0.1)
    far.lose(code=1006)
    far.pass_time(1)

    assert far.lines[0].said == said
    assert far.line.sound(1) == b""


def test_what_had_come_of_an_answer_is_heard_where_nobody_can_give_it_anew() -> None:
    far = far_side()
    far.say()
    far.begin_reply("breath", 0.2)
    far.lose(code=1007)
    far.pass_time(1)

    assert [event.item for event in far.all(PlayoutDrained)] == ["breath"]
    assert far.stopped is not None


def test_a_late_answer_to_a_turn_that_was_sent_again_is_one_answer() -> None:
    far = far_side()
    turn = far.say()
    far.lose(code=1011)
    far.pass_time(1)

    far.reply("only")
    far.lose(code=1011)
    far.pass_time(1)

    assert far.lines[1].sound(turn) == far.spoken[turn]
    assert far.line.sound(turn) == b""


def test_three_seconds_without_a_line_while_the_user_speaks_lose_nothing_and_delay_little() -> None:
    far = far_side()
    turn = far.open_turn()
    far.pass_time(1)
    back_at = far.at + 3
    far.refuses = lambda at: LinkLost(at, 0, False, reason="refused") if at < back_at else None

    far.lose(code=1006)
    far.pass_time(2)
    far.close_turn()
    far.pass_time(2)

    assert far.line.sound(turn) == far.spoken[turn]
    assert far.line.commits(turn) == 1
    assert far.tried_at[-1] - back_at <= 0.4
    assert len(far.tried_at) < 20


def test_a_second_loss_before_the_first_is_mended_is_not_told_again() -> None:
    far = far_side()
    far.lose(code=1006)
    far.pass_time(0.14)
    far.lose(code=1006)
    far.pass_time(2)

    assert sum("is gone" in notice.text for notice in far.told) == 1 + sum(
        "is back" in notice.text for notice in far.told[:-1]
    )


def test_what_was_typed_while_the_line_was_gone_is_sent_once_and_told_once() -> None:
    far = far_side()
    far.lose(code=1006)
    far.take(TextEntered(far.at, "and now?"))
    far.pass_time(1)

    assert far.line.said.count(SendText("and now?")) == 1
    assert "and now?" not in {one.text for one in far.line.setup().recall}


def test_a_reply_that_was_torn_is_told_with_the_loss() -> None:
    far = playing(far_side()).far

    far.lose(code=1011)
    far.pass_time(1)

    assert "in the middle of an answer" in far.told[0].text
    assert "rest of the last answer is lost" in far.told[1].text


def test_a_reply_that_never_got_its_end_is_over_some_time_after_its_sound() -> None:
    far = far_side()
    far.say()
    far.begin_reply("endless", 1.0)

    far.pass_time(20)

    assert [event.item for event in far.all(PlayoutDrained)] == ["endless"]
    assert not [one for one in far.told if isinstance(one, Notify) and one.severity != "info"]


def test_a_reply_that_stalls_in_the_middle_and_goes_on_is_heard_whole() -> None:
    far = far_side()
    far.say()
    far.begin_reply("slow", 1.0)
    far.pass_time(6)
    far.take(ReplyAudio(far.at, "slow", pcm_of("slow", 1.0)))
    far.end_reply("slow")
    far.pass_time(2)

    assert far.played["slow"] == pcm_of("slow", 2.0)
    assert [event.heard_ms for event in far.all(PlayoutDrained)] == [2000.0]
