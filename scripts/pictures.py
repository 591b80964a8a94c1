"""Pictures for the docs, as SVG: the real painters, driven by events that are written down here.

A painter draws one frame into a file; what moves the cursor is taken out, and rich makes a picture of what is
left. ``make docs`` draws them anew. A test compares the words in them with what the painters draw today.
"""

from __future__ import annotations

import html
import io
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame
from voice_assistant.core.events import (
    Capabilities,
    Captured,
    Command,
    CommitInput,
    Connect,
    DeviceOpened,
    DropPlayout,
    Event,
    KeysKnown,
    Level,
    LinkOpened,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyText,
    SessionOpened,
    TurnClosed,
    TurnOpened,
    Usage,
    UserText,
)
from voice_assistant.core.latency import Latency
from voice_assistant.core.lines import Line
from voice_assistant.core.status import Status
from voice_assistant.core.transcript import Transcript
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.painter import Painter, Snapshot
from voice_assistant.terminal.stage import StagePainter

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"

WIDTH, HEIGHT = 88, 24

THEME = TerminalTheme(
    (24, 26, 31),
    (216, 219, 226),
    [
        (24, 26, 31),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (216, 219, 226),
    ],
)

_CONTROL = re.compile(r"\x1b\[\??[0-9;]*[A-HJKSThl]|\r")

Entries = list[Event | Command]


def _pcm(seconds: float, loud: bool = True) -> bytes:
    return (b"\x00\x10" if loud else b"\x00\x00") * round(seconds * REPLY_RATE)


def _level(at: float, dbfs: float, *, far: float = 0.0, speech: bool = False) -> Entries:
    near = AudioFrame(bytes(NEAR_RATE * SAMPLE_BYTES // 50), NEAR_RATE)
    heard = Captured(at, near, AudioFrame(_pcm(0.02, loud=far > 0), REPLY_RATE))
    return [heard, Level(at, dbfs, -58.0, speech)]


def _begun() -> Entries:
    return [
        Connect(1),
        LinkOpened(0.1, 1),
        SessionOpened(0.3, "gemini-live", Capabilities()),
        DeviceOpened(0.3, "playout", "default"),
        DeviceOpened(0.3, "capture", "default"),
        KeysKnown(0.3, "reported"),
        *_level(0.4, -55.0),
    ]


def _question(turn: int, at: float, words: str) -> Entries:
    frame = AudioFrame(bytes(640), NEAR_RATE)
    return [
        TurnOpened(at, turn, frame, "voice"),
        TurnClosed(at + 2.0, turn, "silence"),
        CommitInput(turn),
        UserText(at + 2.1, turn, words, final=True),
    ]


def _answer(item: str, at: float, words: str, seconds: float, heard_s: float) -> Entries:
    return [
        ReplyAudio(at, item, _pcm(seconds)),
        ReplyText(at, item, words),
        ReplyComplete(at, item),
        PlayoutStarted(at, item, at + 0.02),
        PlayoutProgress(at + heard_s, item, heard_s * 1000),
    ]


MOON = (
    "The Moon is about 384,000 kilometres away: some thirty Earths side by side. It was closer once, and it "
    "drifts away from us by almost four centimetres every year."
)
RAINBOW = (
    "A rainbow is sunlight, bent and mirrored in falling drops. Red is bent least and violet most, so each "
    "colour comes from its own ring of drops."
)


def talk() -> Entries:
    """A conversation: an answer that was interrupted, and one that is being heard."""
    return [
        *_begun(),
        *_question(1, 2.0, "How far away is the moon?"),
        *_answer("a", 5.1, MOON, 9.0, 4.6),
        DropPlayout("a"),
        PlayoutDropped(9.9, "a", 4700.0),
        ReplyDone(9.9, "a", interrupted=True, usage=Usage(input_tokens=310, output_tokens=120)),
        *_question(2, 9.4, "And what makes a rainbow?"),
        *_answer("b", 12.2, RAINBOW, 8.0, 3.4),
        *_level(15.7, -52.0, far=1.0),
    ]


def stage() -> Entries:
    """The same for an audience."""
    return [
        *_begun(),
        *_question(1, 2.0, "What makes a rainbow?"),
        *_answer("a", 5.0, "It is sunlight, bent in falling drops.", 3.0, 3.0),
        PlayoutDrained(8.0, "a", 3000.0),
        *_answer("b", 8.1, "Red is bent least, and violet most.", 2.6, 2.6),
        *_level(10.6, -52.0, far=1.0),
    ]


SCENES = {"talk": (talk, Painter), "stage": (stage, StagePainter)}


@contextmanager
def _colourful() -> Iterator[None]:
    """Let the painters believe that the terminal has all colours, whatever this one has."""
    wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    kept = dict(os.environ)
    os.environ.update(wanted)
    os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def painted(scene: str) -> Text:
    """Draw a scene; gives what a terminal would show."""
    entries, painter = SCENES[scene]
    with _colourful(), tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        finished, snapshot = _folded(entries())
        _Sized(painter)(file, KeySettings()).paint(finished, snapshot)
        file.seek(0)
        shown = _CONTROL.sub("", file.read())
    return Text.from_ansi(shown)


def svg(scene: str) -> str:
    """Give a scene as a picture."""
    shown = painted(scene)
    with _colourful():
        console = Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True)
        console.print(shown, overflow="crop", no_wrap=True)
    # Without the fonts that rich would have a reader's browser fetch from elsewhere.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, ", "").replace("Fira Code", "monospace")
    name = f"voice-assistant-{scene}"
    return console.export_svg(title="voice-assistant", theme=THEME, code_format=form, unique_id=name)


def words_of(picture: str) -> list[str]:
    """Give the words in a picture, in their order: rich's next version may place them otherwise."""
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", picture)
    return " ".join(html.unescape(text) for text in texts).split()


def _folded(entries: Sequence[Event | Command]) -> tuple[list[Line], Snapshot]:
    """Do what the screen does with events, without its thread."""
    transcript, status, latency = Transcript(), Status(provider="litellm"), Latency()
    finished: list[Line] = []
    for entry in entries:
        finished += transcript.see(entry)
        latency.see(entry)
        status = status.after(entry)
    return finished, Snapshot(transcript.live, status, len(finished), None, latency.waits)


def _Sized(painter: type[Painter]) -> type[Painter]:  # noqa: N802 - it makes a class
    """Give the painter a terminal of our size."""

    class Sized(painter):  # type: ignore[misc, valid-type]
        def _measure(self) -> tuple[int, int]:
            return WIDTH, HEIGHT

    return Sized


def main() -> None:
    """Draw every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        (FOLDER / f"{scene}.svg").write_text(svg(scene), encoding="utf-8")


if __name__ == "__main__":
    main()
