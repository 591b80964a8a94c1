"""What was learned of a provider's delivery outlives the session, and never stands in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from voice_assistant import remembered


def test_what_was_learned_is_there_the_next_time_for_that_provider_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "delivery.json"

    remembered.save("proxy one", [1.5, 2.25], file)
    remembered.save("proxy two", [3.0], file)

    assert remembered.load("proxy one", file) == [1.5, 2.25]
    assert remembered.load("proxy two", file) == [3.0]
    assert remembered.load("proxy three", file) is None


@pytest.mark.parametrize(
    "content", ["", "no json", "[]", '{"p": "x"}', '{"p": ["x"]}', '{"p": [true]}', '{"p": [NaN]}']
)
def test_what_cannot_be_read_is_learned_again(tmp_path: Path, content: str) -> None:
    file = tmp_path / "delivery.json"
    file.write_text(content)

    assert remembered.load("p", file) is None
    remembered.save("p", [1.0], file)
    assert remembered.load("p", file) == [1.0]


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")

    remembered.save("p", [1.0], tmp_path / "taken" / "delivery.json")

    assert remembered.load("p", tmp_path / "taken" / "delivery.json") is None


def test_only_the_providers_used_last_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "delivery.json"

    for number in range(remembered.MOST_KEPT + 5):
        remembered.save(str(number), [1.0], file)

    assert remembered.load("0", file) is None
    assert remembered.load(str(remembered.MOST_KEPT + 4), file) == [1.0]
