"""Weights of the word, made by ``python -m benchmarks.wording --write``; not written by hand."""

from __future__ import annotations

from voice_assistant.core.fusion import Weights

WORD = Weights.read(
    "I7CwtQU5SruiNJc1lzDnNQrArsB4uqIr5cKOPArBdjy+szWx/60zNXW4DLSntM4yyjhnp8O4ELRRrq40t7Vvt8mlyzhQsFc6xrbOOV45"
    "ICkYu3QxjTtsLWw4k73hOIY9wD7FQ2PAp75hwO6608L7QTI4yDlUuh+6nrgSwT5BAbzrQPjB+UeJRc5FM8stQeeoAkAuOoxM1bwjyx7D"
    "dsDCRZhAkrkkvNm6lb8YuKdApDGvw1tAB8xrRE5McEnlvFHI6LsGOSi81DpdueG7xrbrOMI5",
    8,
)
