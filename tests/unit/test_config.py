"""Settings are gathered from many places, later wins, and what does not fit is named with its remedy."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant import config
from voice_assistant.config import FLAGS, KNOWN, Config, load
from voice_assistant.core.turns import TurnSettings
from voice_assistant.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_files_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "user_file", lambda: tmp_path / "user.toml")
    monkeypatch.setattr(config, "shipped_file", lambda: tmp_path / "shipped.toml")
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    path = Path.cwd() / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(
    flags: dict[str, str] | None = None, environ: dict[str, str] | None = None, file: Path | None = None
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environ or {}, file)
    return caught.value


# --- The file that is shipped ---


def test_the_shipped_file_holds_every_setting_at_its_default() -> None:
    shipped = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))

    declared = {table: {key: known.default for key, known in keys.items()} for table, keys in KNOWN.items()}

    assert shipped == declared


def test_the_shipped_file_is_found_at_the_root_of_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert config.shipped_file() == ROOT / "config.toml"


def test_every_setting_in_the_shipped_file_says_what_it_is() -> None:
    lines = (ROOT / "config.toml").read_text(encoding="utf-8").splitlines()

    bare = [
        line
        for before, line in pairwise(lines)
        if " = " in line and not line.startswith("#") and "  #" not in line and not before.startswith("#")
    ]

    assert bare == []


def numbers_with_their_limits() -> list[tuple[str, str, float, float]]:
    """Read from the shipped file between which numbers a setting may lie: table, key, lowest, highest."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    found = []
    for section in re.split(r"^\[", text, flags=re.MULTILINE)[1:]:
        table = section.partition("]")[0]
        line = r"^(\w+) = [-\d.]+ .*?# .*?(-?[\d.]+) to (-?[\d.]+)"
        for key, low, high in re.findall(line, section, re.MULTILINE):
            found.append((table, key, float(low.rstrip(".")), float(high.rstrip("."))))
    return found


def test_every_number_in_the_shipped_file_has_limits() -> None:
    numbers = {
        (table, key) for table, keys in KNOWN.items() for key in keys if keys[key].type in (int, float)
    }

    assert {(table, key) for table, key, _, _ in numbers_with_their_limits()} == numbers


@pytest.mark.parametrize(("table", "key", "low", "high"), numbers_with_their_limits())
def test_the_limits_that_the_shipped_file_names_are_those_that_hold(
    table: str, key: str, low: float, high: float
) -> None:
    whole = KNOWN[table][key].type is int

    def says(value: float) -> Path:
        return write("user.toml", f"[{table}]\n{key} = {int(value) if whole else value}")

    for within in (low, high):
        load({}, {}, says(within))
    for beyond in (low - 1, high + 1):
        assert f"[{table}] {key} is " in str(refused(file=says(beyond)))


# --- Order ---


def test_without_any_word_everything_is_at_its_default() -> None:
    assert load({}, {}) == Config()


def test_later_wins_shipped_file_user_file_environment_flag() -> None:
    said: list[Config] = [load({}, {})]
    write("shipped.toml", "[turns]\nhangover_ms = 1000\ntail_ms = 100\nmode = 'push-to-talk'")
    said.append(load({}, {}))
    write("user.toml", "[turns]\nhangover_ms = 1100\nmode = 'hands-free'")
    said.append(load({}, {}))
    environ = {"VOICE_ASSISTANT_TURNS_HANGOVER_MS": "1200", "VOICE_ASSISTANT_TURNS_MODE": "hands-free"}
    said.append(load({}, environ))
    said.append(load({"--mode": "push-to-talk"}, environ))

    assert [(one.turns.hangover_ms, one.turns.mode) for one in said] == [
        (TurnSettings().hangover_ms, "hands-free"),
        (1000, "push-to-talk"),
        (1100, "hands-free"),
        (1200, "hands-free"),
        (1200, "push-to-talk"),
    ]
    assert [one.turns.tail_ms for one in said] == [TurnSettings().tail_ms, 100, 100, 100, 100]


def test_a_file_that_is_named_is_read_instead_of_the_users_own() -> None:
    write("user.toml", "[turns]\nhangover_ms = 1100\ntail_ms = 100")
    named = write("other.toml", "[turns]\nhangover_ms = 1300")

    turns = load({}, {}, named).turns

    assert (turns.hangover_ms, turns.tail_ms) == (1300, TurnSettings().tail_ms)


