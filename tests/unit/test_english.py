"""English is told from its neighbours after a sentence or two."""

from __future__ import annotations

import pytest

from voice_assistant.core.english import English


def is_likely(*texts: str) -> bool:
    english = English()
    for turn, text in enumerate(texts, start=1):
        english.hear(turn, text)
    return english.is_likely


@pytest.mark.parametrize(
    "text",
    [
        "Could you tell me what the weather will be like in Paris tomorrow?",
        "And how many people live there?",
        "I'd like to know who wrote Faust and when it was published.",
        "Give me three ideas for dinner with the things I have.",
        "So it's raining again, what should we do this afternoon?",
    ],
)
def test_english_is_english(text: str) -> None:
    assert is_likely(text)


@pytest.mark.parametrize(
    "text",
    [
        "Kannst du mir sagen, wie das Wetter morgen in Paris wird?",
        "Was ist die Hauptstadt von Frankreich, und wie viele Menschen wohnen dort?",
        "Peux-tu me dire quel temps il fera demain à Paris ?",
        "¿Puedes decirme qué tiempo hará mañana en París?",
        "Puoi dirmi che tempo farà domani a Parigi, per favore?",
        "Kun je me vertellen wat voor weer het morgen in Parijs is?",
        "Você pode me dizer como estará o tempo amanhã em Paris?",
        "明天巴黎的天气怎么样",
        "Какая завтра будет погода в Париже?",
    ],
)
def test_other_languages_are_not(text: str) -> None:
    assert not is_likely(text)


def test_a_word_or_two_and_nothing_at_all_are_taken_for_english() -> None:
    assert is_likely()
    assert is_likely("Paris.", "Jazz!")


def test_words_of_a_turn_that_grow_are_counted_once() -> None:
    english = English()
    for text in ("Wie heißt", "Wie heißt du", "Wie heißt du eigentlich"):
        english.hear(1, text)

    assert english.is_likely


def test_who_changes_to_english_is_followed() -> None:
    german = "Kannst du mir sagen, wie das Wetter morgen wird?"
    questions = ["And what about the day after?", "What should I wear then?", "Is it far from here?"]

    assert is_likely(german, *questions)
