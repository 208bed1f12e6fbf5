"""OpenAI's official SDK, unchanged, against the reverse listener."""

from __future__ import annotations

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from tests.e2e.programs import CLIENT_KEY, MODEL, Relay, wait_until
from tests.e2e.servers import Demo

from iflow_relay.catalog import BUILTIN

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Grüße 河流 🌊"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def test_a_chat_is_answered(relay: Relay) -> None:
    """Text, finish reason and usage arrive as the SDK's own objects."""
    with relay.openai() as client:
        answer = client.chat.completions.create(model=MODEL, messages=HI)
    assert answer.choices[0].message.content == "You said: Grüße 河流 🌊"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_chat_is_streamed(relay: Relay) -> None:
    """The pieces join to the whole text, and the last one says why it ended."""
    with relay.openai() as client:
        chunks = list(client.chat.completions.create(model=MODEL, messages=HI, stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks]
    assert "".join(filter(None, pieces)) == "You said: Grüße 河流 🌊"
    assert len(list(filter(None, pieces))) > 1
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_passes_through_a_stream(relay: Relay) -> None:
    """`include_usage` reaches the upstream, and its last chunk the client."""
    with relay.openai() as client:
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=HI, stream=True, stream_options={"include_usage": True}
            )
        )
        whole = client.chat.completions.create(model=MODEL, messages=HI)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_chunks_arrive_while_the_upstream_still_pauses(relay: Relay, demo: Demo) -> None:
    """Three pieces are here before the upstream has gone on; hanging up then ends its call."""
    before = demo.stats()
    with relay.openai() as client:
        stream = client.chat.completions.create(
            model=MODEL, messages=HI, stream=True, extra_headers={"x-demo": "silence=3, words=9"}
        )
        pieces: list[str] = []
        for chunk in stream:
            pieces += filter(None, [chunk.choices[0].delta.content])
            if len(pieces) == 3:
                break
        assert demo.stats()["active"] == before["active"] + 1
        assert demo.stats()["hangups"] == before["hangups"]
        stream.close()
        wait_until(lambda: demo.stats()["hangups"] == before["hangups"] + 1, "the upstream's end")
    assert "".join(pieces).startswith("You said: ")


