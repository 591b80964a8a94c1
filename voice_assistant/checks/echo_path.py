"""The echo path: chirps out of the loudspeaker, into the microphone, and what that means for a conversation.

How they are found in the sound is ``core/sounding.py``'s; here they are played, and the result is put into
words: leave everything as it is, half duplex, or headphones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voice_assistant.checks.finding import Finding, State
from voice_assistant.core import sounding, webrtc
from voice_assistant.core.echo import EchoSettings
from voice_assistant.core.events import Captured, EndPlayout, Play
from voice_assistant.core.sounding import Advice, Sounding

CHIRPS_S = sounding.TRAIN_S + sounding.LONGEST_S + 0.3

_ITEM = "chirps"

CLIPPED_SHARE = 0.001
"""Of the samples, at full scale: more is too loud."""

_APART_PPM = 300.0
"""Sound cards drift apart by up to 200 ppm; the reference follows up to 400."""

COPIED = "carries the loudspeaker's own sound"
UNCOPY = (
    "It is the loudspeaker's monitor, or a cable. Choose a microphone in the sound server's settings "
    "(pavucontrol, page Recording, or 'pactl set-default-source'), or with --input-device; 'voice-assistant "
    "devices' lists them."
)

_OVER_ANY_ROOM_DB = 70.0
"""No echo is so much louder than a room: the microphone delivered zeros before."""

_FAR_MS = 450.0
"""Further than this AEC3 does not look back."""

_STATES: dict[Advice, State] = {
    "nothing to cancel": "ok",
    "cancelling": "ok",
    "half-duplex": "warning",
    "headphones": "warning",
}

_SAID: dict[Advice, str] = {
    "nothing to cancel": "the microphone does not hear the loudspeaker, as with headphones: nothing to "
    "cancel. If you did not hear the chirps either, look at the volume and at the device",
    "cancelling": "cancelling works here: speak into replies as you like",
    "half-duplex": "too much of the echo is left for you to speak into replies",
    "headphones": "hardly any of the echo can be removed",
}

_REMEDIES: dict[Advice, str] = {
    "nothing to cancel": "",
    "cancelling": "",
    "half-duplex": 'Write mode = "half-duplex" under [echo] in your config.toml, or wear headphones.',
    "headphones": "Wear headphones. Turning the loudspeaker down, or moving it away from the microphone, may "
    "help too.",
}


async def chirp(perform: Callable[[Play | EndPlayout], None], arrived: list[Captured]) -> None:
    """Play the chirps and wait for their echo; takes ``CHIRPS_S``.

    Args:
        perform: Gives the loudspeaker its commands.
        arrived: What the microphone delivers is added to it meanwhile.
    """
    arrived.clear()
    perform(Play(_ITEM, sounding.chirps()))
    perform(EndPlayout(_ITEM))
    await asyncio.sleep(CHIRPS_S)


def judge(sounded: Sounding, settings: EchoSettings, *, clipped: float = 0.0) -> Finding:
    """Put it into words.

    Args:
        sounded: What the chirps told.
        settings: What is done about echo.
        clipped: Share of what the microphone delivered meanwhile that was at full scale, 0 to 1.
    """
    advice = sounded.advice
    details = {
        "advice": advice,
        "heard_by_microphone": sounded.heard,
        "delay_ms": None if sounded.delay_ms is None else round(sounded.delay_ms),
        "echo_over_room_db": round(sounded.rise_db, 1),
        "removed_db": round(sounded.removed_db, 1),
        "left_over_room_db": round(sounded.left_db, 1),
        "drift_ppm": None if sounded.drift_ppm is None else round(sounded.drift_ppm),
        "unsteady_ms": round(sounded.unsteady_ms, 2),
        "copied": round(sounded.copied, 3),
        "clipped": round(clipped, 4),
    }
    if advice == "nothing to cancel" or sounded.delay_ms is None:
        return Finding("echo path", "ok", _SAID["nothing to cancel"], details=details)
    over = "" if sounded.rise_db > _OVER_ANY_ROOM_DB else f", {sounded.rise_db:.0f} dB over the room"
    measured = f"the echo comes after {sounded.delay_ms:.0f} ms{over}"
    if sounded.is_copy:
        told = f"{measured}: the microphone {COPIED}, with no room between"
        return Finding("echo path", "warning", told, UNCOPY, details=details)
    measured += f"; {sounded.removed_db:.0f} dB of it are removed"
    if sounded.drift_ppm is not None:
        measured += f"; the clocks drift apart by {abs(sounded.drift_ppm):.0f} ppm"
    if not webrtc.CAN_CANCEL:
        return Finding(
            "echo path",
            "warning",
            f"{measured}: pywebrtc-audio is not installed, so only a key interrupts a reply that is heard",
            'To speak into replies wear headphones, and write mode = "off" under [echo] in your config.toml.',
            details=details,
        )
    if settings.mode != "cancelling":
        also = f' ([echo] mode is {settings.mode!r}; with "cancelling": {_SAID[advice]})'
        return Finding("echo path", "ok", measured + also, details=details)
    state, said, remedy = _STATES[advice], _SAID[advice], _REMEDIES[advice]
    if clipped >= CLIPPED_SHARE:
        state = "warning"
        said = f"{clipped:.1%} of it is clipped, and what is clipped cannot be removed"
        remedy = remedy or "Lower the microphone's gain in the system's sound settings, or the loudspeaker."
    elif sounded.drift_ppm is None:
        state = "warning"
        moved = f"the delay moved by {sounded.unsteady_ms:.0f} ms meanwhile"
        # Nobody shall give up cancelling for the sake of a busy minute.
        said = f"{said}; but {moved}" if advice == "cancelling" else f"{moved}, so this tells little"
        remedy = (
            "The machine is too busy, or the sound server stalls: close other programs, and run doctor again."
        )
    elif abs(sounded.drift_ppm) > _APART_PPM:
        state = "warning"
        said += "; but the clocks of the two devices are far apart"
        remedy = remedy or "Use the microphone and the loudspeaker of one device, or wear headphones."
    elif sounded.delay_ms > _FAR_MS and not remedy:
        said += "; so long a way is measured anew in the first seconds of each session"
    return Finding("echo path", state, f"{measured}: {said}", remedy, details=details)


def unknown(why: str) -> Finding:
    """Say that nothing is known of it."""
    return Finding("echo path", "note", f"not known: {why}", details={"advice": None})
