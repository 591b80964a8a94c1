"""Barge-in on open speakers, in a closed loop: ``python -m benchmarks.echo --seed N --minutes M``.

The program's own Listener, Floor, Replies, Mixer and FarEnd run at simulated desks (``rooms.py``): what they
decide really ducks, pauses, resumes and drops what the loudspeaker plays, and the microphone hears that. A
desk is used for a minute, then comes the next. While replies play, a user breaks in (half of the replies; a
quarter of those in the first second), or coughs, types or says "mm-hm", or leaves the reply alone.

The rows are the user's level relative to the echo's, and no echo at all (headphones). What is counted:

* false stops: replies dropped without a user; per minute of replies that nobody speaks into, bursts left out;
* dips: ducks and pauses without a user that passed by themselves; per minute likewise;
* bursts: share of coughs, keys and "mm-hm" at which the reply dipped, and at which it was dropped;
* found: share of users for whom the reply was dropped before they had finished;
* onset to decision: from the first sound of the user at the microphone to the capture of the block on which
  the reply was paused, where it was dropped later: median and 90th percentile of those found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.rooms import (
    BLOCK,
    Desk,
    EchoPath,
    Sound,
    active_dbfs,
    convolve,
    draw_desk,
    room,
    room_noise,
    without_echo,
)
from benchmarks.turns import UnreadableError, read
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler
from voice_assistant.core.events import (
    Captured,
    Command,
    DropPlayout,
    EndPlayout,
    Event,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    ReplyAudio,
    ReplyComplete,
    ResumePlayout,
    SetGain,
    Tick,
)
from voice_assistant.core.floor import Floor, FloorSettings
from voice_assistant.core.listener import Listener
from voice_assistant.core.mixer import Drained, Mixer, PlayoutSettings, Started
from voice_assistant.core.replies import Replies
from voice_assistant.devices.far_end import FarEnd

DESK_S = 60.0
REPLY_DBFS = -20.0
"""Level of replies while they speak, as providers send them."""

SER_DB = (-10.0, 0.0, 10.0)
HEADPHONES_DBFS = -34.0
"""Level of the user with headphones on."""

PULL = REPLY_RATE // 100
LATEST_S = 0.004
"""Callbacks come up to this much late."""

SHORTEST_S = 1.0
"""Speech between two pauses that is shorter than this is left out: a user says something."""

AFTER_S = 1.0
"""After a user or a burst, for so long, a dip is theirs."""


def main(argv: list[str] | None = None) -> int:
    """Run the closed loop at every level, and print a table."""
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="python -m benchmarks.echo", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="desks, users and bursts are drawn from it")
    parser.add_argument("--minutes", type=float, default=15.0, help="simulated, for each row (default: 15)")
    parser.add_argument(
        "--speech",
        type=Path,
        default=root / "tests" / "data" / "speech",
        help="folder of WAV or FLAC, 16 kHz mono; labels.json in it says where they speak",
    )
    parser.add_argument("--json", type=Path, help="write the table here too")
    args = parser.parse_args(argv)
    try:
        clips = list(speech(args.speech))
    except UnreadableError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    rows: dict[str, dict[str, float]] = {}
    sys.stdout.write(HEAD)
    for number, ser_db in enumerate((*SER_DB, None)):
        books = Books()
        for desk in range(max(1, round(args.minutes * 60 / DESK_S))):
            rng = np.random.default_rng((args.seed, desk, number))
            Loop(draw_desk(rng), ser_db, clips, rng, books).run()
        name = "headphones" if ser_db is None else f"SER {ser_db:+.0f} dB"
        rows[name] = books.figures()
        sys.stdout.write(row(name, rows[name]))
        sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    return 0


# --- What is said ---


@dataclass(frozen=True, slots=True)
class Clip:
    """Somebody speaking, 16 kHz, from the first sound on."""

    file: str
    sound: Sound


def speech(folder: Path) -> Iterator[Clip]:
    """Find the speech in a folder's recordings: by its labels, without added noise; or else by its level.

    Raises:
        UnreadableError: A recording cannot be read, or there is none.
    """
    labels = folder / "labels.json"
    if labels.exists():
        quiet = [
            entry
            for entry in json.loads(labels.read_text())["files"]
            if entry.get("cond") in ("clean", "far-40dBFS")
        ]
        found = [
            (entry["file"], start, end)
            for entry in quiet
            for start, end in entry["segments"]
            if end - start >= SHORTEST_S
        ]
    else:
        found = [
            (path.name, None, None) for path in sorted(folder.glob("*")) if path.suffix in (".wav", ".flac")
        ]
    if not found:
        raise UnreadableError(f"there is no WAV or FLAC in {folder}")
    for name, start, end in found:
        sound = np.frombuffer(read(folder / name), "<i2") / 32768
        if start is not None:
            yield Clip(name, sound[round(start * NEAR_RATE) : round(end * NEAR_RATE)])
        else:
            yield from (Clip(f"{name} {at}", part) for at, part in enumerate(phrases(sound)))


def phrases(sound: Sound) -> list[Sound]:
    """Cut a recording at pauses of 0.3 s; what is within 30 dB of the loudest is speech."""
    powers = (sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2).mean(axis=1)
    spoken = np.flatnonzero(powers > powers.max() * 1e-3)
    cuts = np.flatnonzero(np.diff(spoken) > 15)
    starts = [spoken[0], *spoken[cuts + 1]]
    ends = [*spoken[cuts], spoken[-1]]
    parts = [sound[start * BLOCK : (end + 1) * BLOCK] for start, end in zip(starts, ends, strict=True)]
    return [part for part in parts if len(part) >= SHORTEST_S * NEAR_RATE]


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The same sound, at *dbfs* while it speaks."""
    return sound * 10 ** ((dbfs - active_dbfs(sound)) / 20)


