"""Every skill by text: what it answers, and what none of them takes for a request."""

from __future__ import annotations

from datetime import datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.offline.skills.catalogue import Skills
from voice_assistant.offline.skills.outcome import CallTool, Say
from voice_assistant.offline.skills.timers import length_s, spoken_length


def skills(seed: int = 7) -> Skills:
    """Skills on a Monday at five past two in the afternoon."""
    return Skills(lambda: datetime(2026, 11, 23, 14, 5), Random(seed))


def said(question: str) -> str:
    """What is said to a question; fails where no skill is meant."""
    outcome = skills().answer(question)
    assert isinstance(outcome, Say), f"{question!r} gives {outcome}"
    return outcome.text


@pytest.mark.parametrize(
    "question",
    [
        "What time is it?",
        "What's the time?",
        "Can you tell me the time, please?",
        "Do you know what time it is?",
        "Hey, what time is it now?",
        "what time is at",
        "Ok, not do what time is it?",
        "Okay nabu, what time is it?",
        "Hey Jarvis what's the time",
        "Alexa, what time is it?",
    ],
)
def test_it_tells_the_time(question: str) -> None:
    assert said(question) == "It is 2:05 PM."


@pytest.mark.parametrize(
    ("hour", "minute", "told"), [(0, 0, "12 AM"), (9, 5, "9:05 AM"), (12, 30, "12:30 PM"), (23, 0, "11 PM")]
)
def test_the_clock_has_twelve_hours(hour: int, minute: int, told: str) -> None:
    early = Skills(lambda: datetime(2026, 1, 1, hour, minute), Random(1))

    assert early.answer("what time is it") == Say(f"It is {told}.")


@pytest.mark.parametrize(
    "question",
    [
        "What is the date today?",
        "What is the date of the day?",
        "What's today's date?",
        "What day is it?",
        "What day of the week is it?",
        "Which day is it today?",
    ],
)
def test_it_tells_the_date(question: str) -> None:
    assert said(question) == "Today is Monday, November 23, 2026."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is seventeen times twenty-three?", "That is 391."),
        ("what's 12 plus 30", "That is 42."),
        ("How much is ten minus twelve?", "That is minus 2."),
        ("What is two plus three times four?", "That is 14."),
        ("What is 10 divided by 4", "That is 2.5."),
        ("ten over three", "That is about 3.333."),
        ("What is fifteen percent of two hundred?", "That is 30."),
        ("What is the square root of eighty-one?", "That is 9."),
        ("What is nine squared?", "That is 81."),
        ("two to the power of ten", "That is 1024."),
        ("What is half of ninety?", "That is 45."),
        ("What is a thousand times a thousand?", "That is 1000000."),
        ("What is two and two?", "That is 4."),
        ("calculate three point five times two", "That is 7."),
        ("What is 5 divided by zero?", "Nothing can be divided by zero."),
        ("What is zero to the power of minus one?", "Nothing can be divided by zero."),
        ("What is the square root of minus four?", "A negative number has no real square root."),
        ("nine to the power of nine thousand", "That number is too long to say."),
    ],
)
def test_it_does_sums(question: str, answer: str) -> None:
    assert said(question) == answer


@given(st.integers(-9999, 9999), st.sampled_from(["plus", "minus", "times"]), st.integers(-9999, 9999))
def test_any_sum_of_two_whole_numbers_is_right(left: int, sign: str, right: int) -> None:
    result = {"plus": left + right, "minus": left - right, "times": left * right}[sign]

    assert said(f"what is {left} {sign} {right}") == f"That is {result}.".replace("-", "minus ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many kilometers is ten miles?", "10 miles are about 16.093 kilometers."),
        ("How many feet are in a mile?", "1 mile is 5280 feet."),
        ("Convert 32 degrees Fahrenheit to Celsius.", "32 degrees Fahrenheit is 0 degrees Celsius."),
        ("what is 100 celsius in fahrenheit", "100 degrees Celsius is 212 degrees Fahrenheit."),
        (
            "what is minus forty celsius in fahrenheit",
            "minus 40 degrees Celsius is minus 40 degrees Fahrenheit.",
        ),
        ("How many ounces are in a pound?", "1 pound is 16 ounces."),
        ("convert two litres to gallons", "2 liters are about 0.528 gallons."),
        ("How many minutes are in two hours?", "2 hours are 120 minutes."),
        ("How many minutes are into hours?", "2 hours are 120 minutes."),
        (
            "convert 100 kilometers per hour to miles per hour",
            "100 kilometers per hour are about 62.137 miles per hour.",
        ),
        (
            "convert five miles to kilograms",
            "I cannot turn miles into kilograms: one is length, the other mass.",
        ),
        ("convert minus 300 celsius to kelvin", "That is colder than absolute zero."),
        ("convert thirty two degrees farenheit to celcius", "32 degrees Fahrenheit is 0 degrees Celsius."),
    ],
)
def test_it_converts_units(question: str, answer: str) -> None:
    assert said(question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "Flip a coin.",
        "Toss a coin, please.",
        "Heads or tails?",
        # As a recogniser wrote down "flip a coin" and "flip the coin".
        "Flip a climb.",
        "Clip a coin.",
        "Flip the coin.",
        "Flipper coin.",
        "Flee-per-coin.",
        "Fleet a client.",
        "Click the coin.",
        "Flip a corn.",
        "Flip a queen.",
        "Head or tales?",
        "Slep a client",
        "Slippicaliam.",
        "Philippa Croyan.",
        "Flavor Glion.",
        "Clive Aquaian.",
        "Let the client.",
        "Flee the Clyon",
    ],
)
def test_it_flips_a_coin_of_both_sides(question: str) -> None:
    thrown = {skills(seed).answer(question) for seed in range(30)}

    assert thrown == {Say("It is heads."), Say("It is tails.")}


