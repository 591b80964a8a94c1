"""The questions of ``voice-assistant setup``, in their order; what holds now is offered for each.

Nothing is written before the end, and then only what was changed: Ctrl-C leaves everything as it was. A key
goes into the system's keyring if the person agrees, and never into the settings.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from voice_assistant import config, config_file, credentials, keyring_store
from voice_assistant.checks.sound import judge
from voice_assistant.config import Config
from voice_assistant.core.events import Direction
from voice_assistant.devices import catalog
from voice_assistant.devices.catalog import Device
from voice_assistant.dialects.proxy import models_url, realtime_models, shown_url
from voice_assistant.errors import ConfigError, DeviceError, UsageError, VoiceAssistantError
from voice_assistant.providers import DEFAULT_URL, models_of
from voice_assistant.route import Route
from voice_assistant.setting_up import trial
from voice_assistant.setting_up.person import NONE, Person

PROVIDERS = (
    ("auto", "a LiteLLM proxy if one is named, else the assistant on this machine"),
    ("litellm", "Gemini, through a LiteLLM proxy"),
    ("offline", "the small assistant on this machine: no key, no network"),
)
DEFAULT_DEVICE = "the system's default"
METER_CELLS = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are, and what is said elsewhere.

    Args:
        file: The person's own settings.
        environ: The environment; it wins over the file.
    """

    file: Path
    environ: Mapping[str, str]


