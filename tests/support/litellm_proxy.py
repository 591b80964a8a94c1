"""A real LiteLLM proxy, started for a test as a child process on 127.0.0.1.

LiteLLM and its hundred packages live in an environment of their own. Where: the variable
``VOICE_ASSISTANT_LITELLM`` holds the path of its executable, or it stands in ``.ci/cache/litellm`` below the
project's root. A start takes 12 to 20 s, so tests share one proxy of each kind (``tests/peers/conftest.py``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).parents[2]
START_S = 300.0
STOP_S = 30.0

KEY = "sk-test-master-key"
"""The key that the proxy takes from its clients. It opens nothing else."""

GEMINI_KEY = "AIza-test-upstream"
"""The key that the proxy shows to the scripted Gemini."""

LIVE_MODEL = "gemini-live"
"""The name under which a proxy here offers its realtime model."""

UPSTREAM_MODEL = "gemini/gemini-2.5-flash-native-audio-preview-12-2025"


def litellm_executable() -> Path | None:
    """Find the proxy's executable, or None where there is none."""
    named = os.environ.get("VOICE_ASSISTANT_LITELLM")
    path = Path(named) if named else ROOT / ".ci/cache/litellm/bin/litellm"
    return path if path.is_file() else None


def free_port() -> int:
    """Find a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LiteLLMProxy:
    """A running proxy; a context manager.

    Args:
        executable: See ``litellm_executable``.
        folder: For its configuration and its log.
        models: The ``litellm_params`` of each model that it offers, by name; see ``gemini_at``.
        deferred: Let the client's first ``session.update`` set Gemini up; by default the proxy ignores it.
    """

    def __init__(
        self,
        executable: Path,
        folder: Path,
        models: Mapping[str, Mapping[str, str]],
        *,
        deferred: bool = False,
    ) -> None:
        self.port = free_port()
        self.log = folder / "proxy.log"
        self._executable = executable
        self._config = folder / "config.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file: IO[bytes] | None = None
        # JSON is YAML.
        self._config.write_text(
            json.dumps(
                {
                    "model_list": [
                        {"model_name": name, "litellm_params": dict(params)}
                        for name, params in models.items()
                    ],
                    "litellm_settings": {"gemini_live_defer_setup": deferred, "telemetry": False},
                    "general_settings": {"master_key": KEY},
                }
            )
        )

    @property
    def url(self) -> str:
        """The address without a path: ``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End the process at once, as a crash does; ``start`` starts another at the same address."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Stop the process where it is: the system takes connections for it, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what ``hang`` began."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        if self._log_file:
            self._log_file.close()
        self.__enter__()

    def __enter__(self) -> Self:
        self._log_file = self.log.open("ab")
        self._process = subprocess.Popen(
            [self._executable, "--config", self._config, "--host", "127.0.0.1", "--port", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            cwd=self._config.parent,
            env={
                **os.environ,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_TELEMETRY": "False",
                "NO_PROXY": "*",
                "PYTHONWARNINGS": "ignore",
            },
        )
        try:
            self._wait_until_live()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log_file:
            self._log_file.close()

    def _wait_until_live(self) -> None:
        assert self._process is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with opener.open(f"{self.url}/health/liveliness", timeout=10):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        raise RuntimeError(
            f"the LiteLLM proxy does not start:\n{self.log.read_text(errors='replace')[-3000:]}"
        )


def gemini_at(url: str, *, model: str = UPSTREAM_MODEL, key: str = GEMINI_KEY) -> dict[str, str]:
    """Make the ``litellm_params`` of a model that is served at *url*."""
    return {"model": model, "api_base": url, "api_key": key}