@pytest.mark.parametrize(
    "words",
    [
        *("Welcome.", "The police came.", "Please come in.", "Asleep again.", "A program.", "Should know."),
        *("Lock and key", "Flip the page.", "Fill in the form.", "Call the client.", "Slow down."),
    ],
)
def test_words_that_only_resemble_a_coin_flip_none(words: str) -> None:
    assert skills().answer(words) is None


def test_it_rolls_dice() -> None:
    thrown = {skills(seed).answer("Roll a die.") for seed in range(100)}

    assert thrown == {Say(f"You rolled {side}.") for side in range(1, 7)}
    assert "together" in said("Roll two dice")
    assert "together" in said("Roll to dice.")
    assert {skills(seed).answer("roll a twenty sided die") for seed in range(300)} == {
        Say(f"You rolled {side}.") for side in range(1, 21)
    }
    assert said("roll 90 dice") == "I can roll up to 10 dice of up to 100 sides."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Repeat after me: The quick brown Fox.", "The quick brown Fox."),
        ("Please repeat after me, it's 5 o'clock", "it's 5 o'clock"),
        ("Where a peat after me, the lazy dog.", "the lazy dog."),
    ],
)
def test_it_repeats_in_the_very_words(question: str, answer: str) -> None:
    assert said(question) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Count from one to ten.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."),
        ("count to three", "1, 2, 3."),
        ("count down from three", "3, 2, 1."),
        ("count from five to two", "5, 4, 3, 2."),
        ("count to a thousand", "That takes too long. I count up to 30 numbers."),
    ],
)
def test_it_counts(question: str, answer: str) -> None:
    assert said(question) == answer


def test_it_says_what_it_can_do_and_nothing_that_it_cannot() -> None:
    can = said("What can you do?")

    for skill in ("time", "date", "sums", "units", "coin", "dice", "count", "timers", "repeat"):
        assert skill in can


def test_it_knows_a_joke_and_manners() -> None:
    assert said("Tell me a joke.")
    assert said("Stop.") == "Okay."
    assert said("Thank you!") == "You are welcome."


@pytest.mark.parametrize(
    ("question", "seconds", "label"),
    [
        ("Set a timer for five minutes.", 300, ""),
        ("Set a time worth for five minutes,", 300, ""),
        ("Please set a 10 minute timer for the eggs.", 600, "eggs"),
        ("start a timer for an hour and a half", 5400, ""),
        ("timer for one hour and thirty minutes", 5400, ""),
        ("set a timer for two and a half minutes", 150, ""),
        ("set a timer for half an hour", 1800, ""),
        ("set a ninety second timer", 90, ""),
        ("Set a new timer for three seconds.", 3, ""),
        ("Set another timer for two minutes", 120, ""),
        ("I want a timer for ten minutes.", 600, ""),
        ("I'd like a timer for one minute, please", 60, ""),
        ("Can I have a timer for six minutes?", 360, ""),
        ("Timer, ten seconds.", 10, ""),
        ("Timer for twenty seconds.", 20, ""),
        ("ten second timer", 10, ""),
        ("Wake me in five minutes.", 300, ""),
        ("Wake me up in one hour.", 3600, ""),
        ("Remind me in ten minutes.", 600, ""),
        ("Remind me in ten minutes to call my mother.", 600, "call my mother"),
        ("Remind me to turn off the oven in twenty minutes", 1200, "turn off the oven"),
        ("Ring in thirty seconds", 30, ""),
        ("let me know in a minute", 60, ""),
        ("set an egg timer for four minutes", 240, "egg"),
        ("Start a three minute timer for the tea.", 180, "tea"),
        ("set the timer to four minutes", 240, ""),
        ("set up a tamer of one hour and a half", 5400, ""),
        # As a recogniser wrote down a timer for ten, twenty, five and two.
        ("Set a time or fourteen seconds.", 10, ""),
        ("Time of four twenty seconds.", 20, ""),
        ("Set a time or four-five minutes.", 300, ""),
        ("Said another timer for two minutes.", 120, ""),
        ("Set a timer for fourteen seconds.", 14, ""),
        ("set a time for fourteen seconds", 14, ""),
    ],
)
def test_a_timer_is_a_call_of_the_clients_tool(question: str, seconds: float, label: str) -> None:
    outcome = skills().answer(question)

    assert isinstance(outcome, CallTool)
    assert (outcome.tool, outcome.seconds, outcome.label) == ("set_timer", seconds, label)


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        ("Cancel the timer.", ""),
        ("Stop the timer, please.", ""),
        ("cancel all of my timers", ""),
        ("Cancel timer", ""),
        ("Can't solve the timer.", ""),
        ("Council all timers.", ""),
        ("could you turn off the alarm?", ""),
        ("turn the alarm off", ""),
        ("No more timers.", ""),
        ("cancel the egg timer", "egg"),
        ("cancel the timer for the eggs", "eggs"),
    ],
)
def test_a_timer_is_cancelled_by_the_clients_tool(request_: str, label: str) -> None:
    outcome = skills().answer(request_)

    assert isinstance(outcome, CallTool)
    assert (outcome.tool, outcome.seconds, outcome.label) == ("cancel_timer", None, label)


