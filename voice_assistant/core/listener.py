"""The listener: from captured sound to turns.

Each ``Captured`` goes through the canceller, the detector and the gate, and comes out as turn events and one
``Level``. The keys that steer listening (talk, mode, mute) are handled here too, so that one object knows
whether the microphone is live. What a turn does to a reply is the conversation's to decide.
"""

from __future__ import annotations

from dataclasses import replace

from voice_assistant.core.audio import SAMPLE_BYTES, SILENCE_DBFS, AudioFrame, level_dbfs
from voice_assistant.core.echo import Cleaned, EchoCanceller, EchoSettings
from voice_assistant.core.events import (
    Captured,
    CloseReason,
    DeviceLost,
    DeviceOpened,
    Event,
    Level,
    LoudspeakerCaptured,
    Mode,
    ModeChanged,
    MuteChanged,
    Pressed,
    Released,
    SpokeWhileMuted,
)
from voice_assistant.core.evidence import FAINTEST_SCORE
from voice_assistant.core.hindsight import Hindsight
from voice_assistant.core.monitor import MonitorWatch
from voice_assistant.core.muted import MutedWatch
from voice_assistant.core.neural import VoiceModel
from voice_assistant.core.speech import NOBODY, SpeechDetector, SpeechSettings
from voice_assistant.core.turns import Heard, TurnGate, TurnSettings
from voice_assistant.core.voicing import Voicing
from voice_assistant.core.wake import Wake


