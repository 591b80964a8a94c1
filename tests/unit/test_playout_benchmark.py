"""The jitter buffer on made deliveries, as ``benchmarks.playout`` measures it: the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.playout import Delivered, main, measure, play
from benchmarks.speech_like import speech_like
from voice_assistant.core.jitter import JitterBuffer, PlayoutSettings

TRACES = Path(__file__).parent.parent / "data" / "playout"


def test_replies_of_every_kind_are_played_nearly_as_well_as_foresight_would() -> None:
    rows = measure(sorted(TRACES.glob("*.json")), PlayoutSettings())

    ratios = {str(row["family"]): float(row["ratio"]) for row in rows}
    assert len(ratios) == 10
    assert ratios["all"] < 1.28
    assert (
        float(rows[-1]["underruns_per_min"]) < 1.0
    )  # the first replies, of which nothing is known, included


def test_a_fixed_prefill_plays_them_worse() -> None:
    paths = sorted(TRACES.glob("gauss*.json"))

    adaptive, fixed = (
        measure(paths, settings)[-1]
        for settings in (PlayoutSettings(), PlayoutSettings(adaptive=False, prefill_ms=40))
    )

    assert float(adaptive["J"]) < float(fixed["J"])


def test_the_measure_counts_what_a_listener_hears() -> None:
    late = Delivered(chunks=((0.0, 100), (250.0, 100)), pauses=())
    buffer = JitterBuffer(PlayoutSettings(adaptive=False, prefill_ms=40))

    heard = play(buffer, "a", late, speech_like(200, ()))

    assert (heard.start_ms, heard.underruns, heard.gap_ms) == (0, 1, 150)
    assert heard.oracle_ms == 150
    assert heard.cost == 2 * 150 + 100


def test_a_table_or_a_line_of_json_a_family_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trace = {"name": "one", "responses": [{"chunks": [[0, 200]], "pauses": []}]}
    (tmp_path / "one.json").write_text(json.dumps(trace), "utf-8")

    assert main([str(tmp_path)]) == 0
    table = capsys.readouterr().out
    assert main([str(tmp_path), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line.split()[0] for line in table.splitlines()] == ["family", "one", "all"]
    assert [line["family"] for line in lines] == ["one", "all"]
    assert lines[0]["ratio"] == 1.0


def test_a_folder_without_traces_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
