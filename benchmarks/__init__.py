"""Measurements of this program: one command each, a table each."""

# Before numpy: it shall compute here as it does in the program.
import voice_assistant as voice_assistant
