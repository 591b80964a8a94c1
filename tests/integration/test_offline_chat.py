"""Questions that no skill answers, sent to a chat endpoint: a scripted one, over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.offline_client import Client, connected, offline_server
from voice_assistant.offline.settings import OfflineSettings

Chunks = Callable[[dict[str, Any]], list[dict[str, Any]]]


def text(*pieces: str) -> list[dict[str, Any]]:
    """Pieces of an answer, as the chat protocol streams them."""
    return [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]


class ChatEndpoint:
    """An OpenAI-compatible chat endpoint that answers as it is told to."""

    def __init__(self, answer: Chunks, *, status: int = 200) -> None:
        self._answer = answer
        self._status = status
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Stream the next answer."""
        self.requests.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        if self._status != 200:
            return web.json_response({"error": {"message": "sk-no"}}, status=self._status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in self._answer(self.requests[-1]):
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """List one model."""
        return web.json_response({"data": [{"id": "little-model"}]})

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        """Listen; gives the base address."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/v1/models", self.models)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()


@asynccontextmanager
async def asking(endpoint: ChatEndpoint) -> AsyncGenerator[Client]:
    """Connect to an offline server that asks this endpoint."""
    async with (
        endpoint.open() as url,
        offline_server(OfflineSettings(chat_url=url)) as address,
        connected(address) as client,
    ):
        yield client


async def ask(client: Client, question: str) -> str:
    """Type a question; gives the words of the answer."""
    content = [{"type": "input_text", "text": question}]
    await client.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    await client.send("response.create")
    while (await client.receive())["type"] != "response.done":
        pass
    spoken = client.all("response.output_audio_transcript.done")
    return str(spoken[-1]["transcript"]) if spoken else ""


async def test_an_answer_is_spoken_sentence_by_sentence_and_remembered() -> None:
    endpoint = ChatEndpoint(lambda _: text("Because air scat", "ters **blue** light. ", "More than", " red."))
    async with endpoint.open() as url:
        settings = OfflineSettings(chat_url=url)
        async with offline_server(settings, chat_key="sk-ours") as address, connected(address) as client:
            await client.send("session.update", session={"type": "realtime", "instructions": "Be a pirate."})
            first = await ask(client, "Why is the sky blue?")
            deltas = [event["delta"] for event in client.all("response.output_audio_transcript.delta")]
            await ask(client, "And the sea?")

    assert first == "Because air scatters blue light. More than red."
    assert deltas == ["Because air scatters blue light.", " More than red."]
    assert endpoint.keys == ["Bearer sk-ours"] * 2
    request = endpoint.requests[1]
    assert (request["model"], request["stream"]) == ("little-model", True)
    assert "Be a pirate." in request["messages"][0]["content"]
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "user"]
    assert request["messages"][2]["content"] == first


async def test_a_skill_is_answered_here_and_not_sent_anywhere() -> None:
    endpoint = ChatEndpoint(lambda _: text("no"))
    async with asking(endpoint) as client:
        assert await ask(client, "What is 2 plus 2?") == "That is 4."

    assert endpoint.requests == []


async def test_the_model_may_call_the_clients_tools() -> None:
    def answer(request: dict[str, Any]) -> list[dict[str, Any]]:
        if request["messages"][-1]["role"] == "tool":
            return text(f"It is {request['messages'][-1]['content']} degrees.")
        pieces = [{"name": "weather", "arguments": '{"city"'}, {"arguments": ': "Paris"}'}]
        return [
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": piece}]}}]} for piece in pieces
        ]

    endpoint = ChatEndpoint(answer)
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    async with endpoint.open() as url:
        settings = OfflineSettings(chat_url=url, chat_model="bigger")
        async with offline_server(settings) as address, connected(address) as client:
            await client.send("session.update", session={"type": "realtime", "tools": [tool]})
            await ask(client, "How warm is it in Paris?")
            call = client.all("response.done")[-1]["response"]["output"][0]
            assert (call["name"], json.loads(call["arguments"])) == ("weather", {"city": "Paris"})

            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "21"}
            await client.send("conversation.item.create", item=output)
            await client.until("response.done")
            assert (
                client.all("response.output_audio_transcript.done")[-1]["transcript"] == "It is 21 degrees."
            )

    assert endpoint.requests[0]["tools"][0]["function"]["name"] == "weather"
    assert endpoint.requests[0]["model"] == "bigger"


async def test_an_endpoint_that_refuses_or_is_not_there_is_said_aloud_and_reported() -> None:
    endpoint = ChatEndpoint(lambda _: text("no"), status=401)
    async with asking(endpoint) as client:
        assert await ask(client, "Why?") == "The chat service refuses: it answers with status 401."
        assert client.all("error")[0]["error"]["code"] == "chat_unavailable"
        assert "sk-no" not in str(client.seen)

    nowhere = OfflineSettings(chat_url="http://127.0.0.1:9/v1")
    async with offline_server(nowhere) as address, connected(address) as client:
        assert "cannot be reached" in await ask(client, "Why?")
        assert await ask(client, "What is 2 plus 2?") == "That is 4."
