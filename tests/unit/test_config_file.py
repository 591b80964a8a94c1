"""The user's own settings file: what changes, what stays, and what is never half-written."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant import config_file
from voice_assistant.errors import ConfigError

WRITTEN = """\
# mine
[turns]
mode = "push-to-talk"   # a pedal

[provider]   # who answers
  name='litellm' # for now
url = "http://one:4000/#x"

[keys]
talk = "f5"
"""


def test_a_setting_that_is_there_changes_in_its_line() -> None:
    told = config_file.changed(
        WRITTEN, {("provider", "name"): "offline", ("provider", "url"): "http://two:1"}
    )

    assert told == WRITTEN.replace("'litellm'", '"offline"').replace("http://one:4000/#x", "http://two:1")


def test_a_new_setting_comes_to_the_end_of_its_table() -> None:
    told = config_file.changed(WRITTEN, {("provider", "model"): "gemini-live"})

    assert told == WRITTEN.replace('#x"\n', '#x"\nmodel = "gemini-live"\n')


def test_a_new_table_comes_to_the_end_of_the_file() -> None:
    told = config_file.changed(WRITTEN, {("capture", "device"): 'A "big" one'})

    assert told == WRITTEN + '\n[capture]\ndevice = "A \\"big\\" one"\n'


def test_a_new_file_says_what_it_is() -> None:
    told = config_file.changed("", {("provider", "name"): "offline"})

    assert told == config_file.HEAD + '\n[provider]\nname = "offline"\n'


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    told = config_file.changed("\ufeff[provider]\r\nname = 'x'\r\n", {("provider", "name"): "offline"})

    assert told == '\ufeff[provider]\r\nname = "offline"\r\n'


@pytest.mark.parametrize(
    "text",
    [
        'provider.name = "litellm"\n',
        'provider = {name = "litellm"}\n',
        '[provider]\nname = """\nlitellm"""\n',
        '[provider]\n"name" = "litellm"\n',
    ],
)
def test_what_is_said_in_an_unforeseen_way_is_left_alone(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be changed here") as caught:
        config_file.changed(text, {("provider", "name"): "offline"})

    assert '[provider] name = "offline"' in caught.value.remedy


def test_lines_within_a_long_text_are_not_taken_for_settings() -> None:
    text = '[provider]\ninstructions = """\n[turns]\nmode = "x"\n"""\n\n[turns]\ntail_ms = 3\n'

    try:
        told = config_file.changed(text, {("turns", "mode"): "push-to-talk"})
    except ConfigError:
        return  # told, and nothing is lost
    assert tomllib.loads(told)["turns"] == {"tail_ms": 3, "mode": "push-to-talk"}


@given(
    st.dictionaries(st.sampled_from(["name", "url", "model"]), st.text(max_size=20), min_size=1),
    st.sampled_from(["", WRITTEN]),
)
def test_what_was_changed_is_what_is_read_and_all_else_stays(values: dict[str, str], text: str) -> None:
    try:
        told = config_file.changed(text, {("provider", key): value for key, value in values.items()})
    except (ConfigError, UnicodeEncodeError):
        return  # what TOML cannot hold, as half of a surrogate pair

    before = tomllib.loads(text)
    assert tomllib.loads(told) == before | {"provider": before.get("provider", {}) | values}


def test_a_file_that_is_no_toml_is_not_touched() -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        config_file.changed("[provider\n", {("provider", "name"): "offline"})


# --- The file itself ---


def test_a_file_is_written_with_its_folders_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "config.toml"

    config_file.write(path, "a = 1\r\n")

    assert config_file.read(path) == "a = 1\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_a_link_is_followed_and_permissions_are_kept(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("old")
    kept.chmod(0o600)
    link = tmp_path / "config.toml"
    link.symlink_to(kept)

    config_file.write(link, "new")

    assert link.is_symlink()
    assert kept.read_text() == "new"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()

    with pytest.raises(ConfigError, match="cannot be written"):
        config_file.write(tmp_path / "config.toml", "new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_a_file_that_is_not_there_is_empty_and_one_that_is_no_text_an_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    assert config_file.read(tmp_path / "none") == ""
    with pytest.raises(ConfigError, match="cannot be read"):
        config_file.read(tmp_path / "binary")
