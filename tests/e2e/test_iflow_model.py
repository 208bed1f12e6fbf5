"""The model `iflow`: an agent behind the relay's own endpoint, as its clients meet it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from tests.e2e.agents import Agents, answer_of, user
from tests.e2e.conftest import LIKE_IFLOW, UNCHANGED, Starter, StartRelay
from tests.e2e.programs import (
    CLI,
    CLIENT_KEY,
    Program,
    Relay,
    make_environment,
    wait_until,
)

from iflow_relay.demo import KEY

OLD_KEY = "111222333444555666"
"""What the program that this model comes from wants from its clients, and prints in its README."""

OLD_PORT = 11666


class WithAgent:
    """A relay in whose home an agent is set up."""

    def __init__(self, relay: Relay, agents: Agents) -> None:
        self.relay = relay
        self.agents = agents
        self.sdk = openai.OpenAI(base_url=relay.base_url, api_key=CLIENT_KEY, max_retries=0)

    def ask(self, *lines: str, model: str = "iflow/fake") -> str:
        """The content of a whole answer."""
        messages: Any = [user(*lines)]
        answer = self.sdk.chat.completions.create(model=model, messages=messages)
        return answer.choices[0].message.content or ""


Begin = Callable[..., WithAgent]


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """The traces of the test's agent, none of which is left."""
    folder = tmp_path / "agents"
    folder.mkdir()
    agents = Agents(folder)
    yield agents
    agents.check_nothing_is_left()


@pytest.fixture
def begin(agents: Agents, start_relay: StartRelay) -> Begin:
    """Starts a relay with the agent `fake`."""

    def start(*options: str, settings: object = UNCHANGED) -> WithAgent:
        environment = {"TMPDIR": str(agents.temporary)}
        relay = start_relay(*LIKE_IFLOW, *options, environment=environment, settings=settings)
        set_up(agents, relay.home)
        return WithAgent(relay, agents)

    return start


def set_up(agents: Agents, home: Path, *arguments: str, name: str = "fake") -> None:
    """Write agents.toml into a home."""
    agents.path = home / ".config" / "iflow-relay" / "agents.toml"
    agents.path.parent.mkdir(parents=True, exist_ok=True)
    agents.write(*arguments, name=name)


def test_the_agent_answers_beside_the_upstream(begin: Begin) -> None:
    """Its model goes to it, every other to the upstream, and the list names both."""
    it = begin()
    assert it.ask("hello agent") == "hello agent"
    assert it.ask("hello", model="glm-4.7") == "You said: hello"
    listed = [model.id for model in it.sdk.models.list()]
    assert listed[-1] == "iflow/fake"
    assert "glm-4.7" in listed
    assert it.sdk.models.retrieve("iflow/fake").owned_by == "iflow"
    assert it.agents.processes()


def test_its_answer_streams_word_by_word(begin: Begin) -> None:
    """The first word is there while the agent waits; thoughts and tools are told as reasoning."""
    it = begin()
    stream: Any = it.sdk.chat.completions.create(
        model="iflow/fake",
        messages=[user("!think hm", "!tool Read a = b", "!say first", "!wait")],  # type: ignore[list-item]
        stream=True,
    )
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        if answer_of([chunk]) == "first":
            break
    stream.close()
    assert chunks[0].choices[0].delta.role == "assistant"
    assert answer_of(chunks, "reasoning_content").startswith("hm")
    assert "Read a" in answer_of(chunks, "reasoning_content")
    wait_until(lambda: bool(it.agents.received("session/cancel")), "the turn's end")


def test_an_agent_needs_no_upstream(begin: Begin) -> None:
    """Who has only agents has no key, and the list says what there is."""
    it = begin(settings=b"{}")
    assert it.ask("hello") == "hello"
    assert [model.id for model in it.sdk.models.list()] == ["iflow/fake"]
    with pytest.raises(openai.AuthenticationError) as caught:
        it.ask("hello", model="glm-4.7")
    assert caught.value.code == "not_logged_in"


def test_a_conversation_goes_on_in_its_session(begin: Begin) -> None:
    """Only the new turn is said to the agent; another client with the same words is another."""
    it = begin("iflow_local_keys=one", "iflow_local_keys=two")
    first = [user("hello")]
    for key, opened in (("one", 1), ("two", 2)):
        sdk = it.sdk.with_options(api_key=key)
        said = sdk.chat.completions.create(model="iflow/fake", messages=first)  # type: ignore[arg-type]
        told = {"role": "assistant", "content": said.choices[0].message.content}
        sdk.chat.completions.create(
            model="iflow/fake",
            messages=[*first, told, user("and on")],  # type: ignore[list-item]
        )
        assert len(it.agents.received("session/new")) == opened
    last = it.agents.received("session/prompt")[-1]["prompt"]
    assert [block["text"] for block in last] == ["and on"]


def test_who_may_not_use_the_relay_may_not_use_its_agents(begin: Begin) -> None:
    """Whoever reaches an agent acts in its user's name."""
    it = begin("iflow_local_keys=mine")
    with pytest.raises(openai.AuthenticationError) as caught:
        it.ask("hello")
    assert caught.value.code == "invalid_api_key"
    assert not it.agents.processes()


def test_an_app_that_knows_only_openais_names_reaches_it_by_a_rule(begin: Begin) -> None:
    """On the virtual host, too; the flow is never aimed at the original host."""
    it = begin("iflow_model_map=gpt-*=iflow/fake")
    assert it.ask("hello", model="gpt-5") == "hello"
    with it.relay.intercepted() as client:
        body = {"model": "gpt-5", "messages": [user("hello")]}
        answer = client.post("/chat/completions", json=body).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"] == "hello"


