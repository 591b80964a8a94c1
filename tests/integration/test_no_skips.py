"""The rule of ``tests/conftest.py``: in CI a skip is a failure, elsewhere it is a skip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

A_TEST = "import pytest\ndef test_it() -> None:\n    pytest.skip('no proxy')\n"
A_MARK = "import pytest\n@pytest.mark.skipif(True, reason='no sound')\ndef test_it() -> None: ...\n"
A_FILE = "import pytest\npytest.importorskip('nowhere_to_be_found')\n"


def outcome(folder: Path, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one file of tests under the rule."""
    (folder / "test_one.py").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if name != "VOICE_ASSISTANT_CI"}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "--rootdir",
            folder,
            "-c",
            os.devnull,
            folder,
        ],
        cwd=ROOT,
        env=inherited | environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "reason"), [(A_TEST, "no proxy"), (A_MARK, "no sound"), (A_FILE, "nowhere_to_be_found")]
)
def test_in_ci_a_skip_is_a_failure_that_says_why(tmp_path: Path, text: str, reason: str) -> None:
    ended = outcome(tmp_path, text, VOICE_ASSISTANT_CI="1")

    assert ended.returncode in (1, 2)
    assert "skipped, and CI skips nothing" in ended.stdout
    assert reason in ended.stdout


@pytest.mark.parametrize("text", [A_TEST, A_MARK, A_FILE])
def test_elsewhere_a_skip_is_a_skip(tmp_path: Path, text: str) -> None:
    ended = outcome(tmp_path, text)

    assert "1 skipped" in ended.stdout
    assert "failed" not in ended.stdout
