"""An OpenAI-compatible upstream that takes only the keys that the test says, at any moment."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any, Literal

from tests.e2e.threaded import Answering, Player

Refusal = Literal["401", "200", "439"]

WORDS = ("Hello", " from", " a", " keyed", " upstream")


class KeyedUpstream(Player):
    """Serves chat and models to whoever has one of `keys`; the set may be changed, or shared.

    `refusal` says how others are refused: with 401, 439 inside an HTTP 200, or 439. `calls` counts
    by key and status; 439 inside a 200 counts as 439. At `gate` chat calls with a good key wait.
    """

    def __init__(self, keys: set[str] | None = None, refusal: Refusal = "401") -> None:
        self.keys = set() if keys is None else keys
        self.refusal: Refusal = refusal
        self.models = ["glm-4.7", "qwen3-coder-plus"]
        self.calls: Counter[tuple[str, int]] = Counter()
        self.bodies: list[Any] = []
        self.active = 0
        """Calls that have come and are not yet answered whole."""
        self.lock = threading.Lock()
        super().__init__(_Upstream)

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def count(self, key: str | None = None, status: int | None = None) -> int:
        """How many calls came with this key and got this status."""
        with self.lock:
            return sum(
                number
                for (with_key, got), number in self.calls.items()
                if key in (None, with_key) and status in (None, got)
            )


REFUSALS: dict[Refusal, tuple[int, dict[str, Any]]] = {
    "401": (
        401,
        {
            "error": {
                "message": "Incorrect API key provided",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_api_key",
            }
        },
    ),
    "200": (200, {"status": "439", "msg": "token expired", "body": None}),
    "439": (439, {"status": "439", "msg": "token expired", "body": None}),
}


class _Upstream(Answering):
    def do_GET(self) -> None:
        """The list of models."""
        self._answer(b"", self._list)

    def do_POST(self) -> None:
        """Chat."""
        self._answer(self.body(), self._chat)

    def _answer(self, body: bytes, give: Any) -> None:
        of: KeyedUpstream = self.server.owner
        with of.lock:
            of.active += 1
        try:
            self._answer_if_allowed(of, body, give)
        finally:
            with of.lock:
                of.active -= 1

    def _answer_if_allowed(self, of: KeyedUpstream, body: bytes, give: Any) -> None:
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with of.lock:
            allowed = key in of.keys
            status, refusal = (200, {}) if allowed else REFUSALS[of.refusal]
            of.calls[key, status if allowed or status != 200 else 439] += 1
            if body:
                of.bodies.append(json.loads(body))
        if allowed:
            give(of, body)
        else:
            self.send_json(status, refusal)

    def _list(self, of: KeyedUpstream, body: bytes) -> None:
        if self.path != "/v1/models":
            self.send_json(404, {"error": {"message": "no such path", "code": "not_found"}})
            return
        data = [{"id": name, "object": "model", "created": 1} for name in of.models]
        self.send_json(200, {"object": "list", "data": data})

    def _chat(self, of: KeyedUpstream, body: bytes) -> None:
        if self.path != "/v1/chat/completions":
            self.send_json(404, {"error": {"message": "no such path", "code": "not_found"}})
            return
        of.gate.wait(30)
        asked = json.loads(body)
        if asked.get("stream"):
            self._stream(asked.get("model"))
            return
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.send_json(200, _shape("chat.completion", asked.get("model"), choice))

    def _stream(self, model: object) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in WORDS:
            self._event(model, {"content": word}, None)
        self._event(model, {}, "stop")
        self._piece(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, model: object, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        shape = _shape("chat.completion.chunk", model, choice)
        self._piece(b"data: " + json.dumps(shape).encode() + b"\n\n")

    def _piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def _shape(kind: str, model: object, choice: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": len(WORDS), "total_tokens": len(WORDS) + 1}
    shape = {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model, "choices": [choice]}
    return shape if "delta" in choice else shape | {"usage": usage}
