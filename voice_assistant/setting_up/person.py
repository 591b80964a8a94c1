"""The person who is asked: questions on the terminal, each with what holds if they just press Enter.

What comes from elsewhere, such as the name of a device, is neutralised before it is shown.
"""

from __future__ import annotations

import contextlib
import getpass
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from voice_assistant.core.plain_text import neutralise
from voice_assistant.errors import UsageError, VoiceAssistantError

WIDTH = 76

NONE = "none"
"""Typed where an answer is to be empty: Enter alone keeps what is there."""


class Person:
    """Asks and tells on a terminal.

    Args:
        out: Where it is told.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        with contextlib.suppress(ImportError):  # then lines are edited as the terminal itself allows
            import readline  # noqa: F401 - importing it gives input() its editing

    @staticmethod
    def is_there() -> bool:
        """Say whether there is somebody to ask."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()

    def tell(self, text: str = "") -> None:
        """Say something, a paragraph."""
        indent = " " * (len(text) - len(text.lstrip()))
        # What is too long, as a path, is left whole, to be copied.
        lines = textwrap.wrap(
            neutralise(text),
            WIDTH,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()

    def show(self, line: str) -> None:
        """Show a line as it is: something to be copied."""
        self._out.write(f"    {neutralise(line)}\n")
        self._out.flush()

    def explain(self, error: VoiceAssistantError) -> None:
        """Say what went wrong, and what to do about it; the questions go on."""
        self.tell(f"  {error}")
        self.tell(f"  fix: {error.remedy}")

    def ask(self, question: str, default: str) -> str:
        """Ask for a text; Enter keeps *default*, and ``none`` empties it."""
        said = self._line(f"{question} [{neutralise(default) or NONE}]: ")
        return default if not said else "" if said == NONE else said

    def agrees(self, question: str, *, default: bool) -> bool:
        """Ask for yes or no."""
        while True:
            said = self._line(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()
            if not said:
                return default
            if said in ("y", "yes", "n", "no"):
                return said.startswith("y")
            self.tell("  Please answer y or n.")

    def choose(self, question: str, options: Sequence[tuple[str, str]], default: str) -> str:
        """Ask for one of several; gives its name, or other words that were typed.

        Args:
            question: What is asked, a line.
            options: The name of each, and how it is shown.
            default: The name of the one that Enter takes; none of the options where it is not there now.
        """
        self.tell(question)
        for number, (_, shown) in enumerate(options, 1):
            self._out.write(f"  {number:>2}  {neutralise(shown)}\n")
        names = [name for name, _ in options]
        kept = str(names.index(default) + 1) if default in names else neutralise(default)
        while True:
            said = self._line(f"Your choice [{kept}]: ")
            if not said:
                return default
            if not said.isdecimal():
                return said
            if 1 <= int(said) <= len(options):
                return names[int(said) - 1]
            self.tell(f"  Please answer with a number from 1 to {len(options)}.")

    def secret(self, question: str) -> str:
        """Ask for something that is not shown."""
        try:
            return getpass.getpass(f"{question}: ").strip()
        except EOFError:
            raise KeyboardInterrupt from None

    @staticmethod
    def _line(prompt: str) -> str:
        try:
            return input(prompt).strip()
        except EOFError:
            # Ctrl-D: nobody answers any more.
            raise KeyboardInterrupt from None
        except UnicodeDecodeError as error:
            raise UsageError(
                "what was typed is no text in this terminal's encoding", remedy="Set LANG to a UTF-8 locale."
            ) from error
