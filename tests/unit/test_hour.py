"""An hour of conversation in a moment, cut every ten minutes without a warning.

Each link dies when it is 600 s old, whatever is under way. The user keeps referring to what was said before:
every new link must have been told all of it, and have got every word that was not answered yet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, pairwise

from tests.support.far_side import FarSide
from voice_assistant.core.events import (
    AppendInput,
    CommitInput,
    Configure,
    LinkLost,
    Recalled,
    ReplyRecognised,
    ReplyText,
    TextEntered,
    UserText,
)
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.errors import LinkError

LIFE_S = 600.0


class Conversation:
    """A user and a provider that take turns; every exchange has a number in its words."""

    def __init__(self) -> None:
        self.far = FarSide(
            lambda lost, last: LinkError(f"ended ({lost.code})", remedy="Wait."),
            LifelineSettings(park_after_min=0),
        )
        self.exchanges = 0
        self.answered: dict[int, list[int]] = {}
        """Turns that were answered on each link."""

    @property
    def dies_at(self) -> float:
        return self.far.line.opened_at + LIFE_S

    def ask(self) -> int:
        self.exchanges += 1
        turn = self.far.say(1.5)
        self.far.take(UserText(self.far.at, turn, f"Question {self.exchanges}?", final=True))
        return turn

    def answer(self, turn: int) -> None:
        item = f"reply {self.exchanges}"
        self.far.take(ReplyText(self.far.at, item, f"Answer {self.exchanges}."))
        self.far.reply(item, 1.5)
        self.answered.setdefault(self.far.line.number, []).append(turn)

    def exchange(self) -> None:
        turn = self.ask()
        self.far.pass_time(0.5)
        self.answer(turn)

    def said(self, exchanges: int, *, but_answer: bool = False) -> list[Recalled]:
        """The last of so many exchanges, as a new link should be told them."""
        told = [
            one
            for number in range(1, exchanges + 1)
            for one in (
                Recalled("user", f"Question {number}?"),
                Recalled("assistant", f"Answer {number}."),
            )
        ]
        return told[:-2] if but_answer else told

    def cut(self) -> None:
        self.far.lose(code=1011)


def while_speaking(talk: Conversation) -> None:
    turn = talk.far.open_turn()
    talk.far.pass_time(1.0)
    before = talk.exchanges
    talk.cut()
    talk.far.pass_time(1.5)
    talk.far.close_turn()
    talk.far.pass_time(0.5)
    expect_told(talk, talk.said(before))
    talk.exchanges += 1
    talk.far.take(UserText(talk.far.at, turn, f"Question {talk.exchanges}?", final=True))
    talk.answer(turn)


def while_waiting(talk: Conversation) -> None:
    turn = talk.ask()
    talk.far.pass_time(0.3)
    talk.cut()
    talk.far.pass_time(1.0)
    expect_told(talk, talk.said(talk.exchanges, but_answer=True))
    talk.answer(turn)


def while_hearing(talk: Conversation) -> None:
    talk.exchange()
    before = talk.exchanges
    talk.exchanges += 1
    turn = talk.far.say(1.0)
    talk.far.take(UserText(talk.far.at, turn, f"Question {talk.exchanges}?", final=True))
    item = f"reply {talk.exchanges}"
    talk.far.take(ReplyText(talk.far.at, item, f"Answer {talk.exchanges}."))
    talk.far.begin_reply(item, 2.0)
    talk.far.pass_time(0.5)
    talk.cut()
    talk.far.pass_time(3.0)
    expect_told(talk, talk.said(before + 1))
    assert len(talk.far.played[item]) == 2 * 24_000 * 2


def while_silent(talk: Conversation) -> None:
    talk.far.pass_time(0.5)
    talk.cut()
    talk.far.pass_time(1.0)
    expect_told(talk, talk.said(talk.exchanges))


def expect_told(talk: Conversation, expected: list[Recalled]) -> None:
    """The new link was told the end of the conversation, word by word, and as much of it as fits."""
    told = list(talk.far.line.setup().recall)
    assert told
    assert told == expected[-len(told) :]
    assert len(told) == len(expected) or len(told) >= 50


def test_an_hour_with_six_cuts_in_the_middle_of_everything() -> None:
    talk = Conversation()
    states: list[Callable[[Conversation], None]] = [
        while_speaking,
        while_waiting,
        while_hearing,
        while_silent,
        while_waiting,
        while_speaking,
    ]

    for state in states:
        # A lively end of each ten minutes: no quiet moment in which the link could be renewed in time.
        talk.far.rest(talk.dies_at - 130)
        while talk.far.at < talk.dies_at - 4:
            talk.exchange()
        state(talk)

    far = talk.far
    assert far.at >= 3600
    assert far.stopped is None
    assert [lost.code for lost in far.all(LinkLost)] == [1011] * 6
    assert len(far.lines) == 7
    everything_arrived(talk)
    assert sum("is gone" in notice.text for notice in far.told) == 6
    assert sum("is back" in notice.text and "restored" in notice.text for notice in far.told) == 6


def everything_arrived(talk: Conversation) -> None:
    """Each turn is whole and ended once on the link that answered it, and was answered once."""
    answered = [turn for turns in talk.answered.values() for turn in turns]
    assert len(answered) == len(set(answered))
    for number, turns in talk.answered.items():
        line = talk.far.lines[number - 1]
        for turn in turns:
            assert line.sound(turn) == talk.far.spoken[turn]
            assert line.commits(turn) == 1
    for line in talk.far.lines:
        frames = [command.frame for command in line.said if isinstance(command, AppendInput)]
        assert all(frame.ms <= 500 for frame in frames)
        assert isinstance(line.said[0], Configure)
        assert len({c.turn for c in line.said if isinstance(c, CommitInput)}) == sum(
            isinstance(c, CommitInput) for c in line.said
        )


def test_a_leisurely_hour_learns_the_limit_and_is_never_cut_again() -> None:
    talk = Conversation()
    pauses = cycle((20.0, 35.0, 5.0, 50.0))
    cuts = 0

    while talk.far.at < 3700:
        if talk.far.at >= talk.dies_at - 4:
            while_silent(talk)
            cuts += 1
        talk.exchange()
        talk.far.rest(min(talk.far.at + next(pauses), max(talk.dies_at, talk.far.at)))

    assert cuts == 2
    assert sum("is gone" in notice.text for notice in talk.far.told) == 2
    everything_arrived(talk)
    assert all(line.setup().recall for line in talk.far.lines[1:])
    assert all(later.opened_at - line.opened_at < LIFE_S + 5 for line, later in pairwise(talk.far.lines))


def test_what_was_typed_is_part_of_what_a_new_link_is_told() -> None:
    talk = Conversation()
    talk.far.take(TextEntered(talk.far.at, "Call me Ada."))
    talk.far.reply("hello")
    talk.cut()
    talk.far.pass_time(1.0)

    assert Recalled("user", "Call me Ada.") in talk.far.line.setup().recall


def test_words_that_were_recognised_here_are_part_of_what_a_new_link_is_told() -> None:
    talk = Conversation()
    turn = talk.ask()
    talk.far.begin_reply("wordless", 2.0)
    talk.far.end_reply("wordless")
    talk.far.pass_time(2.5)
    talk.far.take(ReplyRecognised(talk.far.at, "wordless", "Goethe did.", 2000.0, is_last=True))
    talk.cut()
    talk.far.pass_time(1.0)

    assert turn == 1
    assert talk.far.line.setup().recall == (
        Recalled("user", "Question 1?"),
        Recalled("assistant", "Goethe did."),
    )