def test_an_agent_can_be_the_default_of_such_an_app(begin: Begin) -> None:
    """With an upstream beside it or without; the endpoint's own clients mean what they name."""
    for more in ({"apiKey": KEY, "baseUrl": "http://127.0.0.1:1/v1"}, {}):
        it = begin(settings={"modelName": "iflow/fake", **more})
        with it.relay.intercepted() as client:
            body = {"model": "gpt-5", "messages": [user("hello")]}
            answer = client.post("/chat/completions", json=body).raise_for_status().json()
        assert answer["model"] == "iflow/fake"
        assert answer["choices"][0]["message"]["content"] == "hello"
        with pytest.raises(openai.APIStatusError):
            it.ask("hello", model="gpt-5")
        it.relay.stop()


def test_the_command_lists_agents_where_there_is_no_upstream(
    agents: Agents, starter: Starter
) -> None:
    """What stands against the rest is said, and is no failure."""
    home = starter.make_home()
    set_up(agents, home)
    told = subprocess.run(
        [*CLI, "models"], env=make_environment(home), capture_output=True, text=True, timeout=30
    )
    assert told.returncode == 0
    assert "iflow/fake" in told.stdout


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("iflow", 501, "agent_unavailable"), ("iflow/nobody", 404, "model_not_found")],
)
def test_an_agent_that_is_not_there_is_said_so(
    begin: Begin, model: str, status: int, code: str
) -> None:
    """And the upstream, which may know the name, is not asked."""
    it = begin()
    with pytest.raises(openai.APIStatusError) as caught:
        it.ask("hello", model=model)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert not it.agents.processes()
    # With a model that it asked for, of which there may be any number.
    labels = f'{{model="other",route="chat",status="{status}"}}'
    assert labels in requests.get(f"{it.relay.base_url[:-3]}/metrics", timeout=20).text


def test_an_agent_that_dies_is_told_in_the_clients_shape(begin: Begin) -> None:
    """Before its answer as a status, within a stream as its last event."""
    it = begin()
    with pytest.raises(openai.APIStatusError) as caught:
        it.ask("!stderr 1 it broke", "!exit 3")
    assert (caught.value.status_code, caught.value.code) == (502, "agent_failed")
    assert "it broke" in str(caught.value)
    with pytest.raises(openai.APIError, match=r"ended|died"):
        for _ in it.sdk.chat.completions.create(
            model="iflow/fake",
            messages=[user("!say first", "!sleep 0.2", "!exit 3")],  # type: ignore[list-item]
            stream=True,
        ):
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_agent_outlives_the_relay(begin: Begin, number: signal.Signals) -> None:
    """However it ends."""
    it = begin()
    it.ask("hello")
    assert it.agents.processes()
    it.relay.process.send_signal(number)
    it.relay.wait()
    wait_until(lambda: not it.agents.processes(), "the end of the agent", 10)
    if number is signal.SIGKILL:
        wait_until(lambda: not list(it.agents.temporary.iterdir()), "no folder", 10)


def test_its_key_stays_inside(begin: Begin) -> None:
    """The server behind the model listens on loopback and takes nobody else's calls."""
    it = begin()
    it.ask("hello")
    log = it.relay.log()
    assert "sk-agent-" not in log
    assert KEY not in str(it.agents.received())


def test_the_old_programs_clients_run_unchanged(agents: Agents, starter: Starter) -> None:
    """Its address, its key, its model; by curl and by Python, line by line as its README reads."""
    home = starter.make_home()
    set_up(agents, home, name="iflow")
    environment = make_environment(home, {"TMPDIR": str(agents.temporary)})
    keyed = ("--set", f"iflow_local_keys={OLD_KEY}")
    listen = ("--listen", f"127.0.0.1:{OLD_PORT}")
    relay = starter.keep(Program([*CLI, "serve", *listen, *keyed], environment, home / "log"))
    relay.wait_for("Ctrl-C")
    root, question = f"http://127.0.0.1:{OLD_PORT}", "你好 你是谁"
    fields = {"Authorization": f"Bearer {OLD_KEY}", "Content-Type": "application/json"}
    assert requests.get(f"{root}/health", timeout=20).json()["status"]
    listed = requests.get(f"{root}/v1/models", headers=fields, timeout=20).json()
    one = requests.get(f"{root}/v1/models/iflow", headers=fields, timeout=20).json()
    assert listed == {"object": "list", "data": [one]}
    assert (one["id"], one["object"], one["owned_by"]) == ("iflow", "model", "iflow")
    asked = json.dumps({"model": "iflow", "messages": [user(question)], "stream": True})
    address = f"{root}/v1/chat/completions"
    with requests.post(address, headers=fields, data=asked, stream=True, timeout=20) as answer:
        said = [line.decode() for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in said)
    assert said[-1] == "data: [DONE]"
    assert question in "".join(
        json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in said[:-1]
    )
    command = ["curl", "-sS", "-X", "POST", address, "-d", asked]
    command += [part for name, text in fields.items() for part in ("-H", f"{name}: {text}")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert "finish_reason" in told
    assert told.rstrip().endswith("data: [DONE]")
    assert requests.get(f"{root}/v1/models", timeout=20).status_code == 401


def test_an_agent_may_take_longer_than_an_upstream_may_be_silent(begin: Begin) -> None:
    """Its own limits hold, which say more; they are told in its own words."""
    it = begin("iflow_timeout=1")
    assert it.ask("!sleep 2.5", "there") == "there"
    it.agents.write(deadline=2)
    with pytest.raises(openai.APIStatusError) as caught:
        it.ask("!wait")
    assert (caught.value.status_code, caught.value.code) == (504, "agent_timeout")
