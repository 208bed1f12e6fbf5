"""An agent that speaks ACP strictly on stdio and does what it is told, for the tests.

What the last turn of its user says in lines that begin with `!` is done in order; any other line is
said back. Arguments change how it begins; FAKE_AGENT_LOG names a file for all that it is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

NOT_FOUND = -32601
INVALID = -32602
AUTH_REQUIRED = -32000

UPDATES: dict[str, dict[str, Any]] = {
    "user_message_chunk": {"content": {"type": "text", "text": "not to be told"}},
    "available_commands_update": {"availableCommands": []},
    "current_mode_update": {"currentModeId": "default"},
    "usage_update": {"used": 10, "size": 1000},
    "session_info_update": {"title": "a title"},
    "config_option_update": {"configOptions": []},
    "something_newer": {"content": 7},
}


class Failed(Exception):
    """An error to answer with."""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": {"details": details}}


class Session:
    """What it knows of one session."""

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        self.name = name
        self.params = params
        self.turns = 0
        self.told: list[str] = []
        self.cancelled = asyncio.Event()
        self.usage: dict[str, Any] = {}


class FakeAgent:
    """The agent, with its sessions."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.sessions: dict[str, Session] = {}
        self.opened = 0
        self.asked = 1000
        self.pending: dict[int, asyncio.Future[Any]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read messages until stdin ends."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 26)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.take(json.loads(line))

    def take(self, message: dict[str, Any]) -> None:
        """One message of the client's."""
        if path := os.environ.get("FAKE_AGENT_LOG"):
            with open(path, "a", encoding="utf-8") as log:
                log.write(json.dumps(message) + "\n")
        assert message.pop("jsonrpc") == "2.0"
        if "method" not in message:
            self.pending.pop(message["id"]).set_result(message)
        elif "id" in message:
            task = asyncio.create_task(self.answer(message))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            assert message["method"] == "session/cancel"
            self.sessions[message["params"]["sessionId"]].cancelled.set()

    async def answer(self, request: dict[str, Any]) -> None:
        """Answer a request."""
        answers: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "initialize": self.initialize,
            "authenticate": self.authenticate,
            "session/new": self.open,
            "session/prompt": self.prompt,
            "session/close": self.close,
        }
        try:
            method = answers.get(request["method"])
            if method is None:
                raise Failed(NOT_FOUND, "Method not found")
            outcome = {"result": await method(request["params"])}
        except Failed as failed:
            outcome = {"error": failed.error}
        except Exception as error:
            outcome = {"error": {"code": -32603, "message": f"fake agent: {error!r}"}}
        say({"jsonrpc": "2.0", "id": request["id"], **outcome})

    async def initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        assert params["protocolVersion"] == 1
        self.capabilities = params["clientCapabilities"]
        if self.options.mute:
            await asyncio.Event().wait()
        said: dict[str, Any] = {
            "protocolVersion": self.options.version,
            "agentCapabilities": {
                "loadSession": False,
                "promptCapabilities": {"image": self.options.image},
                "sessionCapabilities": {"close": {}} if self.options.close else {},
            },
            "authMethods": [],
        }
        return said | ({"isAuthenticated": False} if self.options.iflow else {})

    async def authenticate(self, params: dict[str, Any]) -> dict[str, Any]:
        assert params == {"methodId": "iflow"}
        if self.options.auth:
            raise Failed(AUTH_REQUIRED, "Authentication failed", "no login of the CLI")
        return {"methodId": "iflow"}

    async def open(self, params: dict[str, Any]) -> dict[str, Any]:
        assert os.path.isabs(params["cwd"])
        assert params["mcpServers"] == []
        if self.options.auth and not logged_in():
            raise Failed(AUTH_REQUIRED, "Authentication required")
        await asyncio.sleep(self.options.slow)
        self.opened += 1
        session = Session(f"session-{self.opened}", params)
        self.sessions[session.name] = session
        self.tell(session, "available_commands_update", **UPDATES["available_commands_update"])
        return {"sessionId": session.name}

    async def close(self, params: dict[str, Any]) -> dict[str, Any]:
        assert self.options.close
        del self.sessions[params["sessionId"]]
        return {}

    async def prompt(self, params: dict[str, Any]) -> dict[str, Any]:
        session = self.sessions[params["sessionId"]]
        session.cancelled.clear()
        session.turns += 1
        session.usage = {}
        text = "\n".join(block.get("text", "") for block in params["prompt"])
        session.told.append(text)
        turn = Turn(self, session, params["prompt"])
        last = text.rpartition("<user>\n")[2].partition("\n</user>")[0]
        reason = await turn.play(last.rpartition("</system>\n")[2])
        return {"stopReason": reason, **session.usage}

    def tell(self, session: Session, kind: str, /, **fields: Any) -> None:
        """Send an update."""
        params = {"sessionId": session.name, "update": {"sessionUpdate": kind, **fields}}
        say({"jsonrpc": "2.0", "method": "session/update", "params": params})

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the client; returns its answer with `result` or `error`."""
        number = self.asked = self.asked + 1
        answer = self.pending[number] = asyncio.get_running_loop().create_future()
        say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        found: dict[str, Any] = await answer
        return found


class Turn:
    """One turn, played line by line."""

    def __init__(self, agent: FakeAgent, session: Session, blocks: list[dict[str, Any]]) -> None:
        self.agent = agent
        self.session = session
        self.blocks = blocks
        self.reason = "end_turn"

    async def play(self, text: str) -> str:
        """Do what the lines say; returns the stop reason."""
        for line in text.split("\n"):
            word, _, rest = line.partition(" ")
            if not word.startswith("!"):
                self.content(line)
                continue
            done = getattr(self, "do_" + word[1:].replace("-", "_"))(rest)
            if asyncio.iscoroutine(done):
                await done
            if self.session.cancelled.is_set():
                return "cancelled"
        return self.reason

    def tell(self, kind: str, /, **fields: Any) -> None:
        self.agent.tell(self.session, kind, **fields)

    def content(self, text: str, kind: str = "agent_message_chunk", **fields: Any) -> None:
        if text:
            self.tell(kind, content={"type": "text", "text": text}, **fields)

    def do_say(self, rest: str) -> None:
        self.content(rest)

    async def do_words(self, rest: str) -> None:
        for word in rest.split():
            self.content(word + " ")
            await asyncio.sleep(0.01)

    async def do_flood(self, rest: str) -> None:
        for _ in range(int(rest)):
            self.content("x" * 65536)
            await asyncio.sleep(0)

    def do_think(self, rest: str) -> None:
        self.content(rest, "agent_thought_chunk")

    def do_updates(self, rest: str) -> None:
        for kind, fields in UPDATES.items():
            self.tell(kind, **fields)

    def do_tool(self, rest: str) -> None:
        title, _, gave = rest.partition(" = ")
        call = {"toolCallId": "call-1"}
        self.tell("tool_call", **call, title=title, kind="read", status="pending")
        self.tell("tool_call_update", **call, status="in_progress")
        content = [{"type": "content", "content": {"type": "text", "text": gave}}]
        status = "failed" if gave.startswith("error") else "completed"
        self.tell("tool_call_update", **call, status=status, content=content)

    def do_edit(self, rest: str) -> None:
        diff = {"type": "diff", "path": rest, "oldText": "a", "newText": "b"}
        call = {"toolCallId": "call-2", "title": "Edit", "kind": "edit"}
        self.tell("tool_call", **call, status="completed", content=[diff])

    def do_plan(self, rest: str) -> None:
        entries = [
            {"content": "look", "priority": "high", "status": "completed"},
            {"content": "act", "priority": "low", "status": "pending"},
        ]
        self.tell("plan", entries=entries)

    async def do_permit_quietly(self, rest: str) -> None:
        await self.do_permit(rest, quietly=True)

    async def do_permit(self, rest: str, *, quietly: bool = False) -> None:
        """`KIND TITLE [@ PATH] [% OPTION KINDS]`"""
        rest, _, kinds = rest.partition(" % ")
        rest, _, path = rest.partition(" @ ")
        kind, _, title = rest.partition(" ")
        options = [
            {"optionId": f"option-{name}", "name": name, "kind": name}
            for name in (kinds or "allow_always allow_once reject_once reject_always").split()
        ]
        locations = {"locations": [{"path": path}]} if path else {}
        call = {"toolCallId": "call-3", "title": title, "kind": kind, "status": "pending"}
        params = {"toolCall": call | locations, "options": options}
        await self._ask("session/request_permission", params, "outcome", quietly=quietly)

    async def do_read(self, rest: str) -> None:
        """`PATH [LINE LIMIT]`"""
        path, *numbers = rest.split(" ")
        names = dict(zip(("line", "limit"), map(int, numbers), strict=False))
        await self._ask("fs/read_text_file", {"path": path, **names}, "content")

    async def do_write(self, rest: str) -> None:
        path, _, text = rest.partition(" ")
        await self._ask("fs/write_text_file", {"path": path, "content": text}, "")

    async def do_ask(self, rest: str) -> None:
        await self._ask(rest, {}, "")

    async def _ask(
        self, method: str, params: dict[str, Any], name: str, *, quietly: bool = False
    ) -> None:
        answer = await self.agent.ask(method, {"sessionId": self.session.name, **params})
        if quietly:
            return
        if "error" in answer:
            self.content(f"error {answer['error']['code']} {answer['error']['message']}\n")
        else:
            result = answer["result"]
            self.content(json.dumps(result[name] if name else result) + "\n")

    def do_error(self, rest: str) -> None:
        code, _, message = rest.partition(" ")
        raise Failed(int(code), message, "its details")

    def do_stop(self, rest: str) -> None:
        self.reason = rest

    def do_usage(self, rest: str) -> None:
        acp = {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12, "thoughtTokens": 2}
        gemini = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
        if rest == "acp":
            self.session.usage = {"usage": acp | {"cachedReadTokens": 3}}
        elif rest == "gemini":
            self.session.usage = {"usageMetadata": gemini}
        else:
            self.tell(
                "agent_message_chunk", content={"type": "text", "text": ""}, _meta={"usage": acp}
            )

    async def do_wait(self, rest: str) -> None:
        await self.session.cancelled.wait()

    async def do_wait_then_permit(self, rest: str) -> None:
        await self.do_wait("")
        await self.do_permit(rest, quietly=True)

    async def do_deaf(self, rest: str) -> None:
        await asyncio.Event().wait()

    async def do_sleep(self, rest: str) -> None:
        await asyncio.sleep(float(rest))

    def do_exit(self, rest: str) -> None:
        os._exit(int(rest))

    def do_abort(self, rest: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_garbage(self, rest: str) -> None:
        os.write(1, b'// a comment\n\nnot json\n[1,2]\n{"a":1}\n\xff\xfe\n{"method":7}\n')

    def do_longline(self, rest: str) -> None:
        write_all(1, b"x" * int(rest))

    def do_stderr(self, rest: str) -> None:
        number, _, text = rest.partition(" ")
        write_all(2, (text or "noise ").encode() * int(number) + b"\n")

    def do_where(self, rest: str) -> None:
        cwd = self.session.params["cwd"]
        self.content(json.dumps([cwd, os.listdir(cwd), os.stat(cwd).st_mode & 0o777]))

    def do_session(self, rest: str) -> None:
        self.content(f"{self.session.name} of {os.getpid()} turn {self.session.turns}")

    def do_sessions(self, rest: str) -> None:
        self.content(str(len(self.agent.sessions)))

    def do_told(self, rest: str) -> None:
        self.content(json.dumps(self.session.told[:-1]))

    def do_prompt(self, rest: str) -> None:
        self.content(json.dumps(self.blocks))

    def do_settings(self, rest: str) -> None:
        self.content(json.dumps([self.agent.capabilities, self.session.params.get("settings")]))

    def do_arguments(self, rest: str) -> None:
        self.content(" ".join(sys.argv[1:]))

    def do_environ(self, rest: str) -> None:
        self.content(str(os.environ.get(rest)))

    def do_child(self, rest: str) -> None:
        """A program of its own that ignores what asks it to end."""
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-S", "-c", code])
        self.content(str(child.pid))


def logged_in() -> bool:
    """Whether somebody has logged in meanwhile, as far as this agent knows."""
    return os.path.exists(os.path.expanduser("~/.fake-agent-login"))


def say(message: dict[str, Any]) -> None:
    """Write one message."""
    write_all(1, json.dumps(message).encode() + b"\n")


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however long that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> None:
    """Begin as the arguments say."""
    parser = argparse.ArgumentParser()
    for flag in ("image", "close", "auth", "iflow", "mute", "stubborn"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--experimental-acp", action="store_true")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--slow", type=float, default=0)
    parser.add_argument("--exit", default="")
    options = parser.parse_args()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.exit:
        write_all(2, options.exit.encode() + b"\n")
        sys.exit(3)
    os.write(1, b"// hello from the fake agent\n")
    asyncio.run(FakeAgent(options).run())
    if options.stubborn:
        signal.pause()


if __name__ == "__main__":
    main()
