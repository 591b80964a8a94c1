"""All skills behind one question: what do these words ask for?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from voice_assistant.offline.skills import arithmetic, measures, smalltalk, timers
from voice_assistant.offline.skills.outcome import Outcome, Say
from voice_assistant.offline.skills.wording import plain

LONGEST_REQUEST_WORDS = 20
"""More words than this are a story, not a request; only "repeat after me" takes any number."""

_CALLED = re.compile(r"\s*(?:ok|okay|hey|alexa)\b", re.IGNORECASE)
_LONGEST_NAME = 2
"""Words that a name is heard as: "nabu" became "not do", "nah boo", "in boo"."""

_FEWEST_BEHIND = 2
"""Words behind a name that make a request."""


def is_only_called(heard: str) -> bool:
    """Is this a wake word and nothing else? Said into a reply it is a turn like any other."""
    return bool(_CALLED.match(heard)) and 1 < len(heard.split()) <= 1 + _LONGEST_NAME


@dataclass(frozen=True, slots=True)
class Skills:
    """The skills, with what they need of the world.

    Args:
        now: The person's local time.
        dice: Where chance comes from.
    """

    now: Callable[[], datetime]
    dice: Random

    def can_answer(self, heard: str) -> bool:
        """Say whether an utterance is a whole request that may be answered before it is surely over.

        What goes on by its nature is none: a greeting, "repeat after me". Nor is what cannot be taken back:
        a timer that was set has been set, and "and thirty seconds" would set another.
        """
        text = plain(heard)
        if smalltalk.repeated(heard) or smalltalk.is_opening(text) or timers.answer(text):
            return False
        return isinstance(replace(self, dice=Random(0)).answer(heard), Say)

    def answer(self, heard: str) -> Outcome | None:
        """Answer an utterance; None where no skill is asked for.

        Args:
            heard: The words as a recogniser or a keyboard wrote them.
        """
        if said := smalltalk.repeated(heard):
            return said
        text = plain(heard)
        if not text or len(text.split()) > LONGEST_REQUEST_WORDS:
            return None
        outcome = self._find(text)
        # Whoever is used to a wake word says it also where none is needed: "okay nabu, what time is it".
        words = text.split() if _CALLED.match(heard) else []
        for name_words in range(1, min(_LONGEST_NAME, len(words) - _FEWEST_BEHIND) + 1):
            outcome = outcome or self._find(" ".join(words[name_words:]))
        return outcome

    def _find(self, text: str) -> Outcome | None:
        return (
            timers.answer(text)
            or measures.answer(text)
            or arithmetic.answer(text)
            or smalltalk.answer(text, self.now, self.dice)
        )
