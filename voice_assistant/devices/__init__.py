"""Sound in and out: PortAudio streams, and the same two on WAV files. They carry; they decide nothing."""
