"""What to answer: a skill if one is meant, else the chat endpoint if there is one, else the plain truth.

Gives an answer in parts, as they become known: words to say, and calls of the client's tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from voice_assistant.offline.chat import Chat, ChatError, ToolWish
from voice_assistant.offline.items import Item, Items
from voice_assistant.offline.protocol import Json, new_id
from voice_assistant.offline.skills.catalogue import Skills, is_only_called
from voice_assistant.offline.skills.outcome import CallTool, Say

NOTHING_HEARD = "I did not hear any words."
CALLED = "Yes?"
NO_QUESTION = "I am the offline assistant. Ask me what I can do."
_WITHOUT_CHAT = (
    "I heard: {heard}. I am the offline assistant, and that is beyond my skills. "
    "For everything else, set chat_url under offline in config.toml, or use a provider with a key. "
    "Ask me what I can do."
)
_WITHOUT_CHAT_AGAIN = "I heard: {heard}. That is beyond my skills."
_LITTLE_HEARD_MS = 1_000.0
"""An answer cut off with no more heard than this was none: whoever spoke into it had not finished."""
_MARKUP = re.compile(r"[*_`#>|]+")


@dataclass(frozen=True, slots=True)
class Call:
    """The client is to run one of its tools."""

    name: str
    arguments: str
    call_id: str = field(default_factory=lambda: new_id("call"))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong on the way to an answer: told as an error besides what is said."""

    message: str
    code: str


Part = str | Call | Trouble


class Mind:
    """Answers one session's questions.

    Args:
        skills: What is answered here.
        chat: Where the rest goes, or None.
    """

    def __init__(self, skills: Skills, chat: Chat | None) -> None:
        self._skills = skills
        self._chat = chat
        self._told_how = False
        self._what_to_say: dict[str, Callable[[str], str]] = {}

    def can_answer(self, words: str) -> bool:
        """Say whether words can be answered before they are surely all that is said."""
        return self._skills.can_answer(words)

    async def answer(
        self, question: Item | None, items: Items, instructions: str, tools: tuple[Json, ...]
    ) -> AsyncGenerator[Part]:
        """Answer one item of the conversation.

        Args:
            question: A message of the user, the output of a tool, or None where nothing was asked.
            items: The conversation up to now.
            instructions: The client's, for the chat endpoint.
            tools: What the client offers, as it declared it.
        """
        if question is not None and question.kind == "function_call_output":
            if say := self._what_to_say.pop(question.call_id, None):
                yield say(question.text)
                return
        elif question is not None:
            match self._skills.answer(question.text) or self._skills.answer(_unanswered(question, items)):
                case Say(text):
                    yield text
                    return
                case CallTool() as wanted:
                    yield self._call(wanted, tools)
                    return
            if not question.text:
                yield NOTHING_HEARD
                return
        if self._chat is None:
            yield self._beyond_skills(question)
            return
        async for part in self._ask(self._chat, items, instructions, tools):
            yield part

    def _call(self, wanted: CallTool, tools: tuple[Json, ...]) -> Part:
        for tool in tools:
            if tool.get("name") == wanted.tool and tool.get("type", "function") == "function":
                call = Call(wanted.tool, json.dumps(fitted(wanted, tool.get("parameters"))))
                self._what_to_say[call.call_id] = wanted.done
                return call
        return wanted.without

    async def _ask(
        self, chat: Chat, items: Items, instructions: str, tools: tuple[Json, ...]
    ) -> AsyncGenerator[Part]:
        try:
            async for part in chat.answer(instructions, items, tools):
                if isinstance(part, ToolWish):
                    yield Call(part.name, part.arguments)
                else:
                    yield _MARKUP.sub("", part)
        except ChatError as why:
            yield Trouble(str(why), "chat_unavailable")
            yield str(why)

    def _beyond_skills(self, question: Item | None) -> str:
        if question is None:
            return NO_QUESTION
        if question.kind == "function_call_output":
            return "Done."
        if is_only_called(question.text):
            return CALLED
        form = _WITHOUT_CHAT_AGAIN if self._told_how else _WITHOUT_CHAT
        self._told_how = True
        return form.format(heard=question.text.rstrip(" .!?"))


def newest_question(items: Items) -> Item | None:
    """Find the item that waits for an answer; None where the conversation ends with our own words."""
    last: Item | None = None
    for item in items:
        if item.kind == "function_call_output" or (item.kind == "message" and item.role == "user"):
            last = item
        elif item.kind == "message" and item.role == "assistant":
            last = None
    return last


def _unanswered(question: Item, items: Items) -> str:
    """All that was said since our last words: a pause for thought may have cut one request in two.

    Words of ours that were cut off as soon as they began do not count.
    """
    said: list[str] = []
    for item in items:
        if item.kind == "message" and item.role == "user":
            said.append(item.text.rstrip(" .,?!"))
        elif item.status != "incomplete" or item.audio_ms > _LITTLE_HEARD_MS:
            said.clear()
        if item is question:
            break
    return " ".join(said)


def fitted(wanted: CallTool, schema: Any) -> Json:
    """Fill a tool's parameters as its client named them.

    A length of time goes to the parameter whose name speaks of seconds, minutes or a duration; a label to one
    that speaks of a label or name. Without a schema the names are ``seconds`` and ``label``.
    """
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        properties = {"seconds": {}, "label": {}}
    made: Json = {}
    for name, kind in properties.items():
        lowered = name.lower()
        as_text = isinstance(kind, dict) and kind.get("type") == "string"
        if wanted.seconds is not None and re.search(r"sec|minute|hour|duration|length|time|(^|_)s$", lowered):
            size = 60 if "minute" in lowered else 3600 if "hour" in lowered else 1
            amount = wanted.seconds / size
            value: float | int = int(amount) if amount == int(amount) else amount
            made[name] = f"{value} seconds" if as_text else value
        elif wanted.label and re.search(r"label|name|title|message|text", lowered):
            made[name] = wanted.label
    return made
