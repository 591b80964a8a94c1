"""A chat endpoint for everything that no skill answers: OpenAI-compatible, streamed, optional.

Ollama, llama.cpp, LiteLLM and many others offer one at ``.../v1/chat/completions``. ``Chat`` sends the
conversation there and gives the answer's words as they come, or the tools that the model wants called. It
does not speak and runs no tool. Its key comes from the environment and goes only to that address.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from voice_assistant.offline.items import Item
from voice_assistant.offline.protocol import Json

_MANNER = (
    "You are a voice assistant. Your answer is spoken aloud: answer in a few short sentences, "
    "without lists, markup, links or emoji."
)
_REMEMBERED_ITEMS = 40


class ChatError(Exception):
    """The chat endpoint did not answer; the message is a sentence for the person, without secrets."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Where the rest of the questions goes.

    Args:
        url: Base address, with or without ``/chat/completions``: ``http://localhost:11434/v1``.
        model: The model's name there; empty for the first one it lists.
        key: Bearer key; empty for none.
        timeout_s: Seconds without a word after which it is given up.
    """

    url: str
    model: str = ""
    key: str = field(default="", repr=False)
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class ToolWish:
    """The model wants a tool called; *arguments* is JSON as it wrote it."""

    name: str
    arguments: str


@dataclass(slots=True)
class _Wish:
    name: str = ""
    arguments: str = ""


class Chat:
    """Asks one chat endpoint."""

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._base = settings.url.rstrip("/").removesuffix("/chat/completions")
        self._model = settings.model

    async def answer(
        self, instructions: str, items: Iterable[Item], tools: Iterable[Json]
    ) -> AsyncGenerator[str | ToolWish]:
        """Stream the answer to a conversation.

        Args:
            instructions: The client's, to go before ours on the manner of speaking.
            items: The conversation, the newest last.
            tools: What the client offers, as it declared it.

        Raises:
            ChatError: It cannot be reached, refuses, or breaks off.
        """
        headers = {"Authorization": f"Bearer {self._settings.key}"} if self._settings.key else {}
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=self._settings.timeout_s, sock_read=self._settings.timeout_s
        )
        try:
            async with aiohttp.ClientSession(headers=headers, timeout=limits) as http:
                request: Json = {
                    "model": await self._model_name(http),
                    "stream": True,
                    "messages": messages(instructions, items),
                }
                if functions := [_function(tool) for tool in tools if tool.get("type") == "function"]:
                    request["tools"] = functions
                async with http.post(f"{self._base}/chat/completions", json=request) as response:
                    if response.status != 200:
                        raise ChatError(
                            f"The chat service refuses: it answers with status {response.status}."
                        )
                    async for part in _parts(response.content):
                        yield part
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as why:
            # ValueError: an address that is none, or a line that is no JSON.
            raise ChatError(f"The chat service cannot be reached: {type(why).__name__}.") from why

    async def _model_name(self, http: aiohttp.ClientSession) -> str:
        if not self._model:
            async with http.get(f"{self._base}/models") as response:
                listed = await response.json(content_type=None) if response.status == 200 else {}
            names = [entry.get("id") for entry in listed.get("data") or [] if isinstance(entry, dict)]
            if not names or not isinstance(names[0], str):
                raise ChatError("The chat service lists no model; a model must be named.")
            self._model = names[0]
        return self._model


async def _parts(lines: aiohttp.StreamReader) -> AsyncGenerator[str | ToolWish]:
    """Read server-sent events: words as they come, tool calls when they are complete."""
    wishes: dict[int, _Wish] = {}
    async for line in lines:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            break
        for choice in _list(json.loads(data).get("choices")):
            delta = choice.get("delta") or {}
            if isinstance(delta.get("content"), str) and delta["content"]:
                yield delta["content"]
            for call in _list(delta.get("tool_calls")):
                wish = wishes.setdefault(int(call.get("index") or 0), _Wish())
                function = call.get("function") or {}
                wish.name += function.get("name") or ""
                wish.arguments += function.get("arguments") or ""
    for _, wish in sorted(wishes.items()):
        yield ToolWish(wish.name, wish.arguments or "{}")


def _list(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _function(tool: Json) -> Json:
    """Put a tool as a realtime client declares it into the shape of the chat protocol."""
    wanted = {name: tool[name] for name in ("name", "description", "parameters") if name in tool}
    return {"type": "function", "function": wanted}


def messages(instructions: str, items: Iterable[Item]) -> list[Json]:
    """Make chat messages of a conversation; a call whose output never came is left out."""
    kept = list(items)[-_REMEMBERED_ITEMS:]
    answered = {item.call_id for item in kept if item.kind == "function_call_output"}
    called = {item.call_id for item in kept if item.kind == "function_call"}
    made: list[Json] = [{"role": "system", "content": f"{instructions}\n\n{_MANNER}".strip()}]
    for item in kept:
        match item.kind:
            case "message" if item.text:
                made.append({"role": item.role, "content": item.text})
            case "function_call" if item.call_id in answered:
                function = {"name": item.name, "arguments": item.text}
                call = {"id": item.call_id, "type": "function", "function": function}
                made.append({"role": "assistant", "content": None, "tool_calls": [call]})
            case "function_call_output" if item.call_id in called:
                made.append({"role": "tool", "tool_call_id": item.call_id, "content": item.text})
            case _:
                pass  # nothing was said, or half of a call
    return made
