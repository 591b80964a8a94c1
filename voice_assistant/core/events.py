"""The vocabulary: everything that can happen, and everything that can be done about it.

Events are what happened, with ``at``: seconds of the session's monotonic clock. They queue up in one inbox
and are taken one by one; their order is the inbox's, not that of their times. Commands are what to do about
it. They carry no time: they are performed at once, and what comes of one is an event again.

Two rules of this file. Every value is frozen. A word that a provider uses ("response", "content part") never
appears here: a dialect translates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.audio import AudioFrame
from voice_assistant.errors import VoiceAssistantError

Mode = Literal["hands-free", "push-to-talk", "wake-word"]
"""Who opens the user's turn: the gate by itself, a key, or the gate once a word was said."""

Action = Literal[
    "talk",
    "mode",
    "mute",
    "interrupt",
    "repeat",
    "louder",
    "softer",
    "copy",
    "type",
    "microphone",
    "loudspeaker",
    "help",
    "quit",
]
"""What a key means. ``terminal/keys.py`` knows which key it is."""

Chime = Literal["bell", "listening", "thinking", "reconnected"]
"""A sound of our own."""

OpenedBy = Literal["voice", "key"]
CloseReason = Literal["silence", "key", "longest", "mute", "mode", "provider"]
Direction = Literal["capture", "playout"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one provider can do. The conversation reads this, never the provider's name.

    Args:
        turn_end: Who may call the end of the user's turn?
        answers_each: Does each turn that was ended get an answer of its own, in their order?
        cancel: Can a reply be stopped from here?
        truncate: Does it take our word for what was heard?
        confirms_setup: Will ``SessionConfigured`` come: always, perhaps, or never?
        session_limit_s: Seconds after which it ends a session by itself, where known.
        unconfigured_remedy: What would make it honour instructions and voice, told when it does not.
        wordless_remedy: What would make its replies come with words, told when they do not.
    """

    turn_end: Literal["ours", "theirs", "both"] = "both"
    answers_each: bool = False
    cancel: bool = False
    truncate: bool = False
    confirms_setup: Literal["always", "perhaps", "never"] = "perhaps"
    session_limit_s: float | None = None
    unconfigured_remedy: str = ""
    wordless_remedy: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_tokens: int = 0


# --- Events: sound ---


@dataclass(frozen=True, slots=True)
class Captured:
    """One block of the microphone, with what the loudspeaker was given for the same stretch of time.

    Args:
        at: When the last sample of *near* was captured.
        near: 20 ms at 16 kHz; ``first_sample`` runs on through overruns, so a hole shows.
        far: The same length at 24 kHz, tapped after gain; silence where nothing played. It runs ahead of
            its echo in *near*, never behind.
        overrun: Samples were lost just before this block; the far end was aligned anew.
    """

    at: float
    near: AudioFrame
    far: AudioFrame
    overrun: bool = False


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first sample of a reply was handed to the device; it is audible at *audible_at*."""

    at: float
    item: str
    audible_at: float


@dataclass(frozen=True, slots=True)
class PlayoutProgress:
    """How much of a reply has been handed to the device, in milliseconds of media time."""

    at: float
    item: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class PlayoutDrained:
    """A reply was played to its end."""

    at: float
    item: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class PlayoutDropped:
    """A reply was given up; *heard_ms* counts every sample handed to the device, the fade included."""

    at: float
    item: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class Underrun:
    """Playout of a reply ran dry before its end; it goes on when more has come."""

    at: float
    item: str


@dataclass(frozen=True, slots=True)
class DeviceOpened:
    """A stream has begun to deliver: at the start, or after ``ReopenDevices``.

    Args:
        name: The device, as the system calls it.
        is_fallback: Another one was asked for and is not there; this is the system's default.
        latency_ms: Sound that it holds, as it says: so much later is what it is given heard, or what it
            hears given; 0 where it does not say.
    """

    at: float
    direction: Direction
    name: str
    is_fallback: bool = False
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A stream ended or stopped delivering, not by our wish; or it could not be opened again."""

    at: float
    direction: Direction
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceStarved:
    """The loudspeaker's device was given sound too late, and had none for a moment.

    Args:
        gap_ms: From the last time it was given some until then.
    """

    at: float
    gap_ms: float


@dataclass(frozen=True, slots=True)
class DevicesReturned:
    """Devices that were asked for, and were not there, are there again."""

    at: float
    directions: tuple[Direction, ...]


@dataclass(frozen=True, slots=True)
class DefaultChanged:
    """The system has another default device than the one in use, which is in use as its default.

    Args:
        capture: Its default microphone now, as the system calls it; empty where that has not changed.
        playout: The same for the loudspeaker.
        rescan: PortAudio has to look for devices anew to open it; no sound server stands between.
    """

    at: float
    capture: str
    playout: str
    rescan: bool


@dataclass(frozen=True, slots=True)
class NoOtherDevice:
    """Another device was asked for, and there is none that opens."""

    at: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class TelephoneHeard:
    """The microphone is a Bluetooth headset's: while it is open, the headset sounds like a telephone.

    Args:
        name: The microphone, as the system calls it.
        instead: Another that could be used; empty where none is known.
        how: A command for a shell that takes it; empty where the program itself can.
    """

    at: float
    name: str
    instead: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class LoudspeakerCaptured:
    """The microphone delivers what the loudspeaker is given, with no room between: it is its monitor."""

    at: float


# --- Events: the listener's judgement ---


@dataclass(frozen=True, slots=True)
class TurnSuspected:
    """A few frames of speech: perhaps a turn."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnWithdrawn:
    """The suspicion passed without a turn."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnOpened:
    """The user has the floor.

    Args:
        turn: Counts from 1.
        pre_roll: 16 kHz, unbroken up to the newest sample: what was kept from before, and the onset itself.
        by: The user's voice, or a key.
        speech_ms: Milliseconds of speech heard in the onset so far.
        over_echo: The microphone hears the reply that is playing.
    """

    at: float
    turn: int
    pre_roll: AudioFrame
    by: OpenedBy
    speech_ms: float = 0.0
    over_echo: bool = False


@dataclass(frozen=True, slots=True)
class TurnAudio:
    """The next frame of an open turn: 16 kHz, it follows on the one before without a hole.

    Args:
        weight: How much of it counts towards an interruption, 0 to 1: a key does not, and "mm-hm" by half.
    """

    at: float
    turn: int
    frame: AudioFrame
    is_speech: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class TurnReviewed:
    """What opened a turn over echo was looked at again, now that the echo is over.

    Args:
        speech_ms: Milliseconds of words that the user said since shortly before the turn opened: 0 if it was
            the reply's echo.
    """

    at: float
    turn: int
    speech_ms: float


@dataclass(frozen=True, slots=True)
class TurnClosed:
    """The user's turn is over; every ``TurnAudio`` of it came before."""

    at: float
    turn: int
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Level:
    """What the listener made of one frame.

    Args:
        near_dbfs: Level of the microphone, dB below full scale (RMS).
        floor_dbfs: The room's noise floor.
        is_speech: The detector's opinion of this frame.
        echo_removed_db: Echo return loss enhancement, or None while the loudspeaker is silent.
    """

    at: float
    near_dbfs: float
    floor_dbfs: float
    is_speech: bool
    echo_removed_db: float | None = None


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """Who opens a turn from now on."""

    at: float
    mode: Mode


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """While muted, nothing of the microphone is kept or sent; it is only asked whether somebody speaks."""

    at: float
    muted: bool


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """The wake word was said: from now on a voice opens a turn."""

    at: float
    word: str


@dataclass(frozen=True, slots=True)
class WokenByKey:
    """The talk key was used while asleep: from now on a voice opens a turn too."""

    at: float


@dataclass(frozen=True, slots=True)
class FellAsleep:
    """Until the wake word is said no voice opens a turn, and nothing is sent."""

    at: float
    word: str


@dataclass(frozen=True, slots=True)
class SpokeWhileMuted:
    """Somebody speaks, and the microphone is muted; what they say is not kept."""

    at: float


# --- Events: the person, the clock ---


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key went down."""

    at: float
    action: Action


@dataclass(frozen=True, slots=True)
class Released:
    """A key came up.

    Args:
        tap: It was down only briefly (as far as this terminal lets us know): a tap latches.
    """

    at: float
    action: Action
    tap: bool


@dataclass(frozen=True, slots=True)
class TextEntered:
    """The user typed, or gave, something to say instead of saying it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class KeysKnown:
    """How the talk key works in this terminal.

    Args:
        releases: The terminal reports releases; or they are watched through key repeat, and seen about
            0.2 s late; or there is no keyboard here.
    """

    at: float
    releases: Literal["reported", "watched", "none"]


@dataclass(frozen=True, slots=True)
class StopRequested:
    """SIGINT, SIGTERM, SIGHUP, or the end of a file that was the microphone."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The machine slept, or was stopped, for *by_s* seconds: what was under way before is old."""

    at: float
    by_s: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline has come."""

    at: float


# --- Events: the link ---


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """The websocket is open. That alone means nothing: wait for ``SessionOpened``."""

    at: float
    link: int


@dataclass(frozen=True, slots=True)
class LinkUnanswered:
    """The other end took the connection some seconds ago and has not answered; it is waited for still."""

    at: float
    link: int


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message as it came; the dialect makes events of it. From an old link it dies in the session."""

    at: float
    link: int
    data: str | bytes


@dataclass(frozen=True, slots=True)
class LinkLost:
    """A websocket that could not be opened, or that ended.

    Args:
        status: HTTP status, where the handshake was refused.
        code: Websocket close code; 1006 where the connection dropped without one.
        reason: What the other end or the system said; untrusted text without secrets.
        opened: Was it open before?
        retry_after_s: When the other end wants to be asked again, where it said so.
    """

    at: float
    link: int
    opened: bool
    status: int | None = None
    code: int | None = None
    reason: str = ""
    retry_after_s: float | None = None


# --- Events: the provider ---


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The provider has a session for us."""

    at: float
    model: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class SessionConfigured:
    """The provider took our instructions, voice and tools."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """The provider's own detector heard the user begin to speak."""

    at: float


@dataclass(frozen=True, slots=True)
class UserText:
    """The user's words as the provider understood them: all of the turn so far, not a fragment.

    Args:
        turn: Number of our turn; 0 where the provider heard something outside any turn of ours.
        final: No more words of this turn will come.
    """

    at: float
    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """The next part of a reply: 24 kHz. An *item* that is new begins a reply; ids are never used twice."""

    at: float
    item: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next words of a reply, to follow on those before."""

    at: float
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyRecognised:
    """Words of a reply that its provider sent without any, as they were recognised here.

    Args:
        text: Of the stretch since the last one, to follow on what came before; empty where nothing was said.
        until_ms: Where the stretch ends, from the beginning of the reply.
        is_last: No more of this reply will be recognised.
    """

    at: float
    item: str
    text: str
    until_ms: float
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class RecogniserLost:
    """Nothing more is recognised here: it could not begin, or it failed.

    Args:
        reason: In a person's words.
        remedy: What would mend it; empty where nothing is known to.
    """

    at: float
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ReplyComplete:
    """All the sound of a reply has been received."""

    at: float
    item: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The provider is through with its answer to a turn.

    Args:
        item: The reply, or None where nothing was said (a silent turn).
        interrupted: The provider broke off because it heard the user.
        goes_on: It asked for a tool: the answer itself is still to come.
    """

    at: float
    item: str | None
    interrupted: bool = False
    usage: Usage | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The provider asks for a tool; *arguments* is JSON as the model wrote it: untrusted."""

    at: float
    call: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool is through; *output* is JSON for the model."""

    at: float
    call: str
    output: str


@dataclass(frozen=True, slots=True)
class TimerRang:
    """A timer that the user asked for has run out."""

    at: float
    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerError:
    """The provider reports an error; the session goes on unless the link ends."""

    at: float
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A message that the dialect does not know, or cannot read: counted, recorded, never fatal."""

    at: float
    kind: str


Event = (
    Captured
    | PlayoutStarted
    | PlayoutProgress
    | PlayoutDrained
    | PlayoutDropped
    | Underrun
    | DeviceOpened
    | DeviceLost
    | DeviceStarved
    | DevicesReturned
    | DefaultChanged
    | NoOtherDevice
    | TelephoneHeard
    | LoudspeakerCaptured
    | TurnSuspected
    | TurnWithdrawn
    | TurnOpened
    | TurnAudio
    | TurnReviewed
    | TurnClosed
    | Level
    | ModeChanged
    | MuteChanged
    | WakeWordHeard
    | WokenByKey
    | FellAsleep
    | SpokeWhileMuted
    | Pressed
    | Released
    | TextEntered
    | KeysKnown
    | StopRequested
    | ClockJumped
    | Tick
    | LinkOpened
    | LinkUnanswered
    | MessageReceived
    | LinkLost
    | SessionOpened
    | SessionConfigured
    | SpeechHeard
    | UserText
    | ReplyAudio
    | ReplyText
    | ReplyRecognised
    | RecogniserLost
    | ReplyComplete
    | ReplyDone
    | ToolCall
    | ToolFinished
    | TimerRang
    | ServerError
    | Unrecognised
)


# --- Commands: the link and the provider ---


@dataclass(frozen=True, slots=True)
class Connect:
    """Open websocket number *link* after a wait."""

    link: int
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the websocket in good order."""

    link: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """Something that was said before, as far as it was heard."""

    speaker: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Say who we are: the one complete set-up, before anything else on a link.

    Args:
        recall: The conversation so far, oldest first, for a provider that begins anew: context, not a turn.
    """

    recall: tuple[Recalled, ...] = ()


@dataclass(frozen=True, slots=True)
class AppendInput:
    """Send sound of a turn: 16 kHz, at most 500 ms.

    Args:
        by_key: A key opened the turn, and only the key ends it: a pause for thought does not.
    """

    turn: int
    frame: AudioFrame
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class CommitInput:
    """The user's turn is over: say so to the provider."""

    turn: int


@dataclass(frozen=True, slots=True)
class SendText:
    """Send what the user typed: a turn of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class RequestReply:
    """Ask for an answer; a dialect has no word for it where the answer comes by itself."""


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop making a reply; only where the provider honours it."""

    item: str


@dataclass(frozen=True, slots=True)
class TruncateReply:
    """Tell how much of a reply was heard, in milliseconds of media time."""

    item: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class SendToolResult:
    """Give the provider what a tool gave back; it answers from there."""

    call: str
    output: str


# --- Commands: the loudspeaker ---


@dataclass(frozen=True, slots=True)
class Play:
    """Queue the next part of a reply: 24 kHz."""

    item: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndPlayout:
    """Nothing more of this reply will come: do not wait for a fuller buffer."""

    item: str


@dataclass(frozen=True, slots=True)
class SetGain:
    """Bring playout to *gain_db* (0 is full) over *ramp_ms*."""

    gain_db: float
    ramp_ms: float


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Play everything at *volume_db* from now on (0 is as it comes); what ``SetGain`` says adds to it."""

    volume_db: float


@dataclass(frozen=True, slots=True)
class PausePlayout:
    """Fade out and hold the rest."""


@dataclass(frozen=True, slots=True)
class ResumePlayout:
    """Fade in and go on from where it was paused."""


@dataclass(frozen=True, slots=True)
class DropPlayout:
    """Fade out and give the rest of a reply up, for good."""

    item: str


@dataclass(frozen=True, slots=True)
class Ring:
    """Sound one of our own sounds over whatever is playing: a timer's bell, or a small sign."""

    sound: Chime = "bell"


# --- Commands: the devices ---


@dataclass(frozen=True, slots=True)
class ReopenDevices:
    """Open devices again: those that were asked for, or else the system's default.

    ``DeviceOpened`` or ``DeviceLost`` follows for each.

    Args:
        directions: Which.
        rescan: Look first for what is there now. Both ends are closed for it, so both are opened again.
    """

    directions: tuple[Direction, ...]
    rescan: bool


@dataclass(frozen=True, slots=True)
class SetOutputLatency:
    """Open the loudspeaker again, to hold *latency_ms* of sound; 0 is the least that it offers.

    ``DeviceOpened`` or ``DeviceLost`` follows.
    """

    latency_ms: float


@dataclass(frozen=True, slots=True)
class TakeNextDevice:
    """Go on with the next device that opens; ``DeviceOpened`` or ``NoOtherDevice`` follows."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class LookAtMicrophone:
    """Look what kind of microphone has opened; ``TelephoneHeard`` follows if it is one to be told of."""


@dataclass(frozen=True, slots=True)
class LookForDevices:
    """Look whether what was asked for is there again, without disturbing what is open.

    ``DevicesReturned`` follows if so.
    """

    directions: tuple[Direction, ...]


@dataclass(frozen=True, slots=True)
class LookForDefault:
    """Look whether the system has another default than what is in use, without disturbing what is open.

    ``DefaultChanged`` follows if so.
    """

    directions: tuple[Direction, ...]


@dataclass(frozen=True, slots=True)
class FollowDefault:
    """Open the system's default in place of what is in use; the latter again where it does not open.

    ``DeviceOpened`` or ``DeviceLost`` follows for each.

    Args:
        directions: Which.
        rescan: As in ``ReopenDevices``.
    """

    directions: tuple[Direction, ...]
    rescan: bool


# --- Commands: the listener, the tools, the person ---


@dataclass(frozen=True, slots=True)
class RunTool:
    """Begin to run a tool; ``ToolFinished`` follows."""

    call: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Recognise:
    """Have the words of a stretch of a reply recognised here; ``ReplyRecognised`` follows.

    Args:
        pcm: 24 kHz; may be empty where it is the last.
        until_ms: Where the stretch ends, from the beginning of the reply.
        is_last: No more of this reply is to be recognised.
    """

    item: str
    pcm: bytes
    until_ms: float
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class CloseTurn:
    """End the open turn: the provider has called its end first."""

    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Notify:
    """One line for the person; *remedy* says what would mend it. Text of a server in it is untrusted."""

    severity: Literal["info", "warning", "error"]
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session; *error* becomes the program's last word and its exit code."""

    error: VoiceAssistantError | None = None


WireCommand = (
    Configure
    | AppendInput
    | CommitInput
    | SendText
    | RequestReply
    | CancelReply
    | TruncateReply
    | SendToolResult
)
"""The commands that a dialect says on the wire."""

PlayoutCommand = Play | EndPlayout | SetGain | SetVolume | PausePlayout | ResumePlayout | DropPlayout | Ring
"""The commands that the loudspeaker carries out."""

DeviceCommand = (
    ReopenDevices
    | LookForDevices
    | LookForDefault
    | FollowDefault
    | SetOutputLatency
    | TakeNextDevice
    | LookAtMicrophone
)
"""The commands about the devices themselves, carried out beside the conversation."""

Command = (
    Connect
    | Disconnect
    | WireCommand
    | PlayoutCommand
    | DeviceCommand
    | RunTool
    | Recognise
    | CloseTurn
    | Notify
    | Stop
)
