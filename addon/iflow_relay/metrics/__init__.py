"""Counts what operators ask a relay for, and writes it down as Prometheus reads it."""