def test_what_the_tool_says_decides_what_is_said_of_it() -> None:
    timer = skills().answer("set a timer for five minutes")
    cancel = skills().answer("could you cancel the timer, please")

    assert isinstance(timer, CallTool)
    assert isinstance(cancel, CallTool)
    assert timer.done('{"ok": true}') == "Your timer is set for 5 minutes."
    assert timer.done("") == "Your timer is set for 5 minutes."
    assert timer.done('{"error": "no more than three"}') == "That did not work: no more than three."
    assert cancel.tool == "cancel_timer"
    assert cancel.done("cancelled") == "The timer is cancelled."
    assert cancel.done('{"cancelled": 0}') == "There is no timer running."


@given(st.integers(1, 86_400))
def test_a_length_of_time_survives_being_said(seconds: int) -> None:
    assert length_s(spoken_length(seconds).replace(",", "")) == seconds


@pytest.mark.parametrize(
    "heard",
    [
        # Of the LibriSpeech clips and of telephone prompts, as a recogniser wrote them.
        "Of course, this meant detention till the coroner should arrive.",
        "They were waiting below to give Wendy time to explain about them.",
        "A stitch in time saves embarrassing exposure.",
        "Immediately after breakfast, the next morning, Billy was summoned to the telephone.",
        "It was the best of times, it was the worst of times.",
        "At the sound of the tone, the time will be exactly.",
        "There is currently one other participant in the conference.",
        "Press one to cancel, or two to repeat the message.",
        "To reset your speaking volume to the default level.",
        "Front center.",
        "Time.",
        # Near the skills, and not meant for them.
        "I had the time of my life.",
        "What time is the train to London?",
        "What is the date of the battle of Hastings?",
        "What is the capital of France?",
        "We counted the sheep from the hill.",
        "He stopped the timer and went home.",
        "Cancel my flight to Berlin.",
        "She told me a joke about a horse.",
        "I have two hundred and five sheep.",
        "one two three",
        "He walked ten miles in the snow.",
        "Roll down the window.",
        "The timer was set for five minutes by my brother.",
        "Please call back in ten minutes.",
        "I will be back in five minutes.",
        "The train leaves in ten minutes.",
        "He wakes me in the morning.",
        "Cancel the meeting.",
        "I want a dog for ten minutes.",
        "Set the table for five people.",
        "It took me five minutes.",
        "Flip the page.",
        "Flip the coat.",
        "Toss the keys.",
        "Throw the cat out.",
        "Spin the corn.",
        "Click the button.",
        "Select a queen.",
        "The coin.",
        "Fill up again.",
        "Roll the tide.",
        "He rolled a stone.",
        "Repeat the question.",
        "Why is the sky blue?",
        "",
        "   ",
        "...",
    ],
)
def test_speech_that_asks_for_no_skill_gets_none(heard: str) -> None:
    assert skills().answer(heard) is None


@given(
    st.lists(
        st.sampled_from(["the", "of", "and", "river", "walked", "house", "letter", "winter"]), max_size=25
    )
)
def test_words_of_no_skill_never_trigger_one(words: list[str]) -> None:
    assert skills().answer(" ".join(words)) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_skills(text: str) -> None:
    skills().answer(text)
