"""Requests that are whole phrases: the time, the date, a coin, dice, counting, repeating, what it can do.

Each is a pattern that the whole utterance must match, or a short list of phrasings of which one must be
nearly the same, key word included. Nothing else is taken for a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from random import Random

from voice_assistant.offline.skills.outcome import Say
from voice_assistant.offline.skills.sounds import consonants
from voice_assistant.offline.skills.wording import alike, has_word

NEARLY = 0.82
"""How alike an utterance must be to a known phrasing; 0 to 1."""

CAN_DO = (
    "I can tell the time and the date, do sums, convert units, flip a coin, roll dice, count, "
    "set timers, and repeat after you. All of it works without a network."
)
JOKES = (
    "Why did the microphone go home early? It had heard enough.",
    "My loudspeaker and I split up. There was too much feedback.",
    "I would tell you a joke about silence, but there is nothing to say.",
)

_REPEAT = re.compile(
    # "Repeat after me" at the very start of a recording is often heard as "where a peat after me".
    r"^\W*(?:(?:please|can you|could you|will you|would you|okay|ok|hey)\W+)*"
    r"(?:say|repeat(?: this)?|(?:\w+ ){0,2}\w*pe(?:a|e)?te?) after me\W+(?P<words>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_TIME = re.compile(
    r"(?:what time is it|what is the (?:current |exact )?time|the (?:current )?time"
    r"|what time (?:it is|have you)|what the time is|(?:have you|you) got the time|current time"
    r"|how late is it)(?: (?:today|here))?"
)
_DATE = re.compile(
    r"(?:what is (?:the |today )?(?:current )?date(?: of)?(?: the)?(?: today| day| to day)?"
    r"|what date is it(?: today)?|what is today|what day of the week is it"
    r"|what(?: is)? (?:the )?day(?: of the (?:week|month))? is (?:it|today)(?: today)?"
    r"|the date(?: today)?|today is date|what (?:year|month) is (?:it|this)"
    r"|what is the day(?: today)?|what day it is|what is todays? date|which day is (?:it|today))"
)
_COIN = re.compile(
    r"(?:flip|toss(?:ed)?|throw|spin|flick|click|slip|skip|lip|blip|select)(?: me)?(?: (?:an?|the))?"
    r" (?:coins?|quoin)"
    r"|(?:heads?|hats|ads) (?:or|of|are|our|and|for|more) (?:tails?|tales)|coin (?:flip|toss)"
)
_SOUNDS_LIKE_A_COIN = re.compile(
    # "Flip", of which the first or the last consonant may be another or none; "a" or "the"; "coin".
    r"(?:PL[PBK]?|SL[PB]?|KL[PBK]|L(?=[PBT])[PB]?)R?T?(?:K[LR]?|GL)NT?"
)
"""The consonants of "flip a coin", as ``sounds.consonants`` gives them, when it is misheard, as a short
recording of it often is. Of 62 000 stretches of two to four words of other texts two have such."""
_MOST_WORDS_OF_A_COIN = 4
_DICE = re.compile(
    r"(?:roll(?:ed|ing|s)?|rolla|throw|cast|toss)(?: me)? (?:(?P<n>an?|the|some|to|too|\d{1,2}) )?"
    r"(?:(?P<sides>\d{1,3}) ?sided )?(?:dice|die|dies|dye|diet|d ?(?P<d>\d{1,3}))"
)
_COUNT = re.compile(
    r"count(?P<down> (?:down|backwards?))?(?: from (?:an? )?(?P<a>\d+))?(?: (?:up )?to (?:an? )?(?P<b>\d+))?"
)
_FURTHEST_COUNT = 30
_WHOLE = {
    "hello": "Hello. Ask me something, for example: what can you do?",
    "hi": "Hello. Ask me something, for example: what can you do?",
    "good morning": "Good morning. What can I do for you?",
    "good evening": "Good evening. What can I do for you?",
    "thank you": "You are welcome.",
    "thanks": "You are welcome.",
    "thank you very much": "You are welcome.",
    "goodbye": "Goodbye.",
    "good bye": "Goodbye.",
    "bye": "Goodbye.",
    "bye bye": "Goodbye.",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_QUIET = re.compile(
    r"(?:stop|be quiet|quiet|shut up|enough|cancel|never mind|stop (?:it|talking|that))(?: stop)*"
)
_HELP = (
    ("what can you do", "can"),
    ("what do you know", "know"),
    ("what can i ask you", "ask"),
    ("what can i say", "say"),
    ("what are your skills", "skills"),
    ("who are you", "who"),
    ("what are you", "what"),
    ("help", "help"),
    ("help me", "help"),
)
_NEAR_TIME = (("what time is it", "time"), ("what is the time", "time"))
_NEAR_DATE = (
    ("what is the date today", "date"),
    ("what is the date", "date"),
    ("what day is it today", "day"),
)
_NEAR_COIN = (("flip a coin", "coin"), ("toss a coin", "coin"))
_NEAR_JOKE = (
    ("tell me a joke", "joke"),
    ("do you know a joke", "joke"),
    ("tell a joke", "joke"),
    ("a joke", "joke"),
)


def repeated(raw: str) -> Say | None:
    """Say again what follows on "repeat after me", in its own spelling."""
    found = _REPEAT.match(raw)
    return Say(found["words"].strip()) if found else None


def is_opening(text: str) -> bool:
    """Is this what people say before they say what they want? *text* as ``wording.plain`` gives it."""
    return text in _WHOLE or _QUIET.fullmatch(text) is not None


def answer(text: str, now: Callable[[], datetime], dice: Random) -> Say | None:
    """Answer a phrase.

    Args:
        text: An utterance as ``wording.plain`` gives it.
        now: The person's local time.
        dice: Where chance comes from.
    """
    if text in _WHOLE:
        return Say(_WHOLE[text])
    if _QUIET.fullmatch(text):
        return Say("Okay.")
    if _TIME.fullmatch(text) or _nearly(text, _NEAR_TIME):
        return Say(f"It is {spoken_time(now())}.")
    if _DATE.fullmatch(text) or _nearly(text, _NEAR_DATE):
        return Say(f"Today is {spoken_date(now())}.")
    if _COIN.fullmatch(text) or _nearly(text, _NEAR_COIN):
        return _flip(dice)
    if rolled := _DICE.fullmatch(text):
        return _roll(rolled, dice)
    if counted := _COUNT.fullmatch(text):
        return _count(counted)
    if _nearly(text, _NEAR_JOKE):
        return Say(dice.choice(JOKES))
    if _nearly(text, _HELP):
        return Say(CAN_DO)
    few_words = len(text.split()) <= _MOST_WORDS_OF_A_COIN
    if few_words and _SOUNDS_LIKE_A_COIN.fullmatch(consonants(text)):
        return _flip(dice)
    return None


def _flip(dice: Random) -> Say:
    return Say(f"It is {dice.choice(('heads', 'tails'))}.")


def _nearly(text: str, phrasings: tuple[tuple[str, str], ...]) -> bool:
    """Is the utterance one of the phrasings, or nearly, with its key word heard?"""
    return any(
        text == phrase
        or (
            len(phrase.split()) > 2
            and len(text.split()) <= len(phrase.split()) + 1
            and has_word(text, key)
            and alike(text, phrase) >= NEARLY
        )
        for phrase, key in phrasings
    )


def spoken_time(now: datetime) -> str:
    """Say the time of day on a clock of twelve hours: ``5 past 9`` is told as ``9:05 AM``."""
    half = "AM" if now.hour < 12 else "PM"
    hour = now.hour % 12 or 12
    return f"{hour} {half}" if now.minute == 0 else f"{hour}:{now.minute:02d} {half}"


def spoken_date(now: datetime) -> str:
    """Say the date: ``Monday, November 23, 2026``; in English whatever the locale."""
    day, month = _DAYS[now.weekday()], _MONTHS[now.month - 1]
    return f"{day}, {month} {now.day}, {now.year}"


def _roll(found: re.Match[str], dice: Random) -> Say | None:
    count = 2 if found["n"] in ("to", "too") else int(found["n"]) if (found["n"] or "").isdigit() else 1
    sides = int(found["sides"] or found["d"] or 6)
    if not (1 <= count <= 10 and 2 <= sides <= 100):
        return Say("I can roll up to 10 dice of up to 100 sides.")
    rolled = [dice.randint(1, sides) for _ in range(count)]
    if count == 1:
        return Say(f"You rolled {rolled[0]}.")
    listed = ", ".join(str(value) for value in rolled[:-1])
    return Say(f"You rolled {listed} and {rolled[-1]}, together {sum(rolled)}.")


def _count(found: re.Match[str]) -> Say | None:
    first, last = found["a"], found["b"]
    if first is None and last is None:
        return None
    if found["down"]:
        start, end = int(first or last or 10), int(last or 1) if first else 1
    else:
        start, end = int(first or 1), int(last or 10)
    if abs(end - start) >= _FURTHEST_COUNT:
        return Say(f"That takes too long. I count up to {_FURTHEST_COUNT} numbers.")
    step = 1 if end >= start else -1
    return Say(", ".join(str(value) for value in range(start, end + step, step)) + ".")
