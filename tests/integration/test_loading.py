"""PortAudio is loaded meanwhile, and whatever becomes of it, what is written to standard error is read."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from voice_assistant.devices import portaudio
from voice_assistant.devices.loading import Loading
from voice_assistant.errors import DeviceError


@pytest.mark.parametrize("hangs", [False, True])
async def test_leaving_early_gives_standard_error_back(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    before = os.fstat(2)
    sent_away, go_on = threading.Event(), threading.Event()

    def load() -> None:
        """Do as sounddevice does: send the descriptor away while it looks for devices."""
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        sent_away.set()
        go_on.wait(60)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

    monkeypatch.setattr(portaudio, "load", load)
    loading = Loading(asyncio.get_running_loop())
    assert sent_away.wait(60)
    assert not os.path.samestat(os.fstat(2), before)

    if not hangs:
        threading.Timer(0.1, go_on.set).start()
    loading.close()

    assert os.path.samestat(os.fstat(2), before)
    go_on.set()


async def test_what_is_wrong_with_it_is_raised_where_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load() -> None:
        raise DeviceError("there is none", remedy="Install it.")

    monkeypatch.setattr(portaudio, "load", load)
    loading = Loading(asyncio.get_running_loop())

    with pytest.raises(DeviceError, match="there is none"):
        await loading.done()
    loading.close()
