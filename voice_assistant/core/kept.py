"""Kept sound: what the user said, or typed, and the provider has not yet shown to have.

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


@dataclass(slots=True)
class _Turn:
    """One turn's sound, and how far it went out on the present link."""

    number: int
    frames: list[AudioFrame] = field(default_factory=list)
    ms: float = 0.0
    sent_frames: int = 0
    ending: list[WireCommand] = field(default_factory=list)
    sent_ending: int = 0

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
        return any(turn.is_committed for turn in self._turns)

    @property
    def first_turn(self) -> int | None:
        """The oldest spoken turn that is kept."""
        return next((turn.number for turn in self._turns if turn.number != TYPED), None)

    def take(self, command: AppendInput | CommitInput | SendText | RequestReply) -> None:
        """Keep what is meant for the provider: sound of a turn, or what ends it."""
        match command:
            case AppendInput(turn=number, frame=frame):
                turn = self._turn(number)
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

        Args:
            longest_ms: The longest append; at least ``UNIT_MS``.
            whole_only: Hold back an append that is shorter, as long as its turn goes on.
        """
        going: list[WireCommand] = []
        for turn in self._turns:
            going += self._sound_of(turn, longest_ms, whole_only and not turn.is_committed)
            going += turn.ending[turn.sent_ending :]
            turn.sent_ending = len(turn.ending)
        return going

    def start_over(self) -> None:
        """A new link has none of it."""
        for turn in self._turns:
            turn.sent_frames = turn.sent_ending = 0

    def answered(self) -> None:
        """The provider answers: it has every turn that was ended."""
        self._turns = [turn for turn in self._turns if not turn.is_committed or not turn.sent_ending]

    def forget_uncommitted(self, number: int) -> None:
        """A turn that closed without being ended towards the provider has its answer already."""
        self._turns = [turn for turn in self._turns if turn.number != number or turn.is_committed]

    def forget_all(self) -> None:
        """What was kept is too old to be sent."""
        self._turns = []

    def take_given_up_ms(self) -> float:
        """How much sound was given up since the last call, for want of room."""
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
        return [AppendInput(turn.number, joined(group)) for group in groups]

    def _give_up(self) -> None:
        """Make room: whole turns first, then the beginning of the only one."""
        while self.ms > self._limit_ms:
            turn = self._turns[0]
            if len(self._turns) > 1:
                self._given_up_ms += turn.ms
                del self._turns[0]
            else:
                frame = turn.frames.pop(0)
                turn.ms -= frame.ms
                turn.sent_frames = max(turn.sent_frames - 1, 0)
                self._given_up_ms += frame.ms


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
