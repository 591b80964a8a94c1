"""How loud replies are played: steps by keys, within limits."""

from __future__ import annotations

import pytest

from voice_assistant.core.events import Pressed, SetVolume
from voice_assistant.core.settings import SettingError
from voice_assistant.core.volume import LOUDEST_DB, SOFTEST_DB, STEP_DB, Volume, VolumeSettings


def test_each_key_is_one_step() -> None:
    volume = Volume(VolumeSettings())

    assert volume.begin() == []
    assert volume.handle(Pressed(1.0, "softer")) == [SetVolume(-STEP_DB)]
    assert volume.handle(Pressed(1.1, "louder")) == [SetVolume(0.0)]
    assert volume.handle(Pressed(1.2, "mute")) == []


def test_at_the_ends_it_is_said_again_and_goes_no_further() -> None:
    volume = Volume(VolumeSettings())

    down = [volume.handle(Pressed(1.0, "softer")) for _ in range(20)]
    up = [volume.handle(Pressed(1.0, "louder")) for _ in range(20)]

    assert down[-2:] == [[SetVolume(SOFTEST_DB)]] * 2
    assert up[-2:] == [[SetVolume(LOUDEST_DB)]] * 2


def test_the_volume_to_begin_with_is_a_setting_within_the_same_limits() -> None:
    assert Volume(VolumeSettings(volume_db=-9.0)).begin() == [SetVolume(-9.0)]
    with pytest.raises(SettingError):
        VolumeSettings(volume_db=12.0)
