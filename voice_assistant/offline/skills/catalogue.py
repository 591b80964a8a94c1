"""All skills behind one question: what do these words ask for?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from voice_assistant.offline.skills import arithmetic, measures, smalltalk, timers
from voice_assistant.offline.skills.outcome import Outcome, Say
from voice_assistant.offline.skills.wording import plain

LONGEST_REQUEST_WORDS = 20
"""More words than this are a story, not a request; only "repeat after me" takes any number."""


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
        return (
            timers.answer(text)
            or measures.answer(text)
            or arithmetic.answer(text)
            or smalltalk.answer(text, self.now, self.dice)
        )
