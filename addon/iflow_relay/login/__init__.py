"""Logging in and out: by API key or by OAuth, and what of it stands in settings.json."""