class Listener:
    """Canceller, detector and gate in a row; it holds the mode and the mute switch."""

    def __init__(
        self,
        turns: TurnSettings | None = None,
        speech: SpeechSettings | None = None,
        echo: EchoSettings | None = None,
        model: VoiceModel | None = None,
        wake: Wake | None = None,
    ) -> None:
        self._canceller = EchoCanceller(echo)
        self._is_half_duplex = (echo or EchoSettings()).possible_mode == "half-duplex"
        self._detector = SpeechDetector(speech, model)
        self._gate = TurnGate(turns)
        self._wake = wake
        if self.mode == "wake-word" and wake is None:
            raise ValueError("nothing is here that knows a wake word")
        self._voicing = Voicing()
        self._hindsight = Hindsight()
        self._monitor = MonitorWatch()
        self._muted = False
        self._muted_watch = MutedWatch()
        self._live_from: int | None = 0

    @property
    def mode(self) -> Mode:
        """Who opens a turn."""
        return self._gate.mode

    @property
    def muted(self) -> bool:
        """Is the microphone ignored?"""
        return self._muted

    def judge(self, event: Event) -> list[Event]:
        """Say what *event* means to the listener.

        ``Captured`` becomes what the gate makes of it and one ``Level``, and is not repeated. A press or
        release gives itself first, then what follows from it. Everything else passes.

        Raises:
            ValueError: Captured sound of another rate or length than 20 ms, or that goes back in time.
        """
        match event:
            case Captured(at=at, near=near, far=far):
                copied = [LoudspeakerCaptured(at)] if self._monitor.follow(near, far) else []
                return [*self._hear(event), *copied]
            case Pressed(at, "talk"):
                return [event, *([] if self._muted else self._gate.press(at))]
            case Released(_, "talk", tap):
                self._gate.release(tap=tap)
                return [event]
            case Pressed(at, "mode"):
                mode = self._next_mode()
                if self._wake:
                    self._wake.sleep()
                    self._gate.wake()
                return [event, *self._gate.change_mode(mode, at), ModeChanged(at, mode)]
            case Pressed(at, "mute"):
                self._muted = not self._muted
                self._muted_watch.begin()
                self._live_from = None
                return [event, *self._gate.forget("mute", at), MuteChanged(at, self._muted)]
            case DeviceOpened(_, "capture"):
                self._monitor.begin()
                return [event]
            case DeviceLost(at, "capture"):
                # What was said until then is a turn; what comes after the gap is never joined to it.
                return [event, *self._gate.break_off(at)]
            case _:
                return [event]

    def _next_mode(self) -> Mode:
        modes: list[Mode] = ["hands-free", "push-to-talk"]
        if self._wake:
            modes.append("wake-word")
        return modes[(modes.index(self.mode) + 1) % len(modes)]

    def close(self, reason: CloseReason, at: float) -> list[Event]:
        """End the open turn from outside; nothing happens where none is open."""
        return self._gate.close(reason, at)

    def _hear(self, event: Captured) -> list[Event]:
        cleaned = self._canceller.clean(event.near, event.far)
        if cleaned.begins:
            self._detector.begin()
            self._hindsight.forget()
        if self._live_from is None:
            self._hindsight.forget()
            if not self._muted:
                # This frame was begun while muted, and the canceller still holds its end back.
                self._live_from = event.near.end_sample
            level = Level(event.at, SILENCE_DBFS, SILENCE_DBFS, False, cleaned.removed_db)
            # Time goes by for who is muted too, and what is said before and after is not joined.
            unheard = replace(cleaned.frame, pcm=bytes(len(cleaned.frame.pcm)))
            woken = self._sleep_or_wake(event.at, replace(cleaned, frame=unheard))
            return [*woken, level, *self._hint(event.at, cleaned)]
        opinion = self._detector.judge(cleaned.frame, far_active=cleaned.far_active)
        woken = self._sleep_or_wake(event.at, cleaned)
        if (self._is_half_duplex and cleaned.rings) or self._is_word():
            opinion = replace(opinion, is_speech=False, is_clear=False, score=NOBODY)
            self._detector.forget()
        heard = Heard(
            since(cleaned.voice, self._live_from),
            is_speech=opinion.is_speech,
            is_clear=opinion.is_clear,
            far_active=cleaned.far_active,
            echo=cleaned.echo,
            tail=cleaned.tail,
            score=opinion.score,
            settling=cleaned.settling,
            weight=self._weigh(cleaned, opinion.score),
            is_sure=opinion.is_sure,
            begins=cleaned.begins,
            silence=opinion.silence,
        )
        level = Level(
            event.at,
            level_dbfs(event.near.pcm),
            opinion.floor_dbfs,
            opinion.is_speech,
            cleaned.removed_db,
        )
        made = self._gate.hear(event.at, heard)
        reviewed = self._hindsight.follow(event, heard, made, self._canceller.delay_frames)
        return [*woken, *made, *reviewed, level]

    def _sleep_or_wake(self, at: float, cleaned: Cleaned) -> list[Event]:
        if self._wake is None or self.mode != "wake-word":
            return []
        changed = self._wake.hear(
            at, cleaned.frame, far_active=cleaned.far_active, in_turn=self._gate.is_open
        )
        if not changed:
            return []
        if self._wake.is_awake:
            self._gate.wake()
            return changed
        return [*self._gate.sleep(at), *changed]

    def _is_word(self) -> bool:
        """May this frame be the end of the wake word, which opens no turn?"""
        return self._wake is not None and self._wake.in_word and not self._gate.is_open

    def _weigh(self, cleaned: Cleaned, score: float) -> float:
        """Weigh what may be an interruption; into the silence everything that is speech counts."""
        if cleaned.far_active and (self._gate.is_open or score > FAINTEST_SCORE):
            return self._voicing.weigh(cleaned.frame)
        self._voicing.pass_by(cleaned.frame)
        return 1.0

    def _hint(self, at: float, cleaned: Cleaned) -> list[Event]:
        """Ask the detector whether somebody speaks who cannot be heard; its opinion is all that is left."""
        opinion = self._detector.judge(cleaned.frame)
        is_speech = self._muted and opinion.is_clear and not cleaned.far_active
        return [SpokeWhileMuted(at)] if self._muted_watch.hear(is_speech=is_speech) else []


def since(frame: AudioFrame, sample: int) -> AudioFrame:
    """The part of *frame* from index *sample* on; the frame itself where it begins later."""
    skipped = sample - frame.first_sample
    if skipped <= 0:
        return frame
    return AudioFrame(frame.pcm[skipped * SAMPLE_BYTES :], frame.rate, sample)