def test_the_proxy_has_a_variable_of_its_own_and_ours_wins_over_it() -> None:
    alone = load({}, {"LITELLM_URL": "http://one:1"})
    both = load({}, {"LITELLM_URL": "http://one:1", "VOICE_ASSISTANT_PROVIDER_URL": "http://two:2"})

    assert (alone.provider.url, both.provider.url) == ("http://one:1", "http://two:2")


def test_an_empty_variable_of_the_proxy_counts_as_none() -> None:
    assert load({}, {"LITELLM_URL": ""}).provider.url == Config().provider.url


def test_every_flag_sets_something_that_exists() -> None:
    assert [
        setting for setting in FLAGS.values() if setting.split(".")[1] not in KNOWN[setting.split(".")[0]]
    ] == []


# --- Types ---


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("Yes", True), ("1", True), ("off", False), ("0", False), ("no", False)],
)
def test_the_environment_says_true_and_false_in_the_usual_words(word: str, value: bool) -> None:
    assert load({}, {"VOICE_ASSISTANT_PROVIDER_BETA_HEADER": word}).provider.beta_header is value


def test_a_whole_number_will_do_where_a_number_with_a_point_is_wanted() -> None:
    write("user.toml", "[barge_in]\nduck_db = 12")

    duck = load({}, {}).barge_in.duck_db

    assert (duck, type(duck)) == (12.0, float)


