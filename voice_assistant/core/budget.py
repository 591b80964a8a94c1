"""The budget: how long a session may last, and what it may cost, before it ends with a word.

What a session costs is counted from the tokens that the provider reports and a table of prices. It is an
estimate: the bill is the provider's. What is sent again and again, the conversation so far, is counted each
time, as it is billed. Prices differ between models and change, so none are built in.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.events import Command, Event, Notify, ReplyDone, SessionOpened, Stop, Tick, Usage
from voice_assistant.core.settings import check_range
from voice_assistant.errors import ConfigError

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """When a session ends by itself. Table ``[limits]``."""

    max_minutes: float = 0.0
    """minutes after which the session ends; 0 to 1440, 0 never"""
    max_cost: float = 0.0
    """estimated cost that ends the session, in the currency of [prices]; 0 to 1000000, 0 never"""

    def __post_init__(self) -> None:
        check_range(self, "max_minutes", 0, 1440)
        check_range(self, "max_cost", 0, 1_000_000)


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """What a million tokens of your model cost, in any currency; 0 is not known. Table ``[prices]``."""

    text_in: float = 0.0
    """a million tokens of text sent, instructions and all; 0 to 1000000"""
    audio_in: float = 0.0
    """a million tokens of your voice; 0 to 1000000"""
    cached_in: float = 0.0
    """a million tokens sent that the provider had cached; 0 to 1000000, 0 as dear as any"""
    text_out: float = 0.0
    """a million tokens of text received; 0 to 1000000"""
    audio_out: float = 0.0
    """a million tokens of the assistant's voice; 0 to 1000000"""

    def __post_init__(self) -> None:
        for name in ("text_in", "audio_in", "cached_in", "text_out", "audio_out"):
            check_range(self, name, 0, 1_000_000)


def check_priced(limits: LimitSettings, prices: PriceSettings) -> None:
    """See that a limit on the cost can be kept.

    Raises:
        ConfigError: There is one, and nothing is known to cost anything.
    """
    if limits.max_cost and prices == PriceSettings():
        raise ConfigError(
            "a limit on the cost is set, and nothing under [prices] says what tokens cost",
            remedy="Put what a million tokens of your model cost under [prices]; its provider lists it.",
        )


class Budget:
    """Counts, and ends the session once a limit is reached."""

    def __init__(self, limits: LimitSettings | None = None, prices: PriceSettings | None = None) -> None:
        self._limits = limits or LimitSettings()
        self._prices = prices or PriceSettings()
        self._began_at: float | None = None
        self._is_over = False
        self.cost = 0.0
        """Estimated so far."""

    def deadline(self) -> float | None:
        """When the session's time is over, in seconds of its clock."""
        if self._began_at is None or self._is_over or not self._limits.max_minutes:
            return None
        return self._began_at + 60 * self._limits.max_minutes

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        match event:
            case SessionOpened(at=at) if self._began_at is None:
                self._began_at = at
            case ReplyDone(usage=Usage() as usage):
                self.cost += cost_of(usage, self._prices)
                most = self._limits.max_cost
                if most and self.cost >= most and not self._is_over:
                    return self._end(
                        f"This conversation has cost about {self.cost:.2f}, of {most:g} allowed."
                    )
            case Tick(at=at) if (due := self.deadline()) is not None and at >= due:
                return self._end(f"The {self._limits.max_minutes:g} minutes of this conversation are over.")
            case _:
                pass
        return []

    def _end(self, word: str) -> list[Command]:
        self._is_over = True
        return [Notify("info", word, "Start again to go on; the limits stand under [limits]."), Stop()]


def cost_of(usage: Usage, prices: PriceSettings) -> float:
    """What one answer costs, in the currency of the prices.

    Cached tokens are part of the input, and are not paid twice. Which of it they were is not told: the
    cheaper text is taken first, so that the estimate is rather too high. Where their price is not known they
    are as dear as any.
    """
    audio_in = min(usage.input_audio_tokens, usage.input_tokens)
    text_in = usage.input_tokens - audio_in
    cached = min(usage.cached_tokens, usage.input_tokens) if prices.cached_in else 0
    cached_text = min(cached, text_in)
    audio_out = min(usage.output_audio_tokens, usage.output_tokens)
    parts = (
        (text_in - cached_text) * prices.text_in,
        (audio_in - (cached - cached_text)) * prices.audio_in,
        cached * prices.cached_in,
        (usage.output_tokens - audio_out) * prices.text_out,
        audio_out * prices.audio_out,
    )
    return sum(parts) / MILLION
