"""Opinions that cost a package of their own: loaded when they are asked for, and only then."""
