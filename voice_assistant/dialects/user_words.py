"""The user's words, joined: of a turn all that was understood so far, from fragments as they come.

A provider may send words whenever it likes, even after its reply has begun, and in parts that each have an id
of their own. Which turn a part belongs to is for the dialect to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voice_assistant.core.events import Event, UserText

TURNS_REMEMBERED = 8
"""Words of older turns than these are not joined any more: nothing comes that late."""


@dataclass(slots=True)
class _Turn:
    between: str
    parts: dict[str, str] = field(default_factory=dict)
    is_final: bool = False

    @property
    def text(self) -> str:
        return self.between.join(self.parts.values()).strip()


class UserWords:
    """Joins what a provider understood, turn by turn.

    Args:
        between: What stands between two parts of a turn. Gemini's fragments carry their own spaces.
    """

    def __init__(self, between: str = "") -> None:
        self._between = between
        self._turns: dict[int, _Turn] = {}

    def hear(self, at: float, turn: int, part: str, text: str, *, is_whole: bool) -> list[Event]:
        """Take words of a turn.

        Args:
            at: Seconds of the session's clock.
            turn: Number of our turn.
            part: Id of the fragment; a new one follows on those before.
            text: The words.
            is_whole: They replace what came before of the same part; else they follow on it.
        """
        words = self._turns.setdefault(turn, _Turn(self._between))
        if len(self._turns) > TURNS_REMEMBERED:
            del self._turns[next(iter(self._turns))]
        words.parts[part] = text if is_whole else words.parts.get(part, "") + text
        return [UserText(at, turn, words.text, words.is_final)] if words.text else []

    def reopen(self, turn: int) -> None:
        """Expect more words of a turn: more of its sound was sent."""
        if turn in self._turns:
            self._turns[turn].is_final = False

    def end(self, at: float, last: int) -> list[Event]:
        """Say, once of each, that no more words come of turns up to *last*."""
        events: list[Event] = []
        for turn, words in self._turns.items():
            if turn <= last and not words.is_final and words.text:
                words.is_final = True
                events.append(UserText(at, turn, words.text, final=True))
        return events
