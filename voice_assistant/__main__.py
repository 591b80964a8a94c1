"""``python -m voice_assistant``: the same as the command ``voice-assistant``."""

import sys

from voice_assistant.cli import main

if __name__ == "__main__":
    sys.exit(main())
