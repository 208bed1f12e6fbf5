"""Conversations as people read them: what was asked, what was told, and both as text."""
