"""Talk to Gemini from a terminal: hands-free at a desk, or with a push-to-talk key."""

__version__ = "0.1.0"
