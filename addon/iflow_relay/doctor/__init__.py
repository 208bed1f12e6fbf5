"""Tests the chain from settings.json to the stream that an app reads, and says what to do.

`parts` runs the checks, each of which yields verdicts; `chain` says which there are. A check
changes nothing on the machine, is bounded in time, and shows keys as their masks alone.
"""