def cough(rng: np.random.Generator) -> Sound:
    """One to three bursts of breath, 0.1 to 0.25 s each."""
    bursts = []
    for _ in range(rng.integers(1, 4)):
        seconds = np.arange(round(rng.uniform(0.1, 0.25) * NEAR_RATE)) / NEAR_RATE
        breath = rng.standard_normal(len(seconds)) * np.minimum(1, seconds / 0.008) * np.exp(-seconds * 14)
        coloured = np.convolve(breath, np.hanning(rng.integers(4, 14)))[: len(seconds)]
        bursts += [coloured, np.zeros(round(rng.uniform(0.05, 0.2) * NEAR_RATE))]
    return np.concatenate(bursts)


def keys(rng: np.random.Generator) -> Sound:
    """Two to six keys of a keyboard, a press and a release each."""
    typed = np.zeros(round(1.1 * NEAR_RATE))
    at = 0.0
    for _ in range(rng.integers(2, 7)):
        for moment, loud in ((at, 1.0), (at + rng.uniform(0.06, 0.1), 0.4)):
            seconds = np.arange(round(0.02 * NEAR_RATE)) / NEAR_RATE
            tone = np.sin(2 * np.pi * rng.uniform(1500, 4000) * seconds) + rng.standard_normal(len(seconds))
            start = round(moment * NEAR_RATE)
            typed[start : start + len(seconds)] += (loud * tone * np.exp(-seconds * 400))[
                : len(typed) - start
            ]
        at += rng.uniform(0.09, 0.16)
    return typed


def hum(rng: np.random.Generator) -> Sound:
    """ "mm-hm": two hums through the nose, 0.12 to 0.18 s each, the second higher."""
    pitch = rng.uniform(90, 220)
    hums = []
    for step in (1.0, 1.25):
        seconds = np.arange(round(rng.uniform(0.12, 0.18) * NEAR_RATE)) / NEAR_RATE
        phase = 2 * np.pi * pitch * step * np.cumsum(1 + 0.3 * seconds) / NEAR_RATE
        voice = sum(np.sin(n * phase) / n**1.5 * (n * pitch < 2500) for n in range(1, 24))
        hums += [voice * np.sin(np.pi * np.arange(len(seconds)) / len(seconds)) ** 0.5, np.zeros(640)]
    return np.concatenate(hums)


BURSTS = {"cough": (cough, 0.0), "keys": (keys, -8.0), "hum": (hum, -4.0)}
"""What is no barge-in, and its level relative to the user's."""


# --- What is counted ---


