"""The key comes from the environment or a ``.env`` file, and from nowhere else; it is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.credentials import KEY_NAME, find_key, parse_env
from voice_assistant.errors import ConfigError


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_bytes(text.encode())
    return path


def test_the_environment_comes_first(tmp_path: Path) -> None:
    path = env_file(tmp_path, f"{KEY_NAME}=from-file")

    assert find_key({KEY_NAME: "from-environment"}, [path]) == "from-environment"


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_an_empty_variable_is_none(tmp_path: Path, empty: str) -> None:
    assert find_key({KEY_NAME: empty}, [env_file(tmp_path, f"{KEY_NAME}=from-file")]) == "from-file"


def test_the_first_file_that_has_it_wins(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("none", "other", "first", "second")]
    for folder in folders[1:]:
        folder.mkdir()
    env_file(folders[1], "OTHER=1")
    env_file(folders[2], f"{KEY_NAME}=first")
    env_file(folders[3], f"{KEY_NAME}=second")

    assert find_key({}, [folder / ".env" for folder in folders]) == "first"


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert find_key({}, [tmp_path / ".env", tmp_path]) is None


def test_no_other_line_of_the_file_has_any_effect(tmp_path: Path) -> None:
    environ: dict[str, str] = {}

    find_key(environ, [env_file(tmp_path, f"LITELLM_URL=http://elsewhere\n{KEY_NAME}=k\nPATH=/tmp")])

    assert environ == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=sk-1", "sk-1"),
        ("  export K = sk-1  ", "sk-1"),
        ('K="sk 1 # not a comment"', "sk 1 # not a comment"),
        ("K='sk-$HOME'", "sk-$HOME"),
        ("K=sk-1 # mine", "sk-1"),
        ("K=a=b#c", "a=b#c"),
        ("K=", ""),
        ("K=one\nK=two", "two"),
        ("\ufeffK=sk-1"[1:], "sk-1"),
        ("K=sk-1\r\nL=2\r\n", "sk-1"),
        ("K=$(touch x)", None),
        ("# K=sk-1", None),
        ("K sk-1", None),
        ('K="open', None),
    ],
)
def test_a_line_is_a_name_and_a_value_and_nothing_is_expanded(line: str, value: str | None) -> None:
    assert parse_env(line).get("K") == value


@given(text=st.text(max_size=300))
def test_whatever_the_file_holds_reading_it_does_not_fail(text: str) -> None:
    assert all(name.isidentifier() for name in parse_env(text))


@given(key=st.from_regex(r"[A-Za-z0-9_\-./+=]{1,60}", fullmatch=True))
def test_a_key_comes_out_as_it_went_in(key: str) -> None:
    assert parse_env(f"A=1\n{KEY_NAME}={key}\nB=2")[KEY_NAME] == key


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert find_key({}, [env_file(tmp_path, f"\ufeff{KEY_NAME}=sk-1")]) == "sk-1"


@pytest.mark.parametrize("key", ["sk-secret\x00x", "sk-secret\nX-Evil: 1", "sk-sécret", "sk secret"])
def test_a_key_that_cannot_be_sent_is_refused_without_printing_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_key({KEY_NAME: key}, [])

    assert str(caught.value) == f"{KEY_NAME} in the environment holds a character that no key can have"
    assert "cret" not in caught.value.remedy