class Interview:
    """One run of the questions.

    Args:
        person: Who is asked.
        place: Where the answers go.

    Raises:
        ConfigError: The settings that are there are wrong: nothing is asked before they are right.
        UsageError: There is nobody to ask.
    """

    def __init__(self, person: Person, place: Place) -> None:
        if not person.is_there():
            raise UsageError(
                "setup asks questions, and this is no terminal",
                remedy=f"Run it in a terminal, or write the settings into {place.file}.",
            )
        self._person = person
        self._place = place
        self._text = config_file.read(place.file)
        self._config = config.load({}, {}, place.file) if self._text else Config()
        self._before = self._config
        self._new_key = ""
        self.left_something_behind = False
        """Does a thread still wait for a sound system that hangs?"""

    def hold(self) -> None:
        """Ask everything, and write what was changed.

        Raises:
            KeyboardInterrupt: The person left; nothing was changed.
            ConfigError: It could not be written.
        """
        tell = self._person.tell
        tell(
            f"Your settings: {self._place.file}{'' if self._text else ' (not there yet)'}. Enter keeps what "
            "stands in brackets. Nothing is written before the end; Ctrl-C leaves."
        )
        tell()
        self._ask_provider()
        self._ask_devices()
        self._finish()

    # --- Who answers ---

    def _ask_provider(self) -> None:
        now = self._config.provider
        while (
            name := self._person.choose("Who answers?", [(n, f"{s} ({n})") for n, s in PROVIDERS], now.name)
        ) not in dict(PROVIDERS):
            self._person.tell("  Please answer with a number or a name of the list.")
        self._config = replace(self._config, provider=replace(now, name=name))  # type: ignore[arg-type]
        self._note_override("provider", "name")
        if name != "offline":
            self._ask_address()
            if self._config.provider.url or name == "litellm":
                self._ask_key()
                self._ask_model()
        self._person.tell()

    def _ask_address(self) -> None:
        now = self._config.provider
        default = now.url or (DEFAULT_URL if now.name == "litellm" else "")
        while True:
            url = self._person.ask("Address of the proxy", default)
            try:
                if url:
                    models_url(url)
            except ConfigError as error:
                self._person.explain(error)
                continue
            break
        self._config = replace(self._config, provider=replace(now, url=url))
        self._note_override("provider", "url")

    def _ask_key(self) -> None:
        name, tell = credentials.KEY_NAME, self._person.tell
        where = self._key_is_in()
        tell()
        if where:
            tell(f"A key was found in {where}.")
        else:
            tell("Its key is looked for in the environment, in a file .env, and in the system's keyring.")
            tell("For this shell, or in its start-up file:")
            self._person.show(f"export {name}=sk-...")
        keeper = keyring_store.backend()
        if keeper is None:
            if not keyring_store.is_installed():
                tell("To keep it in the system's keyring, install the extra, and run this again:")
                self._person.show(keyring_store.INSTALL)
            elif not where:
                tell("This system has no keyring that it could be kept in.")
            return
        question = f"Keep {'another' if where else 'the'} key in the system's keyring ({keeper})?"
        if not self._person.agrees(question, default=not where):
            return
        while key := self._person.secret("The key (it is not shown; Enter alone for none)"):
            try:
                self._new_key = credentials.sendable(name, key, "what was typed")
            except ConfigError as error:
                self._person.explain(error)
                continue
            if where and where != "the system's keyring":
                tell(f"The one in {where} wins over it.")
            return

    def _key_is_in(self) -> str:
        environ, files = self._place.environ, credentials.files()
        try:
            if credentials.find_key(environ, []):
                return "the environment"
            for file in files:
                if credentials.find_key({}, [file]):
                    return str(file)
            return "the system's keyring" if keyring_store.read(credentials.KEY_NAME) else ""
        except ConfigError as error:
            self._person.explain(error)
            return ""

    def _ask_model(self) -> None:
        now = self._config.provider
        url = now.url or DEFAULT_URL
        try:
            self._person.tell(f"Asking {shown_url(url)} for its models ...")
            key = self._key_now()
            names = realtime_models(asyncio.run(models_of(url, key, Route(self._config.route))))
        except VoiceAssistantError as error:
            self._person.explain(error)
            self._person.tell("  The questions go on; the doctor will look again.")
            names = []
        if not names:
            while credentials.looks_like_key(
                model := self._person.ask("Model, as the proxy calls it", now.model)
            ):
                self._person.tell(
                    "  That looks like a key, and keys are not kept in settings. Put it into "
                    f"{credentials.KEY_NAME}, and clear this screen if others can see it."
                )
        elif len(names) == 1 and now.model in ("", *names):
            self._person.tell(f"It has one realtime model, {names[0]}: that is taken by itself.")
            model = now.model
        else:
            kept = now.model if now.model in names else names[0]
            model = self._person.choose("Which model?", [(one, one) for one in names], kept)
        self._config = replace(self._config, provider=replace(now, model="" if model == NONE else model))
        self._note_override("provider", "model")

    def _key_now(self) -> str:
        found = credentials.find_key(self._place.environ, credentials.files(), kept=keyring_store.read)
        return self._new_key or found or ""

    # --- On which devices ---

    def _ask_devices(self) -> None:
        try:
            found = trial.within_limit(catalog.list_devices)
            if not found:
                trial.within_limit(lambda: catalog.find("", "capture"))  # raises: there is none, and why
        except DeviceError as error:
            self._not_heard(error)
            return
        while True:
            self._ask_device("capture", found)
            self._ask_device("playout", found)
            if not self._try_devices():
                return

    def _ask_device(self, direction: Direction, found: Sequence[Device]) -> None:
        noun = "microphone" if direction == "capture" else "loudspeaker"
        part = self._config.capture if direction == "capture" else self._config.speaker
        usable = [one for one in found if one.channels(direction)]
        if not usable:
            self._person.tell(f"No {noun} was found. Connect one, and run this again.")
            return
        options = [("", DEFAULT_DEVICE)]
        options += [(catalog.name_of(one, usable), f"{one.name} ({one.host_api})") for one in usable]
        while True:
            wanted = self._person.choose(f"Which {noun}?", options, part.device)
            try:
                if wanted:
                    catalog.match(wanted, direction, list(found))
            except DeviceError as error:
                self._person.explain(error)
                continue
            break
        if direction == "capture":
            self._config = replace(self._config, capture=replace(self._config.capture, device=wanted))
            self._note_override("capture", "device")
        else:
            self._config = replace(self._config, speaker=replace(self._config.speaker, device=wanted))
            self._note_override("playout", "device")
        self._person.tell()

    def _try_devices(self) -> bool:
        """Listen and play; say whether other devices shall be chosen."""
        seconds = f"{trial.LISTEN_S:.0f} s"
        while self._person.agrees(f"Try them? You speak for {seconds}, and hear it again.", default=True):
            try:
                self._person.tell(f"Speak now, for {seconds}.")
                pcm = trial.listen(self._config, _meter)
                sys.stdout.write("\n")
                finding = judge(pcm)
                self._person.tell(f"  {finding.text}")
                if finding.remedy:
                    self._person.tell(f"  fix: {finding.remedy}")
                if finding.state == "failed":
                    return self._wants_others()
                self._person.tell("Now you should hear it.")
                trial.play(self._config, pcm)
            except DeviceError as error:
                self._not_heard(error)
                return not self.left_something_behind and self._wants_others()
            if self._person.agrees("Did you hear yourself?", default=True):
                return False
            self._person.tell(
                "  Look at the volume, at what is muted in the system's sound settings, and whether these "
                "are the right devices."
            )
            if self._wants_others():
                return True
        return False

    def _wants_others(self) -> bool:
        return self._person.agrees("Choose other devices?", default=True)

    def _not_heard(self, error: DeviceError) -> None:
        self.left_something_behind |= isinstance(error, trial.SoundHangsError)
        self._person.explain(error)
        self._person.tell("  The questions go on; 'voice-assistant doctor' looks into it.")
        self._person.tell()

    # --- The end ---

    def _finish(self) -> None:
        changes = self._changes()
        text = config_file.changed(self._text, changes) if changes else self._text
        tell = self._person.tell
        if not changes and not self._new_key:
            tell("Everything stays as it is.")
            return
        tell("This is written:")
        for (table, key), value in changes.items():
            self._person.show(f"[{table}] {key} = {value or NONE}")
        if self._new_key:
            self._person.show(f"{credentials.KEY_NAME}, into the system's keyring")
        if not self._person.agrees("Write it?", default=True):
            raise KeyboardInterrupt
        if changes:
            config_file.write(self._place.file, text)
            tell(f"Written: {self._place.file}")
        if self._new_key:
            keyring_store.store(credentials.KEY_NAME, self._new_key)
            tell("The key is in the keyring.")
        tell("Go on with 'voice-assistant', or 'voice-assistant doctor' if something is wrong.")

    def _changes(self) -> dict[tuple[str, str], str]:
        before, now = self._before, self._config
        answers = {
            ("provider", "name"): (before.provider.name, now.provider.name),
            ("provider", "url"): (before.provider.url, now.provider.url),
            ("provider", "model"): (before.provider.model, now.provider.model),
            ("capture", "device"): (before.capture.device, now.capture.device),
            ("playout", "device"): (before.speaker.device, now.speaker.device),
        }
        return {setting: new for setting, (old, new) in answers.items() if old != new}

    def _note_override(self, table: str, key: str) -> None:
        """Say where the environment has another word to say."""
        names = [f"VOICE_ASSISTANT_{table}_{key}".upper()]
        names += [alias for alias, setting in config.ALIASES.items() if setting == f"{table}.{key}"]
        for name in names:
            if value := self._place.environ.get(name):
                self._person.tell(f"  {name} in the environment says {value!r}, and wins over this.")
                return


def _meter(dbfs: float) -> None:
    filled = min(max(round((dbfs + 60) / 60 * METER_CELLS), 0), METER_CELLS)
    sys.stdout.write(f"\r  {'#' * filled}{'-' * (METER_CELLS - filled)}")
    sys.stdout.flush()


def run(file: Path) -> int:
    """Hold the interview and give the exit code.

    Raises:
        UsageError: There is nobody to ask.
        ConfigError: The settings that are there are wrong, or new ones cannot be written.
    """
    interview = Interview(Person(sys.stdout), Place(file, os.environ))
    try:
        interview.hold()
    except KeyboardInterrupt:
        sys.stdout.write("\nLeft; nothing was changed.\n")
        code = 130
    else:
        code = 0
    if interview.left_something_behind:
        # Python's own end would wait for the thread that is stuck in the sound system.
        sys.stdout.flush()
        os._exit(code)
    return code
