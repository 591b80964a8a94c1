"""A session on disk: its events, and its sound."""
