"""The wake word: asleep until it is heard, awake for a turn and those that follow, then asleep again.

While asleep no voice opens a turn, so nothing leaves this machine; the talk key works all the same, and wakes
it too. Once the word was heard the gate takes turns as it does hands-free, and what was kept from before
reaches back to the end of the word: a question in the same breath is whole. Somebody who has been answered
may go on without the word for a while. What knows the word is handed in (``opinions/``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import Event, FellAsleep, WakeWordHeard, WokenByKey
from voice_assistant.core.settings import SettingError, check_range

ANSWER_S = 20.0
"""After a turn it stays awake this much longer, since the answer may take its time."""

WORD_END_S = 0.3
"""The word is recognised before its last vowel has died away, and that vowel is no turn. Measured with 23
synthetic voices, in nine kinds of room, loudness, pitch and pace: clear speech went on for up to 0.08 s, and
2 of 156 words opened a turn of their own. The fusion tells of it 0.08 s later: 0.16 s are too short where a
word is recognised 0.14 s before its end. The sound of a question in the same breath is kept meanwhile."""


@dataclass(frozen=True, slots=True)
class WakeSettings:
    """What wakes it, and for how long. Table ``[wake]``."""

    word: str = "okay nabu"
    """what to say first, with mode = "wake-word"; others: "hey jarvis", "hey mycroft", "alexa\""""
    follow_up_s: float = 8.0
    """how long you may go on without the word, after it and after a reply; 2 to 120"""
    threshold: float = 0.0
    """how sure it must be that it was the word; 0 to 0.99. 0 is as the word's makers advise, 0.85 to 0.97.
    Lower it where you are not heard. Measured with 23 synthetic voices: "hey jarvis" is heard 8 times with
    0.97 and 15 times with 0.5, "okay nabu" 19 times with 0.85 and 20 with 0.5; in 16 minutes of other speech,
    music and noise neither woke it with either, and "okay nabu" was mistaken in sentences that begin like it
    ("okay now who", "okay Anna"), 8 in 120 with 0.85 and 30 with 0.5."""

    def __post_init__(self) -> None:
        check_range(self, "follow_up_s", 2, 120)
        check_range(self, "threshold", 0, 0.99)
        if not self.word.strip():
            raise SettingError("word", self.word, "a wake word")


class WakeModel(Protocol):
    """A model that knows one word."""

    def hear(self, samples: NDArray[np.int16]) -> bool:
        """Take the next 20 ms at 16 kHz; was the word said until now?"""
        ...


class Wake:
    """Asleep or awake.

    Args:
        settings: The word, and how long it stays awake.
        model: Knows the word.
    """

    def __init__(self, settings: WakeSettings, model: WakeModel) -> None:
        self._settings = settings
        self._model = model
        self._left_s = 0.0
        self._word_left_s = 0.0
        self._has_told = False

    @property
    def in_word(self) -> bool:
        """May the end of the word still be heard in the newest frame?"""
        return self._word_left_s > 0

    @property
    def is_awake(self) -> bool:
        """May a voice open a turn?"""
        return self._left_s > 0

    def sleep(self) -> None:
        """Be asleep from the next frame on, and tell it then."""
        self._left_s = 0.0
        self._has_told = False

    def hear(self, at: float, frame: AudioFrame, *, far_active: bool, in_turn: bool) -> list[Event]:
        """Take the next frame; tell where it wakes or falls asleep.

        Args:
            at: When it was captured.
            frame: 20 ms at 16 kHz, without echo.
            far_active: A reply is heard.
            in_turn: The user has the floor.
        """
        was_awake = self.is_awake
        self._word_left_s = max(0.0, self._word_left_s - frame.ms / 1000)
        if self._model.hear(np.frombuffer(frame.pcm, np.int16)):
            self._left_s = max(self._left_s, self._settings.follow_up_s)
            if not was_awake:
                self._has_told = False
                self._word_left_s = WORD_END_S
                return [WakeWordHeard(at, self._settings.word)]
        if was_awake or in_turn:
            self._stay(frame.ms / 1000, far_active=far_active, in_turn=in_turn)
        if self.is_awake and not was_awake:
            self._has_told = False
            return [WokenByKey(at)]
        if self.is_awake or self._has_told:
            return []
        self._has_told = True
        return [FellAsleep(at, self._settings.word)]

    def _stay(self, seconds: float, *, far_active: bool, in_turn: bool) -> None:
        if in_turn:
            self._left_s = self._settings.follow_up_s + ANSWER_S
        elif far_active:
            self._left_s = self._settings.follow_up_s
        else:
            self._left_s = max(0.0, self._left_s - seconds)
