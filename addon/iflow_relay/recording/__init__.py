"""Recorded calls: which of them a request is, what it differs in, and when its answer is played."""
