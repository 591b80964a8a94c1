"""Measurements of this program: one command each, a table each."""
