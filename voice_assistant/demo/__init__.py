"""A conversation that holds itself, to see and hear the program on a machine with nothing set up.

The program is the real one, with its offline provider; only the microphone is scripted. Two questions are
spoken by a synthetic voice and one sentence by a person; ``LICENCE.md`` says whose they are.
"""