@given(hangover_ms=st.integers(200, 3000))
def test_a_number_means_the_same_in_a_file_and_in_the_environment(hangover_ms: int) -> None:
    named = write("any.toml", f"[turns]\nhangover_ms = {hangover_ms}")

    from_file = load({}, {}, named)
    from_environment = load({}, {"VOICE_ASSISTANT_TURNS_HANGOVER_MS": str(hangover_ms)})

    assert from_file.turns.hangover_ms == from_environment.turns.hangover_ms == hangover_ms


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hangover_ms = '600'", "[turns] hangover_ms is '600'; it must be a whole number"),
        ("hangover_ms = 600.5", "[turns] hangover_ms is 600.5; it must be a whole number"),
        ("hangover_ms = true", "[turns] hangover_ms is true; it must be a whole number"),
        ("longest_turn_s = 'long'", "[turns] longest_turn_s is 'long'; it must be a number"),
        ("longest_turn_s = nan", "[turns] longest_turn_s is nan; it must be 5 to 600"),
        ("mode = 'both'", "[turns] mode is 'both'; it must be 'hands-free' or 'push-to-talk' or 'wake-word'"),
        (
            "mode = ['hands-free']",
            "[turns] mode is ['hands-free']; it must be 'hands-free' or 'push-to-talk' or 'wake-word'",
        ),
        ("hangover_ms.x = 1", "[turns] hangover_ms is {'x': 1}; it must be a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(line: str, message: str) -> None:
    write("user.toml", f"[turns]\n{line}")

    assert str(refused()) == f"user.toml: {message}"


def test_text_where_a_number_stands_is_refused_in_the_environment_too() -> None:
    error = refused(environ={"VOICE_ASSISTANT_TURNS_HANGOVER_MS": "soon"})

    assert str(error) == "VOICE_ASSISTANT_TURNS_HANGOVER_MS is 'soon'; it must be a whole number"
    assert (
        error.remedy
        == f"Set VOICE_ASSISTANT_TURNS_HANGOVER_MS to {TurnSettings().hangover_ms}, the default, or unset it."
    )


# --- Limits ---


def test_a_value_out_of_range_names_file_table_key_value_and_remedy() -> None:
    write("config.toml", "[turns]\nhangover_ms = 60")

    error = refused(file=Path.cwd() / "config.toml")

    assert str(error) == "config.toml: [turns] hangover_ms is 60; it must be 200 to 3000"
    assert (
        error.remedy
        == f"Write hangover_ms = {TurnSettings().hangover_ms}, the default, or leave the line out."
    )
    assert (error.slug, error.exit_code) == ("config", 2)


def test_a_flag_out_of_its_choices_is_named_as_the_flag() -> None:
    error = refused(flags={"--mode": "loud"})

    assert str(error) == "--mode is 'loud'; it must be 'hands-free' or 'push-to-talk' or 'wake-word'"
    assert error.remedy == "Write --mode hands-free, the default, or leave the flag out."


def test_a_bad_value_that_a_later_place_overrides_does_no_harm() -> None:
    write("user.toml", "[turns]\nhangover_ms = 60")

    assert load({}, {"VOICE_ASSISTANT_TURNS_HANGOVER_MS": "900"}).turns.hangover_ms == 900


# --- Unknown names ---


def test_an_unknown_key_is_an_error_with_the_nearest_known_name() -> None:
    write("user.toml", "[turns]\nhangover = 600")

    error = refused()

    assert str(error) == "user.toml: [turns] has no setting hangover"
    assert error.remedy == "Did you mean hangover_ms?"


def test_an_unknown_key_like_no_other_gets_the_list() -> None:
    write("user.toml", "[echo]\nzzzzzz = 1")

    assert refused().remedy == "Use one of: mode, send."


def test_an_unknown_table_is_an_error_with_the_nearest_known_name() -> None:
    write("user.toml", "[turn]\nhangover_ms = 600")

    error = refused()

    assert (str(error), error.remedy) == ("user.toml: there is no table [turn]", "Did you mean [turns]?")


def test_a_key_outside_any_table_is_told_where_it_belongs() -> None:
    write("user.toml", "hangover_ms = 600")

    error = refused()

    assert str(error) == "user.toml: hangover_ms stands outside any table"
    assert error.remedy == "Put it under [turns]."


@pytest.mark.parametrize("name", ["VOICE_ASSISTANT_TURNS_HANGOVER", "VOICE_ASSISTANT_TURN_HANGOVER_MS"])
def test_a_misspelt_variable_is_an_error(name: str) -> None:
    error = refused(environ={name: "600"})

    assert str(error) == f"{name} names no setting"
    assert error.remedy == "Did you mean VOICE_ASSISTANT_TURNS_HANGOVER_MS?"


def test_a_variable_of_another_kind_that_shares_the_prefix_is_left_alone() -> None:
    assert load({}, {"VOICE_ASSISTANT_CI": "1", "VOICE_ASSISTANT_LITELLM": "/bin/litellm"}) == Config()


# --- Files that cannot be read ---


def test_a_file_that_was_named_must_exist() -> None:
    error = refused(file=Path("nowhere.toml"))

    assert str(error) == "nowhere.toml cannot be read: No such file or directory"


def test_a_folder_is_no_file() -> None:
    (Path.cwd() / "user.toml").mkdir()

    assert str(refused()).startswith("user.toml cannot be read:")


def test_what_is_not_toml_is_told_with_its_line() -> None:
    write("user.toml", "[turns]\nmode = hands-free")

    error = refused()

    assert str(error).startswith("user.toml is not valid TOML:")
    assert "line 2" in str(error)


def test_bytes_that_are_no_text_are_told() -> None:
    (Path.cwd() / "user.toml").write_bytes(b"\xff\xfe\x00")

    assert str(refused()).startswith("user.toml is not valid TOML:")


def test_a_byte_order_mark_does_no_harm() -> None:
    (Path.cwd() / "user.toml").write_bytes(b"\xef\xbb\xbf[turns]\nhangover_ms = 900\n")

    assert load({}, {}).turns.hangover_ms == 900


# --- Secrets ---

SECRET = "sk-this-is-a-secret-0123456789"


@pytest.mark.parametrize(
    "line", ["[provider]\napi_key = '{}'", "LITELLM_API_KEY = '{}'", "[provider]\ntoken = '{}'"]
)
def test_a_key_in_a_file_is_an_error_that_does_not_print_it(line: str) -> None:
    write("user.toml", line.format(SECRET))

    error = refused()

    assert "looks like a key" in str(error)
    assert SECRET not in f"{error} {error.remedy}"
    assert "LITELLM_API_KEY" in error.remedy


def test_a_secret_that_stands_in_the_wrong_place_is_not_printed() -> None:
    write("user.toml", f"[turns]\nmode = '{SECRET}'")

    assert SECRET not in str(refused())


def test_a_value_is_shown_short_and_without_control_characters() -> None:
    write("user.toml", f'[turns]\nmode = "\\u001b[2J{"x" * 500}"')

    message = str(refused())

    assert message.isprintable()
    assert len(message) < 200


# --- The parts ---


def test_every_setting_is_of_a_type_that_can_be_said_in_a_file_and_in_a_variable() -> None:
    odd = [
        f"[{table}] {key}"
        for table, keys in KNOWN.items()
        for key, known in keys.items()
        if known.type not in (str, int, float, bool) and typing.get_origin(known.type) is not typing.Literal
    ]

    assert odd == []


def test_a_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}, {}).turns = TurnSettings()  # type: ignore[misc]