@dataclass(slots=True)
class Books:
    """What happened at all desks of a row; times in seconds."""

    alone_s: float = 0.0
    false_stops: int = 0
    dips: int = 0
    bursts: int = 0
    bursts_dipped: int = 0
    bursts_stopped: int = 0
    users: int = 0
    early_users: int = 0
    delays: list[float] = field(default_factory=list)
    early_delays: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    sound_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """The row of the table."""
        alone_min = max(self.alone_s / 60, 1e-9)
        return {
            "alone_min": alone_min,
            "false_stops_per_min": self.false_stops / alone_min,
            "dips_per_min": self.dips / alone_min,
            "bursts": self.bursts,
            "bursts_dipped": self.bursts_dipped / max(1, self.bursts),
            "bursts_stopped": self.bursts_stopped / max(1, self.bursts),
            "users": self.users,
            "found": len(self.delays) / max(1, self.users),
            "median_ms": percentile_ms(self.delays, 50),
            "p90_ms": percentile_ms(self.delays, 90),
            "early_users": self.early_users,
            "early_found": len(self.early_delays) / max(1, self.early_users),
            "early_median_ms": percentile_ms(self.early_delays, 50),
            "cpu_percent": 100 * self.cpu_s / max(self.sound_s, 1e-9),
        }


def percentile_ms(delays: list[float], share: int) -> float:
    """In milliseconds; not a number where there is nothing."""
    return 1000 * float(np.percentile(delays, share)) if delays else float("nan")


HEAD = (
    "             |  replies alone       | bursts          | users             onset to decision ms"
    "  first second     | CPU\n"
    "             |  min  stops/min dips | num  dip stopped | num found median   p90"
    "  num found median  | %\n"
)


def row(name: str, figures: dict[str, float]) -> str:
    """One line of the table."""
    return (
        "{name:12} | {alone_min:5.1f} {false_stops_per_min:7.2f} {dips_per_min:6.1f} "
        "| {bursts:3.0f} {bursts_dipped:5.2f} {bursts_stopped:5.2f} "
        "  | {users:3.0f} {found:5.2f} {median_ms:6.0f} {p90_ms:6.0f} "
        " {early_users:3.0f} {early_found:5.2f} {early_median_ms:6.0f}  | {cpu_percent:.2f}\n"
    ).format(name=name, **figures)


# --- The loop ---


@dataclass(slots=True)
class Scene:
    """One reply, and what happens while it plays; times in seconds of the session.

    Args:
        sound: The user or the burst as the microphone hears it; None for a reply left alone.
        is_user: It is a user.
        lead_s: From the first sound of the reply to the user's.
        onset: When the user or the burst begins; None until then.
        end: When it ends.
        paused: When the reply was paused last.
        dipped: It was ducked or paused, and neither has been undone.
        dropped: When it was given up.
    """

    item: str
    sound: Sound | None
    is_user: bool
    lead_s: float
    onset: float | None = None
    end: float = float("inf")
    paused: float | None = None
    dipped: float | None = None
    has_dipped: bool = False
    dropped: float | None = None


