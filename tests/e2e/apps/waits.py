"""Says where it was sent, and waits for a file: `waits.py FILE`."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from urllib.request import urlopen

with urlopen("https://api.openai.com/health", timeout=20) as answer:
    told = {"proxy": os.environ["HTTPS_PROXY"], "relay": json.load(answer)["proxy"]}
    print(json.dumps(told), flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
print("ended")
