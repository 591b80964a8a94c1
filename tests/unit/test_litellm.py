"""The dialect of a LiteLLM proxy: what it says, and what it makes of what comes, recorded and imagined."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, Resampler
from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import (
    AppendInput,
    CancelReply,
    CommitInput,
    Configure,
    Event,
    Recalled,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyText,
    RequestReply,
    SendText,
    SendToolResult,
    ServerError,
    SessionConfigured,
    SessionOpened,
    SpeechHeard,
    ToolCall,
    TruncateReply,
    Unrecognised,
    Usage,
    UserText,
    WireCommand,
)
from voice_assistant.dialects import new_dialect
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM
from voice_assistant.dialects.openai import OpenAI
from voice_assistant.errors import ConfigError

WIRE = Path(__file__).parents[1] / "data/wire"
SETTINGS = ProviderSettings(url="http://localhost:4000", model="gemini-live")
FRAME = AudioFrame(bytes(640), NEAR_RATE)

# --- What it is told, as short messages of the proxy ---


def audio(response: str, item: str, pcm: bytes = b"\1\0\2\0") -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "response_id": response,
        "item_id": item,
        "delta": base64.b64encode(pcm).decode(),
    }


def words(response: str, item: str, text: str) -> dict[str, Any]:
    return {
        "type": "response.output_audio_transcript.delta",
        "response_id": response,
        "item_id": item,
        "delta": text,
    }


def audio_done(response: str, item: str) -> dict[str, Any]:
    return {"type": "response.output_audio.done", "response_id": response, "item_id": item}


def created(response: str) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response}}


def done(response: str, tokens: int = 7, **more: object) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "output_tokens": 0}
    return {
        "type": "response.done",
        "response": {"id": response, "status": "completed", "usage": usage, **more},
    }


def heard(text: str, item: str = "") -> dict[str, Any]:
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "transcript": text, "item_id": item or f"item of {text}"}


def tell(dialect: LiteLLM, *happenings: dict[str, Any] | WireCommand) -> list[str]:
    """Let commands be said and messages come, in order; sum up the events in a word or two each."""
    events: list[Event] = []
    for happening in happenings:
        if isinstance(happening, dict):
            events += dialect.decode(json.dumps(happening), 1.0)
        else:
            dialect.encode(happening)
    return summary(events)


def summary(events: list[Event]) -> list[str]:
    return [text for text in map(in_short, events) if text]


def in_short(event: Event) -> str:
    match event:
        case SessionOpened():
            return "opened"
        case SessionConfigured():
            return "configured"
        case SpeechHeard():
            return "speech"
        case UserText(turn=turn, text=text, final=final):
            return f"user {turn}: {text}{'.' if final else ''}"
        case ReplyAudio(item=item, pcm=pcm):
            return f"{item} sounds {len(pcm)}"
        case ReplyText(item=item, text=text):
            return f"{item} says {text}"
        case ReplyComplete(item=item):
            return f"{item} complete"
        case ReplyDone(item=None, interrupted=interrupted):
            return "silent, interrupted" if interrupted else "silent"
        case ReplyDone(item=item, interrupted=True):
            return f"{item} interrupted"
        case ReplyDone(item=item):
            return f"{item} done"
        case ServerError(code=code):
            return f"error {code}"
        case Unrecognised(kind=kind):
            return f"? {kind}"
        case _:
            raise AssertionError(f"a dialect makes no {event}")


@pytest.fixture
def dialect() -> LiteLLM:
    return LiteLLM(SETTINGS, "sk-secret")


# --- The link ---


def test_the_key_rides_in_a_header_and_shows_nowhere(dialect: LiteLLM) -> None:
    request = dialect.request()

    assert request.headers == {"Authorization": "Bearer sk-secret"}
    assert request.url == "ws://localhost:4000/v1/realtime?model=gemini-live"
    assert request.heartbeat_s == 20
    assert "sk-secret" not in repr(request) + repr(dialect) + request.shown + request.url


def test_the_betas_names_are_asked_for_only_by_wish() -> None:
    beta = LiteLLM(ProviderSettings(url="http://localhost:4000", model="m", beta_header=True))

    assert beta.request().headers == {"OpenAI-Beta": "realtime=v1"}


@pytest.mark.parametrize("key", ["sk-a\n", "sk a", "sk-\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        LiteLLM(SETTINGS, key)

    assert "sk" not in str(refused.value)


def test_the_dialect_is_found_by_its_name() -> None:
    offline = replace(SETTINGS, name="offline")

    assert isinstance(new_dialect(SETTINGS, "", []), LiteLLM)
    assert isinstance(new_dialect(offline, "", []), OpenAI)


# --- What it says ---


def test_one_complete_set_up_asks_for_sound_alone_and_keeps_geminis_own_detector() -> None:
    settings = ProviderSettings(
        url="http://localhost:4000",
        model="m",
        voice="Kore",
        instructions="Be brief.",
        silence_duration_ms=1500,
    )

    (message,) = LiteLLM(settings).encode(Configure())

    assert json.loads(message) == {
        "type": "session.update",
        "session": {
            "modalities": ["audio"],
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 1500},
            "instructions": "Be brief.",
            "voice": "Kore",
        },
    }


def test_what_the_user_leaves_empty_is_left_to_the_provider() -> None:
    (message,) = LiteLLM(
        ProviderSettings(url="http://localhost:4000", model="m", voice="", instructions="")
    ).encode(Configure())

    assert not {"voice", "instructions"} & json.loads(message)["session"].keys()


@pytest.mark.parametrize("word", ["commit", "end"])
def test_the_end_of_a_turn_is_said_in_the_word_that_is_set(word: Any) -> None:
    dialect = LiteLLM(ProviderSettings(url="http://localhost:4000", model="m", end_of_turn=word))

    (message,) = dialect.encode(CommitInput(1))

    assert json.loads(message) == {"type": f"input_audio_buffer.{word}"}


def test_what_the_proxy_has_no_word_for_is_not_said(dialect: LiteLLM) -> None:
    for command in (RequestReply(), CancelReply("a"), TruncateReply("a", 10.0)):
        assert dialect.encode(command) == []


def sent(dialect: LiteLLM, turn: int, pcm: bytes, cuts: list[int], *, commit: bool = True) -> bytes:
    """Send a turn in frames of these many samples; give the sound that went on the wire."""
    messages: list[str | bytes] = []
    at = 0
    for cut in [*cuts, len(pcm) // 2]:
        frame = pcm[at * 2 : (at + cut) * 2]
        if frame:
            messages += dialect.encode(AppendInput(turn, AudioFrame(frame, NEAR_RATE, at)))
        at += cut
    if commit:
        messages += dialect.encode(CommitInput(turn))
    bodies = [json.loads(message) for message in messages]
    return b"".join(base64.b64decode(body["audio"]) for body in bodies if "audio" in body)


@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=900),
    cuts=st.lists(st.integers(1, 400), max_size=6),
)
def test_a_turn_goes_out_whole_at_24_khz_however_it_is_framed(samples: list[int], cuts: list[int]) -> None:
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    at_once = Resampler(NEAR_RATE, REPLY_RATE)

    assert sent(LiteLLM(SETTINGS), 1, pcm, cuts) == at_once.feed(pcm) + at_once.flush()


def test_nothing_of_a_turn_sounds_in_the_next(dialect: LiteLLM) -> None:
    loud, quiet = b"\xff\x7f" * 800, bytes(1600)
    sent(dialect, 1, loud, [], commit=False)

    assert not any(sent(dialect, 2, quiet, []))


# --- What it makes of recorded calls ---

RECORDED = {
    "turn": [
        "user 1: Hello",
        "user 1: Hello there",
        "A sounds 480",
        "A sounds 480",
        "user 1: Hello there, you",
        "A complete",
        "user 1: Hello there, you.",
        "A done",
    ],
    "lossy": [
        "A sounds 480",
        "A sounds 480",
        "A complete",
        "A done",
        "A#2 sounds 480",
        "A#2 sounds 480",
        "A#2 complete",
        "A#2 done",
        "A#3 sounds 480",
        "A#3 sounds 480",
        "A#3 complete",
        "A#3 done",
    ],
    "interruption": [
        "A sounds 480",
        "A sounds 480",
        "A interrupted",
        "A interrupted",
        "user 2: Stop",
        "B sounds 480",
        "B sounds 480",
        "B complete",
        "user 2: Stop.",
        "B done",
    ],
    "interruption_in_one_frame": ["A sounds 960", "A interrupted", "silent"],
    "silent": [
        "user 1: Hm",
        "user 1: Hm.",
        "silent",
        "A sounds 960",
        "A complete",
        "A done",
        "user 3: Hm hm",
        "user 3: Hm hm.",
        "silent",
    ],
    "parts": ["A sounds 70", "A complete", "A done"],
    "thoughts": [
        "? response.output_text.delta",
        "A says Hi",
        "A sounds 480",
        "A sounds 480",
        "A says  there",
        "A complete",
        "A done",
    ],
    "beta": [
        "user 1: Hello",
        "A says Hi",
        "A sounds 480",
        "A sounds 480",
        "A complete",
        "user 1: Hello.",
        "A done",
    ],
}


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recorded_call_is_understood(path: Path, dialect: LiteLLM) -> None:
    name, _, mode = path.stem.rpartition("_")
    text = path.read_text()
    happenings: list[dict[str, Any] | WireCommand] = []
    for line in map(json.loads, text.splitlines()):
        match line:
            case {"got": message}:
                happenings.append(message)
            case {"do": "AppendInput", "turn": turn}:
                happenings.append(AppendInput(turn, FRAME))
            case {"do": "CommitInput", "turn": turn}:
                happenings.append(CommitInput(turn))

    told = tell(dialect, *happenings)

    names: dict[str, str] = {}
    for event in told:
        item = event.partition(" ")[0].partition("#")[0]
        if item.startswith("item_") and item not in names:
            names[item] = "AB"[len(names)]
    for item, letter in names.items():
        told = [event.replace(item, letter) for event in told]
    opening = ["opened", "configured"] if mode == "deferred" else ["opened"]
    assert [event for event in told if event in ("opened", "configured")] == opening
    assert [event for event in told if event not in ("opened", "configured")] == RECORDED[name]


def test_every_kind_of_recorded_call_is_there() -> None:
    assert {path.stem.rpartition("_")[0] for path in WIRE.glob("*.jsonl")} == RECORDED.keys()


# --- Sessions ---


def test_a_session_opens_with_what_the_provider_can_do(dialect: LiteLLM) -> None:
    (opened,) = dialect.decode('{"type": "session.created", "session": {"model": "gemini-x"}}', 2.5)

    assert isinstance(opened, SessionOpened)
    assert (opened.at, opened.model) == (2.5, "gemini-x")
    can = opened.capabilities
    assert can.confirms_setup == "perhaps"
    assert not any((can.cancel, can.truncate))
    assert "gemini_live_defer_setup" in can.unconfigured_remedy


def test_a_session_opens_once(dialect: LiteLLM) -> None:
    opening = {"type": "session.created", "session": {}}

    assert tell(dialect, opening, opening) == ["opened", "? session.created, again"]


def test_speech_that_a_newer_proxy_reports_is_handed_on(dialect: LiteLLM) -> None:
    assert tell(dialect, {"type": "input_audio_buffer.speech_started"}) == ["speech"]


# --- The user's words ---


def test_fragments_belong_to_the_newest_turn_that_was_sent(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        heard("Hey"),
        AppendInput(4, FRAME),
        heard(" one"),
        heard(" two"),
        CommitInput(4),
        heard(" three"),
        AppendInput(5, FRAME),
        heard("four"),
    )

    assert told == ["user 0: Hey", "user 4: one", "user 4: one two", "user 4: one two three", "user 5: four"]


def test_a_part_that_comes_again_under_its_own_id_replaces_itself(dialect: LiteLLM) -> None:
    delta = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "i"}

    told = tell(dialect, delta | {"delta": "Wha"}, delta | {"delta": "t"}, heard("What?", "i"))

    assert told == ["user 0: Wha", "user 0: What", "user 0: What?"]


def test_a_turn_of_which_more_is_sent_is_not_final_any_more(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        AppendInput(1, FRAME),
        heard("one"),
        done("lone"),
        heard(" two"),
        AppendInput(1, FRAME),
        heard(" three"),
        done("lone 2"),
    )

    assert told == [
        "user 1: one",
        "user 1: one.",
        "silent",
        "user 1: one two.",
        "user 1: one two three",
        "user 1: one two three.",
        "silent",
    ]


def test_blank_words_are_no_words(dialect: LiteLLM) -> None:
    assert tell(dialect, heard(" "), heard("\n")) == []


# --- Replies ---


def test_tokens_are_handed_on_as_counted(dialect: LiteLLM) -> None:
    usage = {
        "input_tokens": 5,
        "output_tokens": 6,
        "input_token_details": {"audio_tokens": 3, "cached_tokens": 1},
        "output_token_details": {"audio_tokens": 4},
    }

    (ended,) = dialect.decode(json.dumps(done("r", usage=usage)), 1.0)

    assert ended == ReplyDone(1.0, None, usage=Usage(5, 6, 3, 4, 1))


def test_a_sample_cut_in_two_is_joined(dialect: LiteLLM) -> None:
    events: list[Event] = []
    for part in (b"\1", b"\2\3", b"\4"):
        events += dialect.decode(json.dumps(audio("r", "i", part)), 1.0)

    assert [event.pcm for event in events if isinstance(event, ReplyAudio)] == [b"\1\2", b"\3\4"]


def test_a_reply_that_was_never_ended_ends_when_the_next_one_begins(dialect: LiteLLM) -> None:
    assert tell(dialect, audio("r", "i"), audio("r2", "i2")) == [
        "i sounds 4",
        "i complete",
        "i done",
        "i2 sounds 4",
    ]


def test_sound_under_the_same_ids_after_a_whole_turn_of_the_user_is_a_new_reply(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        AppendInput(1, FRAME),
        CommitInput(1),
        audio("r", "i"),
        AppendInput(2, FRAME),
        CommitInput(2),
        heard("more"),
        audio("r", "i"),
        audio("r", "i"),
    )

    assert told == ["i sounds 4", "user 2: more", "i complete", "i done", "i#2 sounds 4", "i#2 sounds 4"]


def test_late_words_of_the_user_do_not_cut_a_reply_in_two(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        AppendInput(1, FRAME),
        CommitInput(1),
        audio("r", "i"),
        AppendInput(2, FRAME),
        heard("late"),
        audio("r", "i"),
    )

    assert told == ["i sounds 4", "user 2: late", "i sounds 4"]


def test_words_that_trail_their_sound_belong_to_it(dialect: LiteLLM) -> None:
    told = tell(
        dialect, audio("r", "i"), audio_done("r", "i"), AppendInput(1, FRAME), words("r", "i", "late")
    )

    assert told == ["i sounds 4", "i complete", "i says late"]


def test_words_that_come_before_the_sound_of_a_reply_with_used_ids_are_its_own(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        audio("r", "i"),
        audio_done("r", "i"),
        AppendInput(1, FRAME),
        CommitInput(1),
        words("r", "i", "next"),
        audio("r", "i"),
    )

    assert told == ["i sounds 4", "i complete", "i done", "i#2 says next", "i#2 sounds 4"]


def test_the_end_of_an_item_is_the_end_of_its_sound_and_is_told_once(dialect: LiteLLM) -> None:
    item_done = {"type": "response.output_item.done", "response_id": "r", "item": {"id": "i"}}

    assert tell(dialect, audio("r", "i"), item_done, audio_done("r", "i")) == ["i sounds 4", "i complete"]


def test_an_interruption_after_the_last_sound_does_not_look_like_a_silent_turn(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        audio("r", "i"),
        audio_done("r", "i"),
        AppendInput(1, FRAME),
        done("r", tokens=0),
        done("unknown"),
    )

    assert told == ["i sounds 4", "i complete", "i done", "i done"]


def test_a_lone_end_in_a_later_turn_is_a_silent_turn(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        audio("r", "i"),
        AppendInput(1, FRAME),
        done("r", tokens=0),
        AppendInput(2, FRAME),
        done("unknown"),
    )

    assert told == ["i sounds 4", "i interrupted", "silent"]


def test_a_silent_turn_after_a_reply_whose_end_was_lost_is_told_though_it_bears_the_replys_id(
    dialect: LiteLLM,
) -> None:
    told = tell(
        dialect,
        AppendInput(1, FRAME),
        CommitInput(1),
        audio("r", "i"),
        audio_done("r", "i"),
        AppendInput(2, FRAME),
        CommitInput(2),
        heard("Well?"),
        done("r"),
    )

    assert told == ["i sounds 4", "i complete", "user 2: Well?", "i done", "user 2: Well?.", "silent"]


def test_an_announced_reply_that_is_broken_off_before_its_first_sound_was_interrupted(
    dialect: LiteLLM,
) -> None:
    assert tell(dialect, created("r"), done("r", tokens=0)) == ["silent, interrupted"]


def test_a_call_for_a_tool_does_not_interrupt_what_was_said_before_it(dialect: LiteLLM) -> None:
    told = tell(dialect, created("r"), audio("r", "i"), done("r", output=[{"type": "function_call"}]))

    assert told == ["i sounds 4", "i complete", "i done"]


def test_a_call_for_a_tool_is_told_once_with_all_it_holds(dialect: LiteLLM) -> None:
    call = {"response_id": "r", "item_id": "t"}
    item = {"id": "t", "type": "function_call", "call_id": "c", "name": "set_timer", "arguments": "{}"}

    told = [
        event
        for message in (
            created("r"),
            {"type": "response.output_item.added", "item": {"type": "function_call"}},
            {"type": "response.function_call_arguments.delta", **call},
            {"type": "response.function_call_arguments.done", **call},
            {"type": "response.output_item.done", "response_id": "r", "item": item},
        )
        for event in dialect.decode(json.dumps(message), 1.0)
    ]

    assert told == [ToolCall(1.0, "c", "set_timer", "{}")]


def test_what_was_typed_is_followed_by_the_wish_for_an_answer(dialect: LiteLLM) -> None:
    sent = [json.loads(message) for message in dialect.encode(SendText("What is 6 times 7?"))]

    assert [message["type"] for message in sent] == ["conversation.item.create", "response.create"]
    assert sent[0]["item"]["content"] == [{"type": "input_text", "text": "What is 6 times 7?"}]


def test_what_a_tool_gave_back_goes_to_the_call_that_asked(dialect: LiteLLM) -> None:
    sent = [json.loads(message) for message in dialect.encode(SendToolResult("c", '{"ok": true}'))]

    assert sent == [
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c", "output": '{"ok": true}'},
        }
    ]


def test_tools_and_what_was_said_before_ride_with_the_set_up() -> None:
    tool = ToolSpec("set_timer", "Set a timer.", {"type": "object"})
    settings = ProviderSettings(url="http://localhost:4000", model="m", instructions="Be kind.")
    dialect = LiteLLM(settings, "key", [tool])

    recall = (Recalled("user", "Who wrote Faust?"), Recalled("assistant", "Goethe."))
    session = json.loads(dialect.encode(Configure(recall))[0])["session"]

    assert session["tools"][0]["name"] == "set_timer"
    assert session["instructions"].startswith("Be kind.")
    assert "User: Who wrote Faust?\nYou: Goethe." in session["instructions"]


def test_a_reply_that_failed_says_why(dialect: LiteLLM) -> None:
    failure = {"error": {"message": "out of tokens"}}

    told = dialect.decode(json.dumps(done("r", status="failed", status_details=failure)), 1.0)

    assert told[0] == ServerError(1.0, "out of tokens", "reply_failed")


def test_an_item_is_never_used_twice_even_where_an_id_looks_like_ours(dialect: LiteLLM) -> None:
    told = tell(
        dialect,
        audio("r", "i#2"),
        audio_done("r", "i#2"),
        audio("r", "i"),
        audio_done("r", "i"),
        audio("r", "i"),
    )

    sounding = [event.partition(" ")[0] for event in told if "sounds" in event]
    assert len(set(sounding)) == 3


@pytest.mark.parametrize(
    ("message", "code", "wanted"),
    [
        ("upstream websocket closed with code 1011: no", "server_error", "upstream_closed_1011"),
        ("Upstream realtime handshake rejected with HTTP 429", "server_error", "upstream_refused_429"),
        (
            "400: {'error': '_arealtime: Invalid model name passed in model=x.",
            "server_error",
            "unknown_model",
        ),
        ("something else", "server_error", "server_error"),
    ],
)
def test_an_error_is_named_by_what_it_says(dialect: LiteLLM, message: str, code: str, wanted: str) -> None:
    (event,) = dialect.decode(json.dumps({"type": "error", "error": {"type": code, "message": message}}), 1.0)

    assert event == ServerError(1.0, message, wanted)


# --- Anything at all ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    [
        "error",
        "session.created",
        "session.updated",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.delta",
        "response.created",
        "response.done",
        "response.audio.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_item.done",
        "response.output_text.done",
    ]
)
fields = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        name: st.sampled_from(["a", "b", "AAAA", "AA==AAA=", ""]) | json_values
        for name in ("delta", "item_id", "response_id", "transcript", "error")
    }
    | {
        name: st.fixed_dictionaries(
            {},
            optional={
                key: st.sampled_from(["a", "b"]) | json_values for key in ("id", "status", "usage", "output")
            },
        )
        | json_values
        for name in ("item", "response", "session")
    },
)


@given(message=st.text() | st.binary() | json_values.map(json.dumps) | fields.map(json.dumps))
def test_no_message_whatever_raises(message: str | bytes) -> None:
    for event in LiteLLM(SETTINGS).decode(message, 1.0):
        event_text = repr(event).encode()
        assert event_text


steps = st.one_of(
    st.builds(audio, st.sampled_from("rs"), st.sampled_from("ij"), st.binary(max_size=5)),
    st.builds(words, st.sampled_from("rs"), st.sampled_from("ij"), st.sampled_from(["so", ""])),
    st.builds(audio_done, st.sampled_from("rs"), st.sampled_from("ij")),
    st.builds(created, st.sampled_from("rs")),
    st.builds(done, st.sampled_from("rst"), st.sampled_from([0, 7])),
    st.builds(heard, st.sampled_from([" a", "b"])),
    st.builds(lambda turn: AppendInput(turn, FRAME), st.integers(1, 4)),
    st.builds(CommitInput, st.integers(1, 4)),
)


@given(happenings=st.lists(steps, max_size=30))
def test_in_any_order_a_reply_sounds_then_completes_then_is_done(
    happenings: list[dict[str, Any] | WireCommand],
) -> None:
    told = tell(LiteLLM(SETTINGS), *happenings)

    over: set[str] = set()
    complete: set[str] = set()
    for event in told:
        item, _, what = event.partition(" ")
        match what.partition(" ")[0]:
            case "sounds":
                assert item not in over | complete
            case "complete":
                assert item not in over | complete
                complete.add(item)
            case "done" | "interrupted":
                over.add(item)


@given(happenings=st.lists(steps, max_size=30))
def test_in_any_order_every_whole_sample_is_handed_on_once(
    happenings: list[dict[str, Any] | WireCommand],
) -> None:
    given_bytes = 0
    for happening in happenings:
        if isinstance(happening, dict) and "audio.delta" in happening["type"]:
            happening["delta"] = base64.b64encode(base64.b64decode(happening["delta"])[:4].ljust(4)).decode()
            given_bytes += 4

    told = tell(LiteLLM(SETTINGS), *happenings)

    assert sum(int(event.split()[-1]) for event in told if " sounds " in event) == given_bytes


def test_a_reply_that_nobody_spoke_into_was_not_broken_off_though_its_end_is_missing(
    dialect: LiteLLM,
) -> None:
    assert tell(dialect, AppendInput(1, FRAME), CommitInput(1), audio("r", "i"), done("r")) == [
        "i sounds 4",
        "i done",
    ]


def test_a_session_that_is_confirmed_before_it_is_announced_is_one_session() -> None:
    dialect = LiteLLM(SETTINGS)

    confirmed = dialect.decode('{"type": "session.updated", "session": {}}', 1.0)
    announced = dialect.decode('{"type": "session.created", "session": {}}', 1.1)

    assert [type(event) for event in confirmed] == [SessionOpened, SessionConfigured]
    assert [type(event) for event in announced] == [Unrecognised]


def test_an_error_that_repeats_the_key_is_told_without_it_and_in_one_line(dialect: LiteLLM) -> None:
    message = "bad key sk-secret\nat wss://g/ws?key=AIzaSyAbc " + 300 * "x"

    (event,) = dialect.decode(json.dumps({"type": "error", "error": {"message": message}}), 1.0)

    assert isinstance(event, ServerError)
    assert event.message.startswith("bad key [hidden] at wss://g/ws?[hidden] xxx")
    assert len(event.message) == 200


def test_a_reply_that_failed_is_told_without_the_key(dialect: LiteLLM) -> None:
    failed = {
        "id": "r",
        "status": "failed",
        "status_details": {"error": {"message": "no sk-secret, no more"}},
    }

    events = dialect.decode(json.dumps({"type": "response.done", "response": failed}), 1.0)

    assert events[0] == ServerError(1.0, "no [hidden], no more", "reply_failed")
