"""The gate: when the user has the floor.

It takes the microphone frame by frame with the detector's opinion, and the talk key, and says when a turn is
suspected, opens and closes. A turn is one unbroken stretch of the microphone, and no two turns share a
sample: what was sent leaves the pre-roll. Opening by voice takes a share of speech in the last frames; a key
opens and closes at once and overrules the detector while it is held. What speech is, is ``speech.py``'s; what
a suspicion does to the loudspeaker is ``floor.py``'s.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    CloseReason,
    Event,
    Mode,
    OpenedBy,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnSuspected,
    TurnWithdrawn,
)
from voice_assistant.core.evidence import LONGEST_ONSET_MS, Evidence
from voice_assistant.core.pauses import Pauses
from voice_assistant.core.settings import check_choice, check_range

FRAME_MS = 20
"""Milliseconds between two opinions of the detector."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When a turn opens and closes. Table ``[turns]``."""

    mode: Mode = "hands-free"
    """"hands-free": your voice opens your turn; "push-to-talk": the talk key does; "wake-word": your
    voice, once a word was said"""
    onset_ms: int = 60
    """clear speech that opens a turn, within a stretch a third longer; 40 to 1000"""
    barge_in_ms: int = 60
    """speech that opens a turn while a reply is playing and no echo of it is heard; 40 to 1000"""
    barge_in_echo_ms: int = 60
    """the same while the microphone hears the reply; 40 to 1000. Faint speech takes longer"""
    pre_roll_ms: int = 1500
    """kept from before the turn opened, so that no first syllable is lost; 300 to 2000"""
    hangover_ms: int = 740
    """silence that ends your turn; 200 to 3000. Longer lets you think aloud"""
    hangover_min_ms: int = 600
    """if your own pauses are short it becomes shorter, down to this; 200 to 3000"""
    hangover_max_ms: int = 1100
    """if your own pauses are long it becomes longer, up to this; 200 to 3000"""
    tail_ms: int = 200
    """still heard after the talk key came up; 0 to 2000"""
    longest_turn_s: float = 120.0
    """a turn is closed when it has lasted this long; 5 to 600"""

    def __post_init__(self) -> None:
        check_choice(self, "mode", ("hands-free", "push-to-talk", "wake-word"))
        check_range(self, "onset_ms", 40, 1000)
        check_range(self, "barge_in_ms", 40, 1000)
        check_range(self, "barge_in_echo_ms", 40, 1000)
        check_range(self, "pre_roll_ms", 300, 2000)
        check_range(self, "hangover_ms", 200, 3000)
        check_range(self, "hangover_min_ms", 200, 3000)
        check_range(self, "hangover_max_ms", 200, 3000)
        check_range(self, "tail_ms", 0, 2000)
        check_range(self, "longest_turn_s", 5, 600)


@dataclass(frozen=True, slots=True)
class Share:
    """So many frames of speech among the last so many."""

    needed: int
    among: int

    @classmethod
    def of(cls, speech_ms: float) -> Share:
        """That much speech within a stretch a third longer: 60 ms is 3 of 4 frames, 180 ms 9 of 12."""
        needed = math.ceil(speech_ms / FRAME_MS)
        return cls(needed, math.ceil(needed * 4 / 3))

    def met_by(self, opinions: deque[bool]) -> bool:
        """Is it reached by the newest of the *opinions*? The newest one stands last."""
        newest = list(opinions)[-self.among :]
        return sum(newest) >= self.needed


REPLY_PRE_ROLL_MS = 1000
"""No more than this is kept where a reply was playing in it: what is left of one is no word of the user's."""

SUSPICION = Share(3, 4)
"""What makes a suspicion. Measured in the closed loop: ducking at 3 of 4 and stopping at 9 of 12 was best."""

NOBODY_MS = 200
"""A turn that echo may have opened, and that ends with less speech than this, was nobody's."""

WAKE_KEPT_MS = 250
"""Kept of what was said before a wake word was recognised, which is at its end: no question in the same
breath begins sooner. The word itself is for us, and misleads whoever is to understand the question."""

DOUBTED_MS = 1000
"""Speech in a turn over echo that may be the reply's does not bring the turn's end nearer, up to here: the
echo of a reply that was paused is over by then, and one that plays on must not keep the turn open."""

WITHDRAWAL_FRAMES = 15
"""Frames (0.3 s) without speech after which a suspicion has passed."""


# Not frozen, as ``Opinion`` is not: it is made for every frame.
@dataclass(slots=True)
class Heard:
    """One frame for the gate.

    Args:
        voice: 16 kHz, following on the frame before; about 20 ms.
        is_speech: The detector's opinion: this keeps a turn open, and takes the floor from a reply.
        is_clear: Its opinion, sure enough to open a turn into the silence, where nobody asks again.
        far_active: A reply is playing.
        echo: The microphone hears it.
        tail: What it hears of it may be in this very frame.
        score: The detector's log-odds that it is speech.
        settling: The canceller does not know the room yet.
        is_sure: Its opinion, sure enough that the speaker goes on after a pause.
        weight: How much it counts as words that interrupt, 0 to 1.
        begins: *voice* does not follow on the frame before: nothing is carried over the gap.
        silence: How much it counts as silence if it is no speech: less where that is in doubt.
    """

    voice: AudioFrame
    is_speech: bool
    is_clear: bool
    far_active: bool = False
    echo: bool = False
    tail: bool = False
    score: float = 0.0
    settling: bool = False
    is_sure: bool = True
    weight: float = 1.0
    begins: bool = False
    silence: float = 1.0


