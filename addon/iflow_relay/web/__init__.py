"""The relay's own page: what its requests are answered with, and the files that a browser gets."""