def test_a_tool_is_called(relay: Relay) -> None:
    """The call's name and arguments arrive whole, and its result can be sent back."""
    with relay.openai() as client:
        asked = client.chat.completions.create(model=MODEL, messages=HI, tools=[WEATHER])
        [call] = asked.choices[0].message.tool_calls or []
        assert asked.choices[0].finish_reason == "tool_calls"
        assert call.type == "function"
        assert call.function.name == "weather"
        assert "河流" in call.function.arguments
        told: list[ChatCompletionMessageParam] = [
            *HI,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "weather", "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        ]
        answer = client.chat.completions.create(model=MODEL, messages=told, tools=[WEATHER])
    assert answer.choices[0].message.content == "The tool said: rain"


@pytest.mark.parametrize("fault", ["calls=3", "calls=3, finish=stop", "stop-with-tools"])
def test_tool_calls_are_streamed_as_they_are_told_whole(relay: Relay, fault: str) -> None:
    """The SDK's own accumulation of a stream gives the calls and the finish of the whole answer."""
    sent = {"x-demo": fault}
    with relay.openai() as client:
        whole = client.chat.completions.create(model=MODEL, messages=HI, extra_headers=sent)
        with client.chat.completions.stream(model=MODEL, messages=HI, extra_headers=sent) as stream:
            streamed = stream.get_final_completion()
    calls = whole.choices[0].message.tool_calls or []
    assert len(calls) == (1 if fault == "stop-with-tools" else 3)
    names = [call.function for call in calls if call.type == "function"]
    joined = [call.function for call in streamed.choices[0].message.tool_calls or []]
    assert [f.name for f in joined] == [f.name for f in names]
    assert [f.arguments for f in joined] == [f.arguments for f in names]
    assert whole.choices[0].finish_reason == "tool_calls"
    assert streamed.choices[0].finish_reason == "tool_calls"


def test_several_choices_are_kept_apart(relay: Relay) -> None:
    """`n` reaches the upstream; streamed and whole, each choice has its own text."""
    with relay.openai() as client:
        whole = client.chat.completions.create(model=MODEL, messages=HI, n=3)
        texts = ["", "", ""]
        for chunk in client.chat.completions.create(model=MODEL, messages=HI, n=3, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]
    assert len(set(texts)) == 3


def test_reasoning_stays_in_its_own_field(relay: Relay) -> None:
    """`reasoning_content` is where clients look for it, and the text is without it."""
    with relay.openai() as client:
        answer = client.chat.completions.create(model="kimi-k2-thinking", messages=HI)
    message = answer.choices[0].message
    assert message.content == "You said: Grüße 河流 🌊"
    assert "想好了" in str(message.model_extra and message.model_extra["reasoning_content"])


def test_an_answer_fits_the_json_schema_that_was_sent(relay: Relay) -> None:
    """`response_format` with a schema reaches the upstream as it is."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"words": {"type": "array", "items": {"type": "string"}}},
        "required": ["words"],
    }
    with relay.openai() as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=HI,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "list", "schema": schema, "strict": True},
            },
        )
    assert str(answer.choices[0].message.content).startswith('{"words": ["')


def test_embeddings_pass_through(relay: Relay) -> None:
    """A route that the relay does not translate goes to the upstream with its credentials."""
    with relay.openai() as client:
        answer = client.embeddings.create(model="any", input=["a", "b"])
    assert [entry.index for entry in answer.data] == [0, 1]


def test_models_are_listed(relay: Relay) -> None:
    """The built-in table, in its order."""
    with relay.openai() as client:
        assert [model.id for model in client.models.list()] == [model.id for model in BUILTIN]


def test_a_model_is_looked_up_by_its_name(relay: Relay, demo: Demo) -> None:
    """The catalog answers, and the upstream is not asked."""
    with relay.openai() as client:
        assert client.models.retrieve("glm-4.7").owned_by == "iflow"
    assert demo.requests() == []


def test_a_model_with_a_slash_in_its_name_is_looked_up(
    relay: Relay, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The SDK escapes the slash, curl does not; both get the entry of models.toml."""
    own = relay.home / ".config" / "iflow-relay" / "models.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text('[[model]]\nid = "moonshotai/kimi-k2"\nname = "K2"\n')
    try:
        with relay.openai() as client, relay.client() as plain:
            assert client.models.retrieve("moonshotai/kimi-k2").id == "moonshotai/kimi-k2"
            assert plain.get("/models/moonshotai/kimi-k2").json()["name"] == "K2"
            with pytest.raises(openai.NotFoundError):
                client.models.retrieve("moonshotai/kimi-k3")
    finally:
        own.unlink()


def test_an_unknown_model_is_not_found(relay: Relay) -> None:
    """The SDK's typed error carries OpenAI's code."""
    with relay.openai() as client, pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-99")
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


ERRORS = [
    ("status=400", openai.BadRequestError),
    ("status=401", openai.AuthenticationError),
    ("status=403", openai.PermissionDeniedError),
    ("status=404", openai.NotFoundError),
    ("status=422", openai.UnprocessableEntityError),
    ("status=429", openai.RateLimitError),
    ("status=500", openai.InternalServerError),
    ("status=503", openai.InternalServerError),
    ("in200=434", openai.AuthenticationError),
    ("in200=435", openai.NotFoundError),
    ("in200=438", openai.AuthenticationError),
    ("in200=439", openai.AuthenticationError),
    ("in200=449", openai.RateLimitError),
    ("in200=500", openai.InternalServerError),
    ("in200-sse=449", openai.RateLimitError),
    ("in200-event=449", openai.RateLimitError),
    ("success-false", openai.InternalServerError),
    ("error-200", openai.InternalServerError),
    ("close", openai.InternalServerError),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "kind"), ERRORS)
def test_an_upstream_error_is_the_sdks_typed_error(
    relay: Relay, fault: str, kind: type[openai.APIStatusError], stream: bool
) -> None:
    """Whether it came as a status or inside a 200, streamed or not, with a code and a message."""
    with relay.openai() as client, pytest.raises(kind) as caught:
        client.chat.completions.create(
            model=MODEL, messages=HI, stream=stream, extra_headers={"x-demo": fault}
        )
    assert caught.value.code
    assert caught.value.body
    assert CLIENT_KEY not in str(caught.value)


@pytest.mark.parametrize("fault", ["error-event=2", "cut=2", "cut-event=2", "bad-json-event=2"])
def test_an_error_in_a_stream_is_raised_after_what_came_before(relay: Relay, fault: str) -> None:
    """The SDK yields the pieces that are good, then raises; it never ends as if all were well."""
    pieces: list[str] = []

    def read(client: openai.OpenAI) -> None:
        sent = {"x-demo": fault + ", words=9"}
        for chunk in client.chat.completions.create(
            model=MODEL, messages=HI, stream=True, extra_headers=sent
        ):
            pieces.extend(filter(None, [chunk.choices[0].delta.content]))

    with relay.openai() as client, pytest.raises(openai.APIError) as caught:
        read(client)
    assert len(pieces) == 2
    assert caught.value.code in ("demo_error", "upstream_broken", "upstream_invalid")


def test_a_rate_limit_says_when_to_try_again(relay: Relay) -> None:
    """`Retry-After` passes, so that the SDK's own retries wait as long as they should."""
    with relay.openai() as client, pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=HI, extra_headers={"x-demo": "status=429"}
        )
    assert caught.value.response.headers["retry-after"] == "1"
