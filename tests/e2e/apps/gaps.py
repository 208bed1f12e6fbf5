"""Streams one paced chat, and prints the seconds until each chunk as JSON."""

from __future__ import annotations

import json
import time

import openai

with openai.OpenAI(max_retries=0, timeout=20) as client:
    begun = time.monotonic()
    stream = client.chat.completions.create(
        model="qwen3-coder-plus",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        extra_headers={"x-demo": "ttft=0.3, pause=0.15, words=8"},
    )
    print(json.dumps([time.monotonic() - begun for _ in stream]))
