"""What the program can be told to do. Each command parses, calls, prints, and returns the exit code.

A function's docstring is its help. What it needs is imported inside it: help comes at once. They stand in the
list in the order in which they are imported here.
"""

from voice_assistant.commands import conversing, examining, setting_up

__all__ = ["conversing", "examining", "setting_up"]
