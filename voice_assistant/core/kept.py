"""Kept sound: what the user said, or typed, and the provider has not yet begun to answer.

A socket's send buffer is not delivery, and a provider that accepts sound has promised nothing. So every turn
is kept until a reply shows that it arrived; a new link gets all of it again. The same books hold back what a
link is not ready for, and cut what goes out into appends of a fitting length.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voice_assistant.core.audio import SAMPLE_BYTES, AudioFrame
from voice_assistant.core.events import AppendInput, CommitInput, RequestReply, SendText, WireCommand

UNIT_MS = 100
"""Sound is kept in pieces of at most this length, and goes out in whole ones: no append is shorter for want
of cutting."""


TYPED = 0
"""Number of every turn that was typed: spoken ones count from 1."""


@dataclass(slots=True, eq=False)
class _Turn:
    """One turn's sound, and how far it went out on the present link.

    Args:
        by_key: Only the user's key ends it.
        is_asked: An answer to it, and to those before it, was asked for on this link.
        given_up_ms: Sound that is kept no longer, though only the present link has it.
        reply: The reply that answers it, once that has begun.
    """

    number: int
    by_key: bool = False
    frames: list[AudioFrame] = field(default_factory=list)
    ms: float = 0.0
    sent_frames: int = 0
    ending: list[WireCommand] = field(default_factory=list)
    sent_ending: int = 0
    is_asked: bool = False
    given_up_ms: float = 0.0
    reply: str | None = None

    @property
    def is_committed(self) -> bool:
        return bool(self.ending)


class KeptSound:
    """The turns that may have to be sent, or sent again; oldest first.

    Args:
        limit_s: Sound beyond this is given up, oldest turns first; 32 kB a second.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_ms = limit_s * 1000
        self._turns: list[_Turn] = []
        self._given_up_ms = 0.0

    @property
    def ms(self) -> float:
        """Milliseconds of sound that are kept."""
        return sum(turn.ms for turn in self._turns)

    @property
    def has_unanswered(self) -> bool:
        """Does a turn that was ended wait for its answer?"""
        return any(turn.is_committed and turn.reply is None for turn in self._turns)

    @property
    def first_turn(self) -> int | None:
        """The oldest spoken turn that a new link would get."""
        waiting = (turn.number for turn in self._turns if turn.number != TYPED and turn.reply is None)
        return next(waiting, None)

    @property
    def texts(self) -> list[str]:
        """What was typed that a new link would get."""
        endings = (one for turn in self._turns if turn.reply is None for one in turn.ending)
        return [one.text for one in endings if isinstance(one, SendText)]

    def take(self, command: AppendInput | CommitInput | SendText | RequestReply) -> None:
        """Keep what is meant for the provider: sound of a turn, or what ends it."""
        match command:
            case AppendInput(turn=number, frame=frame, by_key=by_key):
                turn = self._turn(number)
                turn.by_key = by_key
                turn.frames += split(frame, UNIT_MS)
                turn.ms += frame.ms
                self._give_up()
            case CommitInput(turn=number):
                self._turn(number).ending.append(command)
            case SendText():
                self._turns.append(_Turn(TYPED, ending=[command]))
            case RequestReply() if self._turns:
                self._turns[-1].ending.append(command)
            case RequestReply():
                pass  # The turn it asks for was given up.

    def going(self, longest_ms: int, *, whole_only: bool = False) -> list[WireCommand]:
        """What has not gone out on this link yet, in order; it counts as sent now.

        Turns that go out together are asked about once, at their end: a provider answers one at a time.

        Args:
            longest_ms: The longest append; at least ``UNIT_MS``.
            whole_only: Hold back an append that is shorter, as long as its turn goes on.
        """
        going: list[WireCommand] = []
        asking: tuple[_Turn, int] | None = None
        for turn in self._turns:
            going += self._sound_of(turn, longest_ms, whole_only and not turn.is_committed)
            for one in turn.ending[turn.sent_ending :]:
                if isinstance(one, RequestReply):
                    asking = turn, len(going)
                else:
                    going.append(one)
            turn.sent_ending = len(turn.ending)
        if asking:
            asking[0].is_asked = True
            going.insert(asking[1], RequestReply())
        return going

    def start_over(self) -> None:
        """A new link has none of it. What was being answered is not asked for a second time."""
        waiting = []
        for turn in self._turns:
            if turn.reply is not None:
                continue
            is_hollow = turn.given_up_ms and turn.is_committed and not turn.frames
            self._given_up_ms += turn.given_up_ms
            turn.given_up_ms = 0.0
            turn.sent_frames = turn.sent_ending = 0
            turn.is_asked = False
            if not is_hollow:
                waiting.append(turn)
        self._turns = waiting

    # --- Answers ---

    def answer_began(self, reply: str, *, one_each: bool) -> None:
        """A reply shows that the provider has what was ended.

        Args:
            reply: Its item; an answer without a sound has any name of its own.
            one_each: The provider answers one turn at a time, in their order. Otherwise one reply is an
                answer to everything that was said before it.
        """
        self._turns = [turn for turn in self._turns if turn.reply is None or turn.reply == reply]
        for turn in self._turns:
            if turn.reply is None and turn.sent_ending:
                turn.reply = reply
                if one_each and turn.is_asked:
                    return

    def answer_ended(self, reply: str, *, interrupted: bool) -> None:
        """A reply is over. One that was interrupted answered the first turn; the next broke it off."""
        answered = [turn for turn in self._turns if turn.reply == reply]
        gone = answered[:1] if interrupted else answered
        for turn in answered:
            turn.reply = None
        self._turns = [turn for turn in self._turns if turn not in gone]

    def answer_goes_on(self) -> None:
        """The replies so far were not yet the answer: a tool is asked first."""
        for turn in self._turns:
            turn.reply = None

    @property
    def answers(self) -> list[str]:
        """The replies that have begun to answer what is kept, in order."""
        return list(dict.fromkeys(turn.reply for turn in self._turns if turn.reply is not None))

    def was_no_answer(self, reply: str) -> None:
        """A reply broke off before it said anything: what it was to answer waits again."""
        for turn in self._turns:
            if turn.reply == reply:
                turn.reply = None

    def is_answered_by(self, number: int, reply: str) -> None:
        """A turn closed without being ended towards the provider, who answers it; a new link has it ended."""
        for turn in self._turns:
            if turn.number == number and not turn.is_committed:
                turn.ending = [CommitInput(number)]
                turn.sent_ending = 1
                turn.sent_frames = len(turn.frames)
                turn.reply = reply

    # --- What is not kept any longer ---

    def forget_uncommitted(self, number: int) -> None:
        """A turn that closed without being ended towards the provider has its answer already."""
        self._turns = [turn for turn in self._turns if turn.number != number or turn.is_committed]

    def forget_committed(self) -> None:
        """Nobody will answer what was ended so far."""
        self._turns = [turn for turn in self._turns if not turn.is_committed]

    def forget_all(self) -> bool:
        """What was kept is too old to be sent; say whether any of it still waited."""
        had_some = any(turn.reply is None for turn in self._turns)
        self._turns = []
        return had_some

    def take_given_up_ms(self) -> float:
        """How much sound was lost for good since the last call, for want of room."""
        given_up, self._given_up_ms = self._given_up_ms, 0.0
        return given_up

    def _turn(self, number: int) -> _Turn:
        for turn in reversed(self._turns):
            if turn.number == number:
                return turn
        self._turns.append(_Turn(number))
        return self._turns[-1]

    def _sound_of(self, turn: _Turn, longest_ms: int, whole_only: bool) -> list[WireCommand]:
        groups: list[list[AudioFrame]] = []
        for frame in turn.frames[turn.sent_frames :]:
            if groups and sum(one.ms for one in groups[-1]) + frame.ms <= longest_ms:
                groups[-1].append(frame)
            else:
                groups.append([frame])
        turn.sent_frames = len(turn.frames)
        if whole_only and groups and sum(one.ms for one in groups[-1]) < longest_ms:
            turn.sent_frames -= len(groups.pop())
        return [AppendInput(turn.number, joined(group), turn.by_key) for group in groups]

    def _give_up(self) -> None:
        """Make room: whole turns first, then the beginning of the only one.

        What the present link has is not lost before that link is.
        """
        while self.ms > self._limit_ms:
            sounding = [turn for turn in self._turns if turn.frames]
            turn = sounding[0]
            count = len(turn.frames) if len(sounding) > 1 else 1
            sent, unsent = turn.frames[: min(count, turn.sent_frames)], turn.frames[turn.sent_frames : count]
            turn.given_up_ms += sum(frame.ms for frame in sent)
            self._given_up_ms += sum(frame.ms for frame in unsent)
            turn.ms -= sum(frame.ms for frame in turn.frames[:count])
            turn.sent_frames -= len(sent)
            del turn.frames[:count]
            if turn.is_committed and not turn.frames and not turn.sent_ending:
                self._turns.remove(turn)


def joined(frames: list[AudioFrame]) -> AudioFrame:
    """Make one frame of several that follow on each other."""
    if len(frames) == 1:
        return frames[0]
    return AudioFrame(b"".join(frame.pcm for frame in frames), frames[0].rate, frames[0].first_sample)


def split(frame: AudioFrame, longest_ms: int) -> list[AudioFrame]:
    """Cut a frame into parts of at most *longest_ms*."""
    step = frame.rate * longest_ms // 1000
    if frame.samples <= step:
        return [frame]
    return [
        AudioFrame(
            frame.pcm[start * SAMPLE_BYTES : (start + step) * SAMPLE_BYTES],
            frame.rate,
            frame.first_sample + start,
        )
        for start in range(0, frame.samples, step)
    ]
