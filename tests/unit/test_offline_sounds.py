"""What words sound like: their consonants, by kind."""

from __future__ import annotations

import pytest

from voice_assistant.offline.skills.sounds import consonants


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("flip a coin", "PLPKN"),
        ("Philippa Cohen", "PLPKN"),
        ("flip a climb", "PLPKLN"),
        ("the quick box", "TKBKS"),
        ("should know the gnu", "STNTN"),
        ("watch this face", "STSPS"),
        ("I owe you", ""),
    ],
)
def test_words_become_the_kinds_of_their_consonants(text: str, kinds: str) -> None:
    assert consonants(text) == kinds