class Loop:
    """A minute at one desk.

    Args:
        desk: Where.
        ser_db: The user's level relative to the echo's; None for headphones.
        clips: Speech for both sides.
        rng: Draws everything else.
        books: Where it is written down.
    """

    def __init__(
        self, desk: Desk, ser_db: float | None, clips: list[Clip], rng: np.random.Generator, books: Books
    ) -> None:
        self._desk = desk if ser_db is not None else without_echo(desk)
        self._rng = rng
        self._books = books
        user_dbfs = HEADPHONES_DBFS if ser_db is None else (desk.echo_dbfs or 0.0) + ser_db
        self._user_dbfs = min(user_dbfs, -9.0)
        voices = sorted({clip.file for clip in clips})
        reader = str(rng.choice([name for name in voices if name.startswith("clean")] or voices))
        self._replies_say = [at_level(clip.sound, REPLY_DBFS) for clip in clips if clip.file == reader]
        self._users = [clip for clip in clips if clip.file != reader] or clips
        self._user_room = room(desk.rt60_s, float(rng.uniform(0, 8)), rng)
        self._echo = EchoPath(self._desk, rng, DESK_S, np.concatenate(self._replies_say))
        blocks = round(DESK_S / 0.02)
        self._near = room_noise(blocks * BLOCK, desk.noise_dbfs, rng)

        self._listener = Listener()
        self._replies = Replies()
        self._floor = Floor(FloorSettings(), self._replies)
        self._mixer = Mixer(PlayoutSettings())
        self._far_end = FarEnd()
        if desk.tells:
            self._far_end.playout_delay_s = desk.playout_s
            self._far_end.capture_delay_s = desk.capture_s
        self._pulls = 0
        self._scene: Scene | None = None
        self._scenes = 0
        self._next_reply = 1.0
        self._now = 0.0

    def run(self) -> None:
        """Play the minute."""
        for block in range(len(self._near) // BLOCK):
            captured = (block + 1) * 0.02
            callback = captured + self._desk.capture_s + float(self._rng.uniform(0, LATEST_S))
            self._play_until(callback)
            self._now = captured
            self._direct(block)
            near = self._echo.hear(block) + self._near[block * BLOCK : (block + 1) * BLOCK]
            pcm = np.clip(np.rint(near * 32768), -32768, 32767).astype("<i2").tobytes()
            frame = AudioFrame(pcm, NEAR_RATE, block * BLOCK)
            far = self._far_end.partner(
                frame.end_sample * REPLY_RATE // NEAR_RATE, REPLY_RATE // 50, self._far_end.written
            )
            started = time.process_time()
            events = self._listener.judge(Captured(captured, frame, far))
            self._books.cpu_s += time.process_time() - started
            self._books.sound_s += 0.02
            if (due := self._floor.deadline()) is not None and captured >= due:
                self._take(Tick(captured))
            for event in events:
                self._take(event)
            self._note_alone()
        self._close_scene()

    def _play_until(self, moment: float) -> None:
        """Let the loudspeaker's clock run: it takes ten milliseconds at a time."""
        period = 0.01 * (1 + self._desk.drift_ppm * 1e-6)
        while self._pulls * period <= moment:
            pcm = self._mixer.pull(PULL)
            self._far_end.write(pcm)
            self._echo.play(pcm)
            audible = self._pulls * period + self._desk.playout_s
            self._pulls += 1
            for note in self._mixer.take_notes():
                match note:
                    case Started(item):
                        self._take(PlayoutStarted(self._now, item, audible))
                        self._begin_speaking(item, audible)
                    case Drained(item, heard_ms):
                        self._take(PlayoutDrained(self._now, item, heard_ms))

    def _take(self, event: Event) -> None:
        for command in self._floor.handle(event) + self._replies.handle(event):
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case Play(item, pcm):
                self._mixer.push(item, pcm)
            case EndPlayout(item):
                self._mixer.end(item)
            case SetGain(gain_db, ramp_ms):
                self._mixer.set_gain(gain_db, ramp_ms)
                self._note_dip(over=gain_db == 0)
            case PausePlayout():
                self._mixer.pause()
                self._note_dip(over=False)
                if self._scene:
                    self._scene.paused = self._now
            case ResumePlayout():
                self._mixer.resume()
                if self._scene and self._scene.dropped is None:
                    # It plays on: what decides now comes later.
                    self._scene.paused = None
            case DropPlayout(item):
                heard_ms = self._mixer.drop(item)
                if self._scene and self._scene.item == item:
                    self._scene.dropped = self._now
                self._take(PlayoutDropped(self._now, item, heard_ms))
            case _:
                pass

    # --- Who speaks when ---

    def _direct(self, block: int) -> None:
        """Begin a reply when the one before is over and the user is through."""
        scene = self._scene
        if scene:
            through = scene.onset is not None and self._now > scene.end + AFTER_S
            if through and scene.sound is not None and not scene.dropped:
                # Missed, or a burst that left it playing: that is enough of this reply.
                if scene.is_user or self._now > scene.end + 2 * AFTER_S:
                    self._close_scene()
                    for item in self._replies.sounding:
                        for command in self._replies.cut(item):
                            self._perform(command)
            elif not self._replies.sounding and (scene.sound is None or through or scene.onset is None):
                self._close_scene()
            return
        if self._now >= self._next_reply and self._now < DESK_S - 8 and self._floor.standing == "free":
            self._begin_scene()

    def _begin_scene(self) -> None:
        rng = self._rng
        self._scenes += 1
        item = f"reply {self._scenes}"
        kind = rng.choice(["user", "alone", "burst"], p=[0.56, 0.26, 0.18])
        lead_s = float(rng.uniform(0.1, 1.0) if rng.random() < 0.25 else rng.uniform(1.0, 5.0))
        sound = None
        if kind == "user":
            clip = self._users[rng.integers(len(self._users))]
            cut = clip.sound[: round(rng.uniform(1.0, 3.5) * NEAR_RATE)].copy()
            cut[-320:] *= np.linspace(1, 0, 320)
            sound = self._in_the_room(cut, 0.0)
        elif kind == "burst":
            make, relative_db = BURSTS[str(rng.choice(list(BURSTS)))]
            sound = self._in_the_room(make(rng), relative_db)
        self._scene = Scene(item, sound, bool(kind == "user"), lead_s)
        length_s = rng.uniform(5, 10) if sound is None else lead_s + len(sound) / NEAR_RATE + 3
        for chunk in self._reply(float(length_s)):
            self._take(ReplyAudio(self._now, item, chunk))
        self._take(ReplyComplete(self._now, item))

    def _in_the_room(self, sound: Sound, relative_db: float) -> Sound:
        heard = convolve(np.pad(sound, (0, NEAR_RATE // 4)), self._user_room)
        return at_level(heard, self._user_dbfs + relative_db)

    def _reply(self, seconds: float) -> list[bytes]:
        """Sentences with pauses between them, at 24 kHz, in parts of 200 ms."""
        parts: list[Sound] = []
        while sum(map(len, parts)) < seconds * NEAR_RATE:
            sentence = self._replies_say[self._rng.integers(len(self._replies_say))]
            parts += [sentence, np.zeros(round(self._rng.uniform(0.15, 0.5) * NEAR_RATE))]
        sound = np.concatenate(parts)[: round(seconds * NEAR_RATE)]
        narrow = np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()
        resampler = Resampler(NEAR_RATE, REPLY_RATE)
        pcm = resampler.feed(narrow) + resampler.flush()
        size = REPLY_RATE // 5 * SAMPLE_BYTES
        return [pcm[at : at + size] for at in range(0, len(pcm), size)]

    def _begin_speaking(self, item: str, audible: float) -> None:
        """The reply is heard: now it is known when the user will be."""
        scene = self._scene
        if scene is None or scene.item != item or scene.sound is None:
            return
        start = round((audible + scene.lead_s) * NEAR_RATE)
        room_left = self._near[start : start + len(scene.sound)]
        if len(room_left) < len(scene.sound):
            scene.sound = None
            return
        room_left += scene.sound
        scene.onset = start / NEAR_RATE
        scene.end = scene.onset + len(scene.sound) / NEAR_RATE - 0.25

    # --- What it came to ---

    def _nobody(self) -> bool:
        """Is nobody heard now but the reply?"""
        scene = self._scene
        return scene is not None and (
            scene.onset is None or self._now < scene.onset or self._now > scene.end + AFTER_S
        )

    def _note_alone(self) -> None:
        if self._replies.sounding and self._nobody():
            self._books.alone_s += 0.02

    def _note_dip(self, *, over: bool) -> None:
        scene = self._scene
        if scene is None:
            return
        if not over and scene.dipped is None:
            scene.dipped = self._now
            if self._nobody():
                self._books.dips += 1
            else:
                scene.has_dipped = True
        elif over:
            scene.dipped = None

    def _close_scene(self) -> None:
        scene, self._scene = self._scene, None
        self._next_reply = self._now + float(self._rng.uniform(0.3, 1.0))
        if scene is None:
            return
        books = self._books
        if scene.dropped is not None and (scene.onset is None or scene.dropped < scene.onset):
            books.false_stops += 1
            books.dips -= 1
            return
        if scene.sound is None or scene.onset is None or self._now < scene.end:
            return
        if not scene.is_user:
            books.bursts += 1
            books.bursts_dipped += scene.has_dipped
            books.bursts_stopped += scene.dropped is not None
            return
        paused = scene.dropped if scene.paused is None else scene.paused
        if paused is not None and paused < scene.onset and scene.dropped is not None:
            # A dip that the user happened to speak into: counted as a dip, and says nothing of the user.
            return
        early = scene.lead_s < 1.0
        books.users += 1
        books.early_users += early
        if scene.dropped is not None and paused is not None and scene.dropped <= scene.end + 0.3:
            books.delays.append(paused - scene.onset)
            if early:
                books.early_delays.append(paused - scene.onset)


if __name__ == "__main__":
    raise SystemExit(main())
