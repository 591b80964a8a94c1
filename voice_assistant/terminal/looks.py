"""How the lines of the transcript look, and the line that is typed: words and styles.

Values in, rich texts out; ``screen.py`` draws them. Colours are the terminal's own sixteen and reverse video,
so they can be read on light and on dark; every state is also a word, so nothing is lost without colours.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from voice_assistant.core.lines import Line, ReplyLine, Role, name_of
from voice_assistant.core.plain_text import neutralise
from voice_assistant.terminal.line_editor import Draft, cluster_end

DRAFT_ROWS = 3
"""Of a text that is typed so many rows before the cursor are shown: a paste may be long."""

LINE_END = "\u23ce"

_ROLES: dict[Role, str] = {"said": "", "unheard": "dim strike", "remark": "dim italic"}


def line_text(line: Line) -> Text:
    """Give a line as styled text, without line breaks."""
    styles = {"you": "bold cyan", "assistant": "bold magenta", "warning": "bold yellow", "error": "bold red"}
    name = name_of(line)
    text = Text(end="")
    text.append(f"{name}: ", styles.get(name, "dim"))
    still_playing = isinstance(line, ReplyLine) and line.ending == "open"
    for words, role in line.spans():
        # What is still to be heard is not crossed out.
        text.append(words, "dim" if role == "unheard" and still_playing else _ROLES[role])
    return text


def draft_text(draft: Draft, width: int) -> Text:
    """Give the line that is being typed, with its cursor; of a long one what is near the cursor."""
    before, after = draft.text[: draft.cursor], draft.text[draft.cursor :]
    under = cluster_end(after)
    text = Text("> ", "bold cyan", end="")
    if len(before) > DRAFT_ROWS * width:
        before = before[-DRAFT_ROWS * width :]
        text.append("...", "dim")
    text.append(_one_row(before))
    text.append(_one_row(after[:under]) or " ", "reverse")
    text.append(_one_row(after[under : under + width]))
    return text


def draft_row(draft: Draft, width: int) -> Text:
    """Give what fits into one row of *width* cells of the line that is typed: what is near the cursor."""
    room = max(width - 8 - width // 4, 1)
    before, cut = _one_row(draft.text[: draft.cursor][-room:]), draft.cursor > room
    while cell_len(before) > room:
        before, cut = before[1:], True
    after = draft.text[draft.cursor :]
    under = cluster_end(after)
    row = Text("> ", "bold cyan", end="", no_wrap=True).append("..." if cut else "", "dim").append(before)
    row.append(_one_row(after[:under]) or " ", "reverse").append(_one_row(after[under : under + width]))
    row.truncate(width)
    return row


def _one_row(text: str) -> str:
    return neutralise(text.replace("\n", LINE_END))
