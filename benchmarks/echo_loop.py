"""A minute at a simulated desk, in a closed loop, and the books of what happened there.

For ``echo.py``, which says what is counted. The program's own parts are put together here as ``app.py`` does
it, with ``rooms.py`` in place of sound hardware.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks.rooms import BLOCK, Desk, EchoPath, Sound, convolve, room, room_noise, without_echo
from benchmarks.voices import BURSTS, Clip, at_level
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
from voice_assistant.core.neural import VoiceModel
from voice_assistant.core.replies import Replies
from voice_assistant.devices.far_end import FarEnd

DESK_S = 60.0
REPLY_DBFS = -20.0
"""Level of replies while they speak, as providers send them."""

HEADPHONES_DBFS = -34.0
"""Level of the user with headphones on."""

PULL = REPLY_RATE // 100
LATEST_S = 0.004
"""Callbacks come up to this much late."""

TIMED_EVERY = 7
"""One block in so many is timed: looking at the clock may cost half as much as what is measured. The listener
does things every 5, 10 or 25 blocks, and 7 meets all of them."""

AFTER_S = 1.0
"""After a user or a burst, for so long, a dip is theirs."""


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
        model: The listener's fifth opinion, if it has one.
    """

    def __init__(
        self,
        desk: Desk,
        ser_db: float | None,
        clips: list[Clip],
        rng: np.random.Generator,
        books: Books,
        model: VoiceModel | None = None,
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

        self._listener = Listener(model=model)
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
            events = self._judge(Captured(captured, frame, far), is_timed=block % TIMED_EVERY == 0)
            if (due := self._floor.deadline()) is not None and captured >= due:
                self._take(Tick(captured))
            for event in events:
                self._take(event)
            self._note_alone()
        self._close_scene()

    def _judge(self, event: Captured, *, is_timed: bool) -> list[Event]:
        if not is_timed:
            return self._listener.judge(event)
        started = time.process_time()
        events = self._listener.judge(event)
        self._books.cpu_s += time.process_time() - started
        self._books.sound_s += 0.02
        return events

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
