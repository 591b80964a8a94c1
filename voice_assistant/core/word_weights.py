"""Weights of the word, made by ``python -m benchmarks.wording --write``; not written by hand."""

from __future__ import annotations

from voice_assistant.core.fusion import Weights

WORD = Weights.read(
    "Xq6ot283dLxHNpA2VzIEOjfBFr7huwO3+sMgOqjAyKaTsSKuk7HiLIa2S7R3Jz0wUDhArfS5sK4OMwewBrbbtSUnjDh3rps6ADGaOL47"
    "viYwuC0zMDyKMYA1b7weOMU8uDyfRMa/Zrw8wZC8Q8StQz82hjpauWu2trTuwXVAZbYvRSXEkkkaQEA+QMknQzsqvTpLPJlMx7/+y1PG"
    "caqkRoxAw7jzvVW8DsAWuY9BZTugwoI6BMxTRyBNPEomxMPJoLtAORW8Ljwwuh28brhIN9k5",
    8,
)
