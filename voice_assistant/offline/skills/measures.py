"""Units turned into one another: ``how many kilometers is 10 miles``.

Every unit is a factor of its kind's base unit, with an offset for temperatures. Factors: NIST Special
Publication 811, appendix B. Measures of volume are those of the United States.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voice_assistant.offline.skills.outcome import Say
from voice_assistant.offline.skills.wording import corrected, spoken_number


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit.

    Args:
        kind: What it measures; only units of one kind turn into each other.
        one: Its name for exactly one.
        many: Its name for any other number.
        factor: How much of the kind's base unit one of it is.
        offset: Its zero in base units; not 0 only for temperatures.
        also: Other ways to say it.
    """

    kind: str
    one: str
    many: str
    factor: float
    offset: float = 0.0
    also: tuple[str, ...] = ()


UNITS = (
    Unit("length", "millimeter", "millimeters", 0.001, also=("mm",)),
    Unit("length", "centimeter", "centimeters", 0.01, also=("cm",)),
    Unit("length", "meter", "meters", 1.0, also=("m",)),
    Unit("length", "kilometer", "kilometers", 1000.0, also=("km", "kilometres", "kilometre", "kms")),
    Unit("length", "inch", "inches", 0.0254),
    Unit("length", "foot", "feet", 0.3048),
    Unit("length", "yard", "yards", 0.9144),
    Unit("length", "mile", "miles", 1609.344),
    Unit("length", "nautical mile", "nautical miles", 1852.0),
    Unit("mass", "gram", "grams", 0.001, also=("g", "grammes")),
    Unit("mass", "kilogram", "kilograms", 1.0, also=("kg", "kilo", "kilos")),
    Unit("mass", "ton", "tons", 1000.0, also=("tonne", "tonnes", "metric tons", "metric ton")),
    Unit("mass", "ounce", "ounces", 0.028349523125, also=("oz",)),
    Unit("mass", "pound", "pounds", 0.45359237, also=("lb", "lbs")),
    Unit("mass", "stone", "stone", 6.35029318, also=("stones",)),
    Unit("volume", "milliliter", "milliliters", 0.001, also=("ml",)),
    Unit("volume", "liter", "liters", 1.0, also=("l", "litre", "litres")),
    Unit("volume", "teaspoon", "teaspoons", 0.00492892159375),
    Unit("volume", "tablespoon", "tablespoons", 0.01478676478125),
    Unit("volume", "fluid ounce", "fluid ounces", 0.0295735295625),
    Unit("volume", "cup", "cups", 0.2365882365),
    Unit("volume", "pint", "pints", 0.473176473),
    Unit("volume", "quart", "quarts", 0.946352946),
    Unit("volume", "gallon", "gallons", 3.785411784),
    Unit("speed", "kilometer per hour", "kilometers per hour", 1 / 3.6, also=("kilometers an hour", "kph")),
    Unit("speed", "mile per hour", "miles per hour", 0.44704, also=("miles an hour", "mph")),
    Unit("speed", "meter per second", "meters per second", 1.0, also=("meters a second",)),
    Unit("speed", "knot", "knots", 1852 / 3600),
    Unit("time", "second", "seconds", 1.0),
    Unit("time", "minute", "minutes", 60.0),
    Unit("time", "hour", "hours", 3600.0),
    Unit("time", "day", "days", 86400.0),
    Unit("time", "week", "weeks", 604800.0),
    Unit("temperature", "degree Celsius", "degrees Celsius", 1.0, 273.15, also=("celsius", "centigrade")),
    Unit(
        "temperature", "degree Fahrenheit", "degrees Fahrenheit", 5 / 9, 459.67 * 5 / 9, also=("fahrenheit",)
    ),
    Unit("temperature", "kelvin", "kelvin", 1.0, also=("kelvins", "degrees kelvin")),
)

_BY_NAME = {name.lower(): unit for unit in UNITS for name in (unit.one, unit.many, *unit.also)} | {
    f"degrees {unit.also[0]}": unit for unit in UNITS if unit.offset
}
_UNIT = "(?:" + "|".join(sorted((re.escape(name) for name in _BY_NAME), key=len, reverse=True)) + ")"
_NUMBER = r"(?:minus )?\d+(?:\.\d+)?|an?|half an?"
_BETWEEN = r"(?:is|are|in|to|into|as|make|equals?|is there in|are there in|are in|is in)"

_PATTERNS = (
    re.compile(rf"how (?:many|much) (?P<to>{_UNIT}) {_BETWEEN} (?P<n>{_NUMBER}) (?P<from>{_UNIT})"),
    re.compile(
        rf"(?:convert|what is|what are|how much is|how much are|how many is|change|turn)? ?"
        rf"(?P<n>{_NUMBER}) (?P<from>{_UNIT}) (?:in|to|into|as) (?P<to>{_UNIT})"
    ),
)
_INTO = re.compile(r"(?<=are) into (?=[a-z])")
"""How many minutes are "in two" hours."""
_VOCABULARY = frozenset(
    word for phrase in (*_BY_NAME, "convert change minus") for word in phrase.split() if len(word) >= 5
)


def answer(text: str) -> Say | None:
    """Turn one unit into another.

    Args:
        text: An utterance as ``wording.plain`` gives it.
    """
    text = corrected(text, _VOCABULARY).replace("metres", "meters").replace("metre", "meter")
    text = _INTO.sub(" in 2 ", text)
    for pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return _convert(_amount(found["n"]), _BY_NAME[found["from"]], _BY_NAME[found["to"]])
    return None


def _amount(written: str) -> float:
    if written.startswith("half"):
        return 0.5
    if written.startswith("a"):
        return 1.0
    return float(written.replace("minus ", "-"))


def _convert(amount: float, source: Unit, target: Unit) -> Say:
    if source.kind != target.kind:
        return Say(
            f"I cannot turn {source.many} into {target.many}: one is {source.kind}, the other {target.kind}."
        )
    base = amount * source.factor + source.offset
    if source.kind == "temperature" and base < -1e-9:
        return Say("That is colder than absolute zero.")
    result = (base - target.offset) / target.factor
    about = "about " if abs(result - round(result, 3)) > 1e-9 else ""
    if abs(result) < 1e-9:
        result = 0.0
    verb = "is" if amount == 1 or source.kind == "temperature" else "are"
    return Say(f"{_named(amount, source)} {verb} {about}{_named(result, target)}.")


def _named(amount: float, unit: Unit) -> str:
    return f"{spoken_number(amount)} {unit.one if amount == 1 else unit.many}"
