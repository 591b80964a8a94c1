"""Every skill of the offline assistant asked by voice, in one conversation through the whole program.

A synthetic voice speaks into the virtual microphone; what is held against the answers is the program's own
account of the conversation. Nothing is asked twice, so each question is one that is understood however it
comes in: cut, shifted, quiet or noisy, as ``python -m benchmarks.perturbed`` measures. Recognition has tests
of its own.
"""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.conftest import Stage
from tests.support.offline_client import question
from tests.support.spoken import sentence
from tests.support.terminal_program import PipedProgram

pytestmark = pytest.mark.sound

PATIENCE_S = 30.0

SKILLS = {
    "set_a_timer_for_three_seconds": r"Your timer is set for 3 seconds\.",
    "what_time_is_it": r"It is \d{1,2}(:\d\d)? [AP]M\.",
    "what_is_the_date_please": r"Today is \w+day, \w+ \d+, \d{4}\.",
    "what_is_seventeen_times_twenty_three": r"That is 391\.",
    "how_many_kilometers_is_ten_miles": r"10 miles are about 16\.093 kilometers\.",
    "i_want_you_to_flip_a_coin_please": r"It is (heads|tails)\.",
    "please_roll_two_dice_for_me": r"You rolled \d and \d, together \d+\.",
    "please_repeat_after_me_good_evening_my_f": r"good evening,? my friends\.",
    "what_can_you_do": r"I can tell the time",
}
BEYOND = r"I heard: .*\w"


@dataclass(slots=True)
class Talk:
    """A conversation as a person has it: says something, and waits for the beginning of the answer."""

    stage: Stage
    program: PipedProgram

    def told(self) -> list[dict[str, Any]]:
        """All that the program has told so far; a line that is still being written comes later."""
        return [json.loads(line) for line in self.program.out.splitlines(keepends=True) if line[-1] == "\n"]

    def answer_to(self, sound: bytes, whole: str = r"\w{2}.*[.?!]") -> str:
        """Say something when it is one's turn; give what was answered as soon as *whole* is in it."""
        self.program.until(self.is_silent, within_s=PATIENCE_S)
        before = len(self.told())
        self.stage.say(np.frombuffer(sound, "<i2"))

        def said() -> str:
            parts = [one["words"] for one in self.told()[before:] if one["type"] == "assistant_words"]
            return "".join(parts).strip()

        self.program.until(lambda: bool(re.search(whole, said())), within_s=PATIENCE_S)
        return said()

    def is_silent(self) -> bool:
        """Is it the person's turn?"""
        floors = [one["floor"] for one in self.told() if one["type"] == "state"]
        return bool(floors) and floors[-1] == "listening"


def test_every_skill_is_asked_by_voice_in_one_conversation(stage: Stage) -> None:
    env = stage.env(LITELLM_API_KEY="")
    with PipedProgram(["talk", "--provider", "offline", "--json"], env, stage.home) as program:
        talk = Talk(stage, program)
        answers = {name: talk.answer_to(question(name)) for name in SKILLS}
        program.until("Timer: 3 s are over.")
        beyond = talk.answer_to(sentence().tobytes(), "beyond my skills")
        program.send_signal(signal.SIGINT)
        assert program.wait() == 0

    assert not {name: answer for name, answer in answers.items() if not re.match(SKILLS[name], answer)}
    # What no skill is meant by triggers none.
    assert re.match(BEYOND, beyond), beyond
