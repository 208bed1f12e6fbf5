"""What was spent: a row for each call in an SQLite file; no content, no key."""
