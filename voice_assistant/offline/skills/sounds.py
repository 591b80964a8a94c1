"""What words sound like, roughly: a short phrase that was misheard keeps its consonants, more or less.

A small recogniser writes ``Flip a climb`` or ``Slippicaliam`` for "flip a coin". The vowels and the bounds of
the words are guesses, the kinds of the consonants are not. So words are reduced to one letter for each
consonant, by where in the mouth it is made, and whether with a voice.
"""

from __future__ import annotations

import re

_SPELLINGS = (
    (re.compile(r"\b[kg]n"), "n"),
    (re.compile(r"ould"), "ud"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"tch|[cs]h"), "s"),
    (re.compile(r"th"), "t"),
    (re.compile(r"c(?=[eiy])"), "s"),
    (re.compile(r"ck|qu?|c"), "k"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"mb\b"), "m"),
)
_KINDS = str.maketrans("pfbvtdszjkglrmn", "PPBBTTSSSKGLRNN")
"""Lips, tongue, hiss, back of the mouth, liquids and nasals; vowels, ``h``, ``w`` and ``y`` are left out."""


def consonants(text: str) -> str:
    """Reduce words to the kinds of their consonants, none twice in a row: ``flip a coin`` is ``PLPKN``."""
    letters = re.sub(r"[^a-z ]", "", text.lower())
    for pattern, plainer in _SPELLINGS:
        letters = pattern.sub(plainer, letters)
    kinds = re.sub(r"[^A-Z]", "", letters.translate(_KINDS))
    return re.sub(r"(.)\1+", r"\1", kinds)
