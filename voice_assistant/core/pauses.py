"""Pauses: when a silence ends a turn, and when the speaker only draws breath.

A turn ends after an unbroken silence, the hangover. Two things make it end in time. In a noise that now and
then passes for speech no silence would ever be unbroken; so a silence that has lasted a while is ended by a
surer voice only, as a person's is who goes on. And people differ in how long they pause: the hangover follows
the speaker, within limits. A pause that was taken for the end lengthens it in two turns, since being cut off
is worse than waiting; short pauses shorten it little by little. When a turn opens is ``turns.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.audio import NEAR_RATE

PAUSE_MS = 300.0
"""A silence this long is a pause: whoever goes on after it is heard clearly. Without that rule one end in
twenty took longer than 2.1 s, with it 1.6 (80 turns in noise), and no more turns were cut in a pause."""

MARGIN_MS = 150.0
"""The hangover is longer than the speaker's longest pause by this much: pauses vary, and speech fades out."""

RESUMED_MS = 1200.0
"""Somebody who speaks again this soon after the end of their turn, with no answer begun, was not through."""

ENOUGH_MS = 1500.0
"""Speech that a turn must hold for its pauses to say anything: "yes" has none."""

LENGTHENING = 0.5
"""Share of the way to a longer hangover that one turn goes."""

SHORTENING = 0.1
"""Share of the way to a shorter hangover that one turn goes: ten turns go two thirds of it."""


@dataclass(slots=True)
class Pauses:
    """The silence in the open turn, and the hangover that ends it; all times in milliseconds.

    Args:
        hangover_ms: Where it begins.
        least_ms: The speaker's pauses bring it no lower than this.
        most_ms: And no higher than this.
    """

    hangover_ms: float
    least_ms: float
    most_ms: float
    _silent: float = 0.0
    _spoken: float = 0.0
    _longest: float = 0.0
    _cut_after: float | None = None
    _since: float = 0.0

    @property
    def is_over(self) -> bool:
        """Has the silence lasted as long as the hangover?"""
        return self._silent >= self.hangover_ms

    @property
    def spoken_ms(self) -> float:
        """Speech in the open turn so far, its onset not counted."""
        return self._spoken

    def begin(self, onset_ms: float | None) -> None:
        """A turn opens, after *onset_ms* of speech or by a key; perhaps the turn before was not over."""
        is_resumed = self._cut_after is not None and onset_ms is not None
        self._longest = (self._cut_after or 0.0) + self._since - (onset_ms or 0.0) if is_resumed else 0.0
        self._cut_after = None
        self._silent = self._spoken = 0.0

    def hear(self, samples: int, *, is_speech: bool, is_sure: bool, silence: float = 1.0) -> None:
        """Take the next samples (16 kHz) of the open turn.

        Args:
            samples: How many.
            is_speech: More likely speech than not.
            is_sure: Sure enough to end a pause.
            silence: How much they count as silence where they end none: less where that is in doubt.
        """
        ms = samples * 1000 / NEAR_RATE
        if is_speech and (is_sure or self._silent < PAUSE_MS):
            self._longest = max(self._longest, self._silent)
            self._silent = 0.0
            self._spoken += ms
        else:
            self._silent += ms * silence

    def end(self, *, by_silence: bool) -> None:
        """The turn is over; its longest pause is learned, if it was the speaker's and they ended it."""
        if by_silence:
            if self._spoken >= ENOUGH_MS:
                self._learn(self._longest)
            self._cut_after, self._since = self._silent, 0.0
        self._silent = 0.0

    def wait(self, samples: int, *, far_active: bool) -> None:
        """Take the next samples (16 kHz) between two turns; an answer that begins shows that one was over."""
        self._since += samples * 1000 / NEAR_RATE
        if far_active or self._since > RESUMED_MS:
            self._cut_after = None

    def _learn(self, pause_ms: float) -> None:
        wanted = min(self.most_ms, max(self.least_ms, pause_ms + MARGIN_MS))
        share = LENGTHENING if wanted > self.hangover_ms else SHORTENING
        self.hangover_ms += share * (wanted - self.hangover_ms)