_KeyState = Literal["up", "down", "latched", "released"]
"""The talk key: not in play; held; held on by a tap until the next press; let go, with the tail running."""


@dataclass(slots=True)
class _Turn:
    """The open turn, in samples; *over_echo*: the microphone heard a reply when it opened; *tail*: since the
    key came up; *doubted*: speech that may have been the reply's, of which *counted_ms* counted as words."""

    samples: int
    over_echo: bool = False
    tail: int = 0
    doubted: int = 0
    counted_ms: float = 0.0

    def allow(self, weight: float) -> float:
        """How much counts of a frame that may be the echo: as if it had been heard before the pause."""
        allowed = max(0.0, min(weight, (LONGEST_ONSET_MS - self.counted_ms) / FRAME_MS))
        self.counted_ms += allowed * FRAME_MS
        return allowed


class TurnGate:
    """Opens and closes turns; one is open at most."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self._mode: Mode = self._settings.mode
        self._turns = 0
        self._turn: _Turn | None = None
        self._key: _KeyState = "up"
        self._kept: deque[AudioFrame] = deque()
        self._replied_until = 0
        self._onset = Share.of(self._settings.onset_ms)
        self._barge_in = Share.of(self._settings.barge_in_ms)
        longest = max(self._onset.among, self._barge_in.among)
        self._opinions: deque[bool] = deque(maxlen=longest)
        self._clear: deque[bool] = deque(maxlen=longest)
        self._weights: deque[float] = deque(maxlen=longest)
        self._evidence = Evidence()
        self._pauses = Pauses(
            self._settings.hangover_ms,
            min(self._settings.hangover_min_ms, self._settings.hangover_ms),
            max(self._settings.hangover_max_ms, self._settings.hangover_ms),
        )
        self._quiet_frames = 0
        self._suspected = False
        self._is_asleep = False

    @property
    def mode(self) -> Mode:
        """Who opens a turn."""
        return self._mode

    @property
    def is_open(self) -> bool:
        """Is there a turn?"""
        return self._turn is not None

    def hear(self, at: float, heard: Heard) -> list[Event]:
        """Take the next frame of the microphone."""
        events = self.break_off(at) if heard.begins else []
        if self._turn is None:
            self._keep(heard.voice, far_active=heard.far_active)
            self._pauses.wait(heard.voice.samples, far_active=heard.far_active)
            return events + self._consider(at, heard)
        # What opened a turn over echo may be the echo itself, and shall not confirm it.
        is_doubtful = heard.is_speech and self._turn.over_echo and heard.tail
        is_speech = heard.is_speech and not is_doubtful
        self._turn.samples += heard.voice.samples
        self._turn.tail += heard.voice.samples if self._key == "released" else 0
        silence = heard.silence
        if is_doubtful and self._turn.doubted < DOUBTED_MS * NEAR_RATE // 1000:
            # It may as well be the user, and is no silence either.
            self._turn.doubted += heard.voice.samples
            silence = 0.0
        self._pauses.hear(heard.voice.samples, is_speech=is_speech, is_sure=heard.is_sure, silence=silence)
        weight = self._turn.allow(heard.weight) if is_doubtful else heard.weight
        is_counted = is_speech or (is_doubtful and weight > 0)
        events.append(TurnAudio(at, self._turns, heard.voice, is_counted, weight))
        reason = self._reason_to_close(self._turn)
        return events + self.close(reason, at) if reason else events

    def press(self, at: float) -> list[Event]:
        """The talk key went down: open a turn, or end the one that a tap holds open."""
        if self._key == "latched":
            self._key = "released" if self._turn else "up"
            return []
        self._key = "down"
        if self._turn is not None:
            self._turn.tail = 0
            return []
        # With nothing kept the next frame opens the turn: only it knows where the turn begins.
        return self._open(at, "key", speech_ms=0.0) if self._kept else []

    def release(self, *, tap: bool) -> None:
        """The talk key came up: a tap holds the turn open, anything else ends it after the tail."""
        if self._key == "down":
            self._key = "latched" if tap else "released" if self._turn else "up"

    def close(self, reason: CloseReason, at: float) -> list[Event]:
        """End the open turn, and with it the key's say; nothing happens where none is open."""
        self._key = "up"
        if self._turn is None:
            return []
        if self._turn.over_echo and self._pauses.spoken_ms < NOBODY_MS and reason == "silence":
            self._evidence.was_wrong()
        # Over a reply it may have been nobody, and a key knows no pauses.
        self._pauses.end(by_silence=reason == "silence" and not self._turn.over_echo)
        self._turn = None
        return [TurnClosed(at, self._turns, reason)]

    def forget(self, reason: CloseReason, at: float) -> list[Event]:
        """End the open turn; give up the suspicion and everything that is kept."""
        events = self.close(reason, at) + self._withdraw(at)
        self._kept.clear()
        self._opinions.clear()
        self._clear.clear()
        self._weights.clear()
        self._evidence.clear()
        return events

    def sleep(self, at: float) -> list[Event]:
        """Let no voice open a turn from now on; a key still does."""
        self._is_asleep = True
        return self._withdraw(at)

    def wake(self) -> None:
        """Let a voice open a turn again. What it said until now was the wake word."""
        self._is_asleep = False
        self._forget_before(WAKE_KEPT_MS)
        self._opinions.clear()
        self._clear.clear()
        self._evidence.clear()

    def change_mode(self, mode: Mode, at: float) -> list[Event]:
        """Let another one open the turns from now on."""
        self._mode = mode
        return self.forget("mode", at)

    def break_off(self, at: float) -> list[Event]:
        """A gap in the microphone: its two sides are never joined. A key that is held opens a turn anew."""
        key = self._key
        events = self.forget("silence", at)
        if key in ("down", "latched"):
            self._key = key
        return events

    def _consider(self, at: float, heard: Heard) -> list[Event]:
        """No turn is open: is this the beginning of one?"""
        if self._key in ("down", "latched"):
            return self._open(at, "key", speech_ms=0.0)
        if self._mode == "push-to-talk" or self._is_asleep:
            return []
        self._opinions.append(heard.is_speech)
        self._weights.append(heard.weight if heard.is_speech else 0.0)
        self._clear.append(heard.is_clear)
        self._quiet_frames = 0 if heard.is_speech else self._quiet_frames + 1
        if heard.echo:
            self._evidence.take(heard.score, settling=heard.settling, weight=heard.weight)
        else:
            self._evidence.clear()
        events: list[Event] = []
        # Under echo there is no suspicion: what is enough for one is, two frames later, enough to pause the
        # reply, and three times as often it is nothing but a trick of the room.
        if not (self._suspected or heard.echo) and SUSPICION.met_by(self._opinions):
            self._suspected = True
            events.append(TurnSuspected(at))
        if self._is_onset(heard):
            speech_ms = sum(self._weights) * FRAME_MS
            if heard.echo:
                speech_ms = max(speech_ms, self._evidence.speech_ms)
            return events + self._open(at, "voice", speech_ms, over_echo=heard.echo)
        if self._quiet_frames >= WITHDRAWAL_FRAMES:
            events += self._withdraw(at)
        return events

    def _is_onset(self, heard: Heard) -> bool:
        # Behind the echo of a reply, as long as it may yet come, nobody is hidden by it, and music is heard.
        if not heard.far_active or (heard.echo and not heard.tail):
            return self._onset.met_by(self._clear)
        if heard.echo:
            return self._evidence.ms >= self._settings.barge_in_echo_ms
        return self._barge_in.met_by(self._opinions)

    def _open(self, at: float, by: OpenedBy, speech_ms: float, *, over_echo: bool = False) -> list[Event]:
        pcm = b"".join(frame.pcm for frame in self._kept)
        pre_roll = AudioFrame(pcm, NEAR_RATE, self._kept[0].first_sample)
        self._kept.clear()
        self._opinions.clear()
        self._clear.clear()
        self._weights.clear()
        self._evidence.clear()
        self._suspected = False
        self._turns += 1
        self._turn = _Turn(pre_roll.samples, over_echo=over_echo, counted_ms=speech_ms)
        self._pauses.begin(speech_ms if by == "voice" else None)
        return [TurnOpened(at, self._turns, pre_roll, by, speech_ms, over_echo)]

    def _reason_to_close(self, turn: _Turn) -> CloseReason | None:
        if turn.samples >= self._settings.longest_turn_s * NEAR_RATE:
            return "longest"
        if self._key == "released":
            return "key" if turn.tail * 1000 >= self._settings.tail_ms * NEAR_RATE else None
        if self._key in ("down", "latched"):
            return None
        return "silence" if self._pauses.is_over else None

    def _keep(self, frame: AudioFrame, *, far_active: bool) -> None:
        self._kept.append(frame)
        if far_active:
            self._replied_until = frame.end_sample
        self._forget_before(self._settings.pre_roll_ms)
        if self._kept[0].first_sample < self._replied_until:
            self._forget_before(min(REPLY_PRE_ROLL_MS, self._settings.pre_roll_ms))

    def _forget_before(self, ms: int) -> None:
        limit = ms * NEAR_RATE // 1000
        while len(self._kept) > 1 and self._kept[-1].end_sample - self._kept[0].first_sample > limit:
            self._kept.popleft()

    def _withdraw(self, at: float) -> list[Event]:
        if not self._suspected:
            return []
        self._suspected = False
        return [TurnWithdrawn(at)]
