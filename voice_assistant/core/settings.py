"""How a part states the limits of its settings.

Each tunable part owns a frozen dataclass of settings beside the code they steer and checks it in
``__post_init__`` with ``check_range`` or ``check_choice``. ``config.py`` catches ``SettingError`` and
adds the file and the table.
"""

from __future__ import annotations

from collections.abc import Collection


class SettingError(ValueError):
    """A setting outside its limits.

    Args:
        name: The field's name, as it stands in ``config.toml``.
        value: What was given.
        wanted: What would do, to follow "it must be": ``"200 to 3000"``.
    """

    def __init__(self, name: str, value: object, wanted: str) -> None:
        super().__init__(f"{name} is {value!r}; it must be {wanted}")
        self.name = name
        self.value = value
        self.wanted = wanted


def check_range(settings: object, name: str, low: float, high: float) -> None:
    """Raise SettingError unless the field lies in ``[low, high]``."""
    value = getattr(settings, name)
    if not low <= value <= high:
        raise SettingError(name, value, f"{low} to {high}")


def check_choice(settings: object, name: str, choices: Collection[str]) -> None:
    """Raise SettingError unless the field is one of the choices."""
    value = getattr(settings, name)
    if value not in choices:
        raise SettingError(name, value, " or ".join(repr(choice) for choice in choices))
