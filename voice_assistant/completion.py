"""Completion for bash, zsh and fish, made of the parsers themselves: what they take is what is offered.

A word is completed as a command where it is the first; behind a flag as one of its choices, or as a file;
elsewhere as a flag of the command. What a flag takes is known by its ``choices``, type and ``metavar``.
"""

from __future__ import annotations

import re
from argparse import Action, ArgumentParser, _HelpAction
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voice_assistant import cli

Takes = Literal["nothing", "words", "file", "folder", "text"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One flag, or one argument without a flag.

    Args:
        flags: ``--plain``; empty for an argument.
        help: What it is, in a line.
        takes: What stands behind it.
        words: The choices, where it takes one of some words.
    """

    flags: tuple[str, ...]
    help: str
    takes: Takes
    words: tuple[str, ...] = ()


def script(shell: str) -> str:
    """Give the script for ``bash``, ``zsh`` or ``fish``."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def offers(parser: ArgumentParser) -> list[Offer]:
    """List what a parser takes."""
    return [_offer(action) for action in parser._actions]


def _offer(action: Action) -> Offer:
    told = "show this help" if isinstance(action, _HelpAction) else action.help or ""
    told = told.partition("%")[0] if "%" in told else told
    takes: Takes
    if action.choices is not None:
        takes = "words"
    elif action.nargs == 0:
        takes = "nothing"
    elif action.type is Path:
        takes = "folder" if action.metavar == "DIR" else "file"
    else:
        takes = "text"
    return Offer(tuple(action.option_strings), told, takes, tuple(map(str, action.choices or ())))


def _by_command() -> Iterator[tuple[str, list[Offer]]]:
    """Give what each command takes; the empty name is the program without a command."""
    for name in ["", *cli.COMMANDS]:
        yield name, offers(cli.parser(name or None))


# --- bash ---


def _bash() -> str:
    cases = []
    for name, told in _by_command():
        flags = " ".join(flag for offer in told for flag in offer.flags)
        words = " ".join(word for offer in told if not offer.flags for word in offer.words)
        behind = "".join(
            f"        {'|'.join(offer.flags)}) {_bash_behind(offer)} ;;\n"
            for offer in told
            if offer.flags and offer.takes != "nothing"
        )
        free = "files" if any(offer.takes == "file" for offer in told if not offer.flags) else ""
        cases.append(
            f"    {name or chr(34) * 2})\n"
            f'      case "$before" in\n{behind}'
            f"        *) take='flags {free}'; flags='{flags}'; words='{words}' ;;\n      esac ;;\n"
        )
    return f"""\
# Completion of voice-assistant for bash.
_voice_assistant() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local name='' take='' flags='' words=''
  if [ "$COMP_CWORD" -gt 1 ] && [[ "${{COMP_WORDS[1]}}" != -* ]]; then name="${{COMP_WORDS[1]}}"; fi
  case "$name" in
{"".join(cases)}  esac
  if [ "$COMP_CWORD" = 1 ]; then words='{" ".join(cli.COMMANDS)}'; fi
  case "$take" in
    flags*)
      if [[ "$word" == -* ]]; then words="$flags"
      elif [[ "$take" == *files && -z "$words" ]]; then take=files; fi ;;
  esac
  COMPREPLY=()
  case "$take" in
    files) local IFS=$'\n'; COMPREPLY=($(compgen -f -- "$word")) ;;
    folders) local IFS=$'\n'; COMPREPLY=($(compgen -d -- "$word")) ;;
    words|flags*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
  esac
}}
complete -o filenames -F _voice_assistant voice-assistant
"""


def _bash_behind(offer: Offer) -> str:
    match offer.takes:
        case "words":
            return f"take=words; words='{' '.join(offer.words)}'"
        case "file":
            return "take=files"
        case "folder":
            return "take=folders"
        case _:
            return "take=none"


# --- zsh ---


def _zsh() -> str:
    cases = []
    for name, told in _by_command():
        specs = "".join(f" \\\n        {_zsh_spec(offer)}" for offer in told)
        cases.append(f"    {name or chr(39) * 2})\n      _arguments -s{specs} ;;\n")
    commands = "".join(f"\n    {_quoted(f'{one.name}:{one.help}')}" for one in cli.COMMANDS.values())
    return f"""\
#compdef voice-assistant
# Completion of voice-assistant for zsh.
_voice_assistant() {{
  local name=''
  local -a commands
  commands=({commands}
  )
  if (( CURRENT > 2 )) && [[ "$words[2]" != -* ]]; then
    name="$words[2]"
    shift words
    (( CURRENT-- ))
  elif (( CURRENT == 2 )) && [[ "$PREFIX" != -* ]]; then
    _describe command commands
    return
  fi
  case "$name" in
{"".join(cases)}  esac
}}
if [[ "$zsh_eval_context[-1]" == loadautofunc ]]; then _voice_assistant "$@"
else compdef _voice_assistant voice-assistant; fi
"""


def _zsh_spec(offer: Offer) -> str:
    action = {
        "nothing": "",
        "words": f":({' '.join(offer.words)})",
        "file": ":_files",
        "folder": ":_files -/",
        "text": ": ",
    }[offer.takes]
    if not offer.flags:
        return _quoted(f":{_escaped(offer.help)}{action}")
    told = f"[{_escaped(offer.help)}]"
    behind = f":{offer.takes}{action}" if action else ""
    others = f"({' '.join(offer.flags)})" if len(offer.flags) > 1 else ""
    return " ".join(_quoted(f"{others}{flag}{told}{behind}") for flag in offer.flags)


def _escaped(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# --- fish ---


def _fish() -> str:
    lines = [
        "# Completion of voice-assistant for fish.",
        "function __voice_assistant_command",
        "    set -l words (commandline -opc)",
        "    if set -q words[2]; and not string match -q -- '-*' $words[2]",
        "        echo $words[2]",
        "    end",
        "end",
        "complete -c voice-assistant -f",
    ]
    none = "test (count (commandline -opc)) = 1"
    for one in cli.COMMANDS.values():
        lines.append(f"complete -c voice-assistant -n '{none}' -a {one.name} -d {_fish_quoted(one.help)}")
    for name, told in _by_command():
        here = f'test "$(__voice_assistant_command)" = "{name}"'
        lines += [f"complete -c voice-assistant -n '{here}' {_fish_spec(offer)}" for offer in told]
    return "\n".join(lines) + "\n"


def _fish_spec(offer: Offer) -> str:
    parts = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in offer.flags]
    match offer.takes:
        case "words":
            parts += ["-x", f"-a {_fish_quoted(' '.join(offer.words))}"]
        case "file":
            parts += ["-r", "-F"] if offer.flags else ["-F"]
        case "folder":
            parts += ["-x", "-a '(__fish_complete_directories)'"]
        case "text":
            parts += ["-x"] if offer.flags else []
        case "nothing":
            pass
    return " ".join([*parts, f"-d {_fish_quoted(offer.help)}"])


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
