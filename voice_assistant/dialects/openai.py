"""What a server says that keeps the whole OpenAI Realtime protocol, and what it understands.

A commit ends the turn and a reply is asked for. So a reply can be cancelled and cut at what was heard, and
what was said before can be put into a new session word by word. The server may end a turn sooner where it
knows by the words that it is over: it answers then, and the commit finds nothing left to end. The embedded
offline provider is such a server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES, Resampler
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
from voice_assistant.dialects.base import LinkRequest, ProviderSettings
from voice_assistant.dialects.names import ItemNames, Repeats
from voice_assistant.dialects.proxy import realtime_url, shown_url
from voice_assistant.dialects.refusals import one_line
from voice_assistant.dialects.unpacking import Message
from voice_assistant.dialects.user_words import TURNS_REMEMBERED, UserWords

CAPABILITIES = Capabilities(
    turn_end="both",
    answers_each=True,
    cancel=True,
    truncate=True,
    confirms_setup="always",
)

HEARTBEAT_S = 20.0

TURN_DETECTION = {
    "type": "semantic_vad",
    # The end by silence is called here: the gate hears the microphone itself, and knows the speaker's pauses.
    "eagerness": "low",
    "create_response": True,
    # Whether speech is an interruption is decided here as well: only what is one is sent.
    "interrupt_response": False,
}

HARMLESS = frozenset({"response_cancel_not_active", "input_audio_buffer_commit_empty"})
"""Errors that only say we were a moment late: the reply was over, or the server had ended the turn itself."""


class OpenAI:
    """One websocket's worth of conversation with a server that keeps the whole protocol.

    Args:
        settings: Where it is, and who the assistant shall be. ``model`` must be known by now.
        key: Empty where the server wants none.
        tools: What the model may ask for.
        names: Those of the replies of earlier links.

    Raises:
        ConfigError: The address is none, or no model is named.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        key: str = "",
        tools: Sequence[ToolSpec] = (),
        names: ItemNames | None = None,
    ) -> None:
        self._settings = settings
        self._url = realtime_url(settings.url, settings.model)
        self._key = key
        self._tools = tools
        self._near = Resampler(NEAR_RATE, wire.WIRE_RATE)
        self._turn = 0
        self._server_ends = True
        self._committed: deque[int] = deque()
        self._turn_of: dict[str, int] = {}
        self._words = UserWords(between=" ")
        self._item_of: dict[str, str] = {}
        self._cut_sample: dict[str, bytes] = {}
        self._names = names or ItemNames()
        self._name_of: dict[str, str] = {}
        self._repeats = Repeats()

    def request(self) -> LinkRequest:
        """Say how to open the websocket."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return LinkRequest(self._url, shown_url(self._url), headers, HEARTBEAT_S)

    # --- What we say ---

    def encode(self, command: WireCommand) -> list[str | bytes]:
        """Put a command into messages, in order."""
        match command:
            case Configure(recall=recall):
                return self._configure(recall)
            case AppendInput():
                return self._append(command)
            case CommitInput(turn=turn):
                if turn not in self._turn_of.values():
                    # Otherwise the server has ended it, and most likely finds nothing to end a second time.
                    self._committed.append(turn)
                tail = self._near.flush()
                self._near = Resampler(NEAR_RATE, wire.WIRE_RATE)
                return [*([wire.append_audio(tail)] if tail else []), wire.commit_audio()]
            case RequestReply():
                return [wire.create_reply()]
            case CancelReply():
                return [wire.cancel_reply()]
            case TruncateReply(item=item, heard_ms=heard_ms):
                ids = [wire_id for wire_id, name in self._name_of.items() if name == item]
                return [wire.truncate_item(wire_id, heard_ms) for wire_id in ids or [item]]
            case SendText(text=text):
                return [wire.create_message("user", text)]
            case SendToolResult(call=call, output=output):
                return [wire.tool_result(call, output), wire.create_reply()]

    def _configure(self, recall: tuple[Recalled, ...]) -> list[str | bytes]:
        pcm = {"type": "audio/pcm", "rate": wire.WIRE_RATE}
        output: dict[str, object] = {"format": pcm}
        if self._settings.voice:
            output["voice"] = self._settings.voice
        session: dict[str, object] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": self._settings.instructions,
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": TURN_DETECTION,
                },
                "output": output,
            },
            "tools": wire.offered(self._tools),
        }
        return [
            wire.session_update(session),
            *(wire.create_message(one.speaker, one.text) for one in recall),
        ]

    def _append(self, command: AppendInput) -> list[str | bytes]:
        said: list[str | bytes] = []
        if command.turn != self._turn:
            # What an unfinished turn held back belongs to nobody now.
            self._near = Resampler(NEAR_RATE, wire.WIRE_RATE)
            self._turn = command.turn
            said = self._let_end(by_server=not command.by_key)
        pcm = self._near.feed(command.frame.pcm)
        return [*said, *([wire.append_audio(pcm)] if pcm else [])]

    def _let_end(self, *, by_server: bool) -> list[str | bytes]:
        """Say whether the server may end the turn that begins, where that is not how it was."""
        if by_server == self._server_ends:
            return []
        self._server_ends = by_server
        heard = {"turn_detection": TURN_DETECTION if by_server else None}
        return [wire.session_update({"type": "realtime", "audio": {"input": heard}})]

    # --- What the server says ---

    def decode(self, message: Message, at: float) -> list[Event]:
        """Make events of a message; what cannot be read becomes ``Unrecognised``."""
        if self._repeats.has_come(message):
            return [Unrecognised(at, "a message that came twice")]
        match wire.read(message):
            case wire.SessionCreated(model=model):
                return [SessionOpened(at, model or self._settings.model, CAPABILITIES)]
            case wire.SessionUpdated():
                return [SessionConfigured(at)]
            case wire.SpeechStarted():
                return [SpeechHeard(at)]
            case wire.InputCommitted(item_id=item_id):
                # Commits are answered in their order.
                turn = self._committed.popleft() if self._committed else self._turn
                self._turn_of[item_id] = turn
                # Whoever goes on after the server called the end has a second item in the same turn.
                self._words.reopen(turn)
                if len(self._turn_of) > TURNS_REMEMBERED:
                    del self._turn_of[next(iter(self._turn_of))]
                return []
            case wire.UserWords(item_id=item_id, text=text, is_whole=is_whole):
                turn = self._turn_of.get(item_id, self._turn)
                events = self._words.hear(at, turn, item_id, text, is_whole=is_whole)
                return events + (self._words.end(at, turn) if is_whole else [])
            case wire.Sound(response_id=response_id, item_id=item_id, pcm=pcm):
                self._item_of[response_id] = self._name(item_id)
                return self._sound(at, self._name(item_id), pcm)
            case wire.Words() | wire.Written() as words:
                # A server that has no voice writes its answer, and that is then to be read.
                return self._worded(at, words)
            case wire.PartEnded(item_id=item_id):
                return [ReplyComplete(at, self._name(item_id))]
            case wire.ToolAsked(call_id=call, name=name, arguments=arguments):
                return [ToolCall(at, call, name, arguments)]
            case wire.ReplyEnded() as ended:
                return self._ended(at, ended)
            case wire.Report(code=code) if code in HARMLESS:
                return [Unrecognised(at, code)]
            case wire.Report(message=text, code=code):
                return [ServerError(at, one_line(text, self._key), code)]
            case wire.ReplyBegun() | wire.Nothing():
                return []
            case wire.Unknown(kind=kind):
                return [Unrecognised(at, kind)]

    def _name(self, item_id: str) -> str:
        """Name an item of this link, so that no item of another link has the same name."""
        if item_id not in self._name_of:
            self._name_of[item_id] = self._names.new(item_id)
        return self._name_of[item_id]

    def _worded(self, at: float, words: wire.Words | wire.Written) -> list[Event]:
        item = self._item_of[words.response_id] = self._name(words.item_id)
        return [ReplyText(at, item, words.text)] if words.text else []

    def _sound(self, at: float, item: str, pcm: bytes) -> list[Event]:
        pcm = self._cut_sample.pop(item, b"") + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        if whole < len(pcm):
            self._cut_sample[item] = pcm[whole:]
        return [ReplyAudio(at, item, pcm[:whole])] if whole else []

    def _ended(self, at: float, ended: wire.ReplyEnded) -> list[Event]:
        failed: list[Event] = []
        if ended.failure:
            failed = [ServerError(at, one_line(ended.failure, self._key), "reply_failed")]
        item = self._item_of.pop(ended.response_id, None)
        if item is None and ended.has_calls:
            # The answer is still to come, after the tool.
            return failed
        was_cancelled = ended.status == "cancelled"
        return [*failed, ReplyDone(at, item, was_cancelled, ended.usage, goes_on=ended.has_calls)]
