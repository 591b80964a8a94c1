"""What a LiteLLM proxy says when it speaks for Gemini, and what it understands.

The words are OpenAI's (``openai_realtime.py``); what they mean here differs, for the proxy makes them up from
Gemini's own messages and leaves out what it cannot translate. This file makes whole meanings of that: replies
with ids that are never used twice, the user's words joined, an end for whatever ended. Each oddity is told
where it is handled and was measured on LiteLLM 1.106; ``docs/dialects.md`` lists them.

Nothing is sent for what the proxy would drop without a word: to cancel or cut a reply, to take sound back, to
ask for a reply. Only what was typed is followed by the wish for a reply: Gemini needs none and the proxy
drops it, but a server of OpenAI's kind behind the same proxy answers nothing written without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES, AudioFrame, Resampler
from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import (
    AppendInput,
    CancelReply,
    Capabilities,
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
    WireCommand,
)
from voice_assistant.dialects import openai_realtime as wire
from voice_assistant.dialects.base import LinkRequest, ProviderSettings, with_recall
from voice_assistant.dialects.names import ItemNames, Repeats
from voice_assistant.dialects.proxy import realtime_url, shown_url
from voice_assistant.dialects.refusals import code_of_report, one_line
from voice_assistant.dialects.unpacking import Message
from voice_assistant.dialects.user_words import UserWords
from voice_assistant.errors import ConfigError

CAPABILITIES = Capabilities(
    turn_end="both",
    cancel=False,
    truncate=False,
    confirms_setup="perhaps",
    # Gemini ends a connection after about ten minutes, and the proxy keeps its warning to itself.
    session_limit_s=600.0,
    unconfigured_remedy=(
        "Have gemini_live_defer_setup: true put under litellm_settings in the proxy's configuration."
    ),
    wordless_remedy="LiteLLM asks for the assistant's words only of vertex_ai/ models, not of gemini/ ones.",
)

HEARTBEAT_S = 20.0


@dataclass(slots=True)
class _Reply:
    """The reply that is coming in.

    Args:
        item: Our id for it.
        ids: The wire's ids of response and item.
        turn: The newest turn of ours when it began.
        is_ended: Its sound, or its item, is complete.
        was_spoken_into: Something was sent to the provider since it began.
        cut_sample: The first byte of a sample whose second one is still to come.
    """

    item: str
    ids: tuple[str, str]
    turn: int
    has_sound: bool = False
    is_ended: bool = False
    was_spoken_into: bool = False
    cut_sample: bytes = b""


@dataclass(frozen=True, slots=True)
class _Phantom:
    """An end that may come once more, under an unknown id; see ``_reply_ended``."""

    item: str | None
    turn: int
    interrupted: bool


class LiteLLM:
    """One websocket's worth of conversation with a LiteLLM proxy.

    Args:
        settings: Which proxy and model, and who the assistant shall be. ``model`` must be known by now.
        key: The proxy's key; empty where it wants none.
        tools: What the model may ask for; known to it where the proxy passes the set-up on.
        names: Those of the replies of earlier links.

    Raises:
        ConfigError: The address or the key is none, or no model is named.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        key: str = "",
        tools: Sequence[ToolSpec] = (),
        names: ItemNames | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._url = realtime_url(settings.url, settings.model)
        if not key.isprintable() or " " in key:
            raise ConfigError(
                "the proxy's key holds a space or a line break",
                remedy="Copy it anew into LITELLM_API_KEY, without quotes around it.",
            )
        self._key = key
        self._is_open = False
        self._turn = 0
        self._committed = 0
        self._near: Resampler | None = None
        self._words = UserWords()
        self._reply: _Reply | None = None
        self._announced: str | None = None
        self._announced_ended = False
        self._names = names or ItemNames()
        self._repeats = Repeats()
        self._newer_words = False
        self._phantom: _Phantom | None = None

    def request(self) -> LinkRequest:
        """Say how to open the websocket."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        if self._settings.beta_header:
            headers["OpenAI-Beta"] = "realtime=v1"
        return LinkRequest(self._url, shown_url(self._url), headers, HEARTBEAT_S)

    # --- What we say ---

    def encode(self, command: WireCommand) -> list[str | bytes]:
        """Put a command into messages, in order; an empty list where the proxy has no word for it."""
        if self._reply is not None and isinstance(command, AppendInput | SendText):
            self._reply.was_spoken_into = True
        match command:
            case Configure(recall=recall):
                return [wire.session_update(self._session(recall))]
            case AppendInput(turn=turn, frame=frame):
                return self._append(turn, frame)
            case CommitInput(turn=turn):
                return self._commit(turn)
            case SendText(text=text):
                return [wire.create_message("user", text), wire.create_reply()]
            case SendToolResult(call=call, output=output):
                return [wire.tool_result(call, output)]
            case RequestReply() | CancelReply() | TruncateReply():
                return []

    def _session(self, recall: tuple[Recalled, ...]) -> dict[str, object]:
        # The flat shape of the beta: the proxy translates it for whatever is behind it. Sound only: with
        # text beside it Gemini refuses the whole set-up. A turn detection other than server_vad would take
        # Gemini's own detector away, and the proxy cannot say what must then be said in its place.
        session: dict[str, object] = {
            "modalities": ["audio"],
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": {
                "type": "server_vad",
                "prefix_padding_ms": self._settings.prefix_padding_ms,
                "silence_duration_ms": self._settings.silence_duration_ms,
            },
        }
        # What was said before rides with the instructions: an item of its own would be answered at once.
        if instructions := with_recall(self._settings.instructions, recall):
            session["instructions"] = instructions
        if self._settings.voice:
            session["voice"] = self._settings.voice
        if self._tools:
            session["tools"] = wire.offered(self._tools)
        return session

    def _append(self, turn: int, frame: AudioFrame) -> list[str | bytes]:
        if self._near is None or turn != self._turn:
            # What an unfinished turn held back belongs to nobody now.
            self._near = Resampler(NEAR_RATE, wire.WIRE_RATE)
        self._turn = turn
        self._words.reopen(turn)
        pcm = self._near.feed(frame.pcm)
        return [wire.append_audio(pcm)] if pcm else []

    def _commit(self, turn: int) -> list[str | bytes]:
        messages: list[str | bytes] = []
        if self._near is not None and turn == self._turn and (tail := self._near.flush()):
            messages.append(wire.append_audio(tail))
        self._near = None
        self._committed = turn
        messages.append(wire.end_audio() if self._settings.end_of_turn == "end" else wire.commit_audio())
        return messages

    # --- What the proxy says ---

    def decode(self, message: Message, at: float) -> list[Event]:
        """Make events of a message; what cannot be read becomes ``Unrecognised``."""
        if self._repeats.has_come(message):
            return [Unrecognised(at, "a message that came twice")]
        match wire.read(message):
            case wire.SessionCreated() if self._is_open:
                return [Unrecognised(at, "session.created, again")]
            case wire.SessionCreated(model=model):
                self._is_open = True
                return [SessionOpened(at, model or self._settings.model, CAPABILITIES)]
            case wire.SessionUpdated() if not self._is_open:
                # It has a session that it did not announce, or announces later.
                self._is_open = True
                return [SessionOpened(at, self._settings.model, CAPABILITIES), SessionConfigured(at)]
            case wire.SessionUpdated():
                return [SessionConfigured(at)]
            case wire.SpeechStarted():
                return [SpeechHeard(at)]
            case wire.UserWords(item_id=item_id, text=text, is_whole=is_whole):
                # A fragment may come when it likes; it belongs to the newest turn that was sent.
                self._newer_words = self._reply is not None and self._turn > self._reply.turn
                return self._words.hear(at, self._turn, item_id, text, is_whole=is_whole)
            case wire.ReplyBegun(response_id=response_id):
                self._announced, self._announced_ended, self._phantom = response_id, False, None
                return []
            case wire.Sound(response_id=response_id, item_id=item_id, pcm=pcm):
                return self._sound(at, (response_id, item_id), pcm)
            case wire.Words(response_id=response_id, item_id=item_id, text=text):
                return self._spoken(at, (response_id, item_id), text)
            case wire.PartEnded(response_id=response_id, item_id=item_id):
                return self._part_ended(at, response_id, item_id)
            case wire.ToolAsked(call_id=call, name=name, arguments=arguments):
                return [ToolCall(at, call, name, arguments)]
            case wire.ReplyEnded() as ended:
                return self._reply_ended(at, ended)
            case wire.Report(message=text, code=code):
                return [ServerError(at, one_line(text, self._key), code_of_report(text, code))]
            case wire.Nothing() | wire.InputCommitted():
                return []
            case wire.Written():
                # Beside the sound of a reply: of Gemini it is what the model thinks, not what it says.
                return [Unrecognised(at, "response.output_text.delta")]
            case wire.Unknown(kind=kind):
                return [Unrecognised(at, kind)]

    def _sound(self, at: float, ids: tuple[str, str], pcm: bytes) -> list[Event]:
        reply = self._reply
        events: list[Event] = []
        # The proxy loses the end of a reply where Gemini ends two things in one message, and gives the next
        # reply the same ids. So sound after the end of the sound is a new reply; and so is sound that
        # follows on a whole newer turn, where not even that end was told.
        if (
            reply is None
            or reply.ids != ids
            or reply.is_ended
            or (self._newer_words and self._is_left(reply))
        ):
            events, reply = self._begin(at, ids)
        pcm = reply.cut_sample + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        reply.cut_sample = pcm[whole:]
        if whole:
            reply.has_sound = True
            events.append(ReplyAudio(at, reply.item, pcm[:whole]))
        return events

    def _spoken(self, at: float, ids: tuple[str, str], text: str) -> list[Event]:
        reply = self._reply
        events: list[Event] = []
        # Words may trail their sound: only those that follow on a whole newer turn are the next reply's.
        may_be_next = reply is not None and (reply.is_ended or self._newer_words)
        if reply is None or reply.ids != ids or (may_be_next and self._is_left(reply)):
            events, reply = self._begin(at, ids)
        if text:
            events.append(ReplyText(at, reply.item, text))
        return events

    def _is_left(self, reply: _Reply) -> bool:
        """Say whether a whole turn of the user has come since this reply began."""
        return self._committed > reply.turn

    def _begin(self, at: float, ids: tuple[str, str]) -> tuple[list[Event], _Reply]:
        """Begin a reply, and end one that the proxy left without an end."""
        events: list[Event] = []
        if self._reply is not None:
            if self._reply.has_sound and not self._reply.is_ended:
                events.append(ReplyComplete(at, self._reply.item))
            events += self._words.end(at, self._reply.turn)
            events.append(ReplyDone(at, self._reply.item))
        self._reply = _Reply(self._names.new(ids[1]), ids, self._turn)
        self._phantom = None
        self._newer_words = False
        return events, self._reply

    def _part_ended(self, at: float, response_id: str, item_id: str) -> list[Event]:
        reply = self._reply
        if reply is not None and reply.ids == (response_id, item_id):
            was_ended, reply.is_ended = reply.is_ended, True
            return [ReplyComplete(at, reply.item)] if reply.has_sound and not was_ended else []
        # Parts of what was never begun: a silent turn after a spoken one brings some, under made-up ids.
        if response_id == self._announced:
            self._announced_ended = True
        return []

    def _reply_ended(self, at: float, ended: wire.ReplyEnded) -> list[Event]:
        events: list[Event] = []
        if ended.failure:
            events = [ServerError(at, one_line(ended.failure, self._key), "reply_failed")]
        reply, announced = self._reply, self._announced
        self._announced = None
        if reply is not None and reply.ids[0] == ended.response_id:
            self._reply = None
            if reply.is_ended and self._newer_words and self._is_left(reply):
                # The end of this reply was lost, and its id is given to the end of a turn that came since:
                # one whose words were understood and that Gemini answered with silence.
                events += [*self._words.end(at, reply.turn), ReplyDone(at, reply.item)]
                return [*events, *self._words.end(at, self._turn), ReplyDone(at, None, usage=ended.usage)]
            # Gemini broke off because it heard the user. The proxy calls that "completed"; that the sound
            # has no end is the only sign. Where nothing was sent that could be heard, a word is missing.
            is_broken_off = reply.was_spoken_into and not (reply.is_ended or ended.has_calls)
            interrupted = ended.status == "cancelled" or is_broken_off
            if ended.has_calls and reply.has_sound and not reply.is_ended:
                events.append(ReplyComplete(at, reply.item))
            return events + self._done(at, reply.item, reply.turn, ended, interrupted=interrupted)
        if announced == ended.response_id:
            interrupted = ended.status == "cancelled" or not (self._announced_ended or ended.has_calls)
            return events + self._done(at, None, self._turn, ended, interrupted=interrupted)
        if self._phantom is not None and self._phantom.turn == self._turn:
            # The end of the turn that was interrupted, under an id that nothing was ever said about. It
            # brings what was counted; to take it for a turn without an answer would be wrong.
            phantom, self._phantom = self._phantom, None
            return [*events, ReplyDone(at, phantom.item, phantom.interrupted, ended.usage)]
        # Gemini was silent on purpose: an end of something that never began.
        self._phantom = None
        return [*events, *self._words.end(at, self._turn), ReplyDone(at, None, usage=ended.usage)]

    def _done(
        self, at: float, item: str | None, turn: int, ended: wire.ReplyEnded, *, interrupted: bool
    ) -> list[Event]:
        if ended.usage is None:
            # The end by interruption counts nothing; the numbers come with a second end.
            self._phantom = _Phantom(item, self._turn, interrupted)
        # Who interrupts is still speaking: the words of that turn are not final.
        last = min(turn, self._turn - 1) if interrupted else turn
        done = ReplyDone(at, item, interrupted, ended.usage, goes_on=ended.has_calls)
        return [*self._words.end(at, last), done]
