"""The docs say what is so: what they copy is current, where they point exists, what they name can be run."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import voice_assistant
import voice_assistant.commands  # fills the list of commands
from scripts import pictures, settings
from scripts.docs import ROOT, pages, refreshed
from voice_assistant import cli
from voice_assistant.errors import VoiceAssistantError

PAGES = pages()


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """List what can be pointed to in a page, named as GitHub names it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def kinds_of_error(
    kind: type[VoiceAssistantError] = VoiceAssistantError,
) -> Iterator[type[VoiceAssistantError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of_error(below)


def commands_in(page: Path) -> list[str]:
    """List the command lines of the program in a page, from the program's name to the end of the code."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"(?<![\w/-])(?:\.venv/bin/)?voice-assistant((?: [^\s`')]+)+)(?=[`')])", text)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_shows_of_the_program_is_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == refreshed(text), f"{named(page)} is not current: run 'make docs'"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))

    lost = []
    for target in targets:
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(target)

    assert lost == []


def test_every_error_has_a_section_that_says_what_to_do() -> None:
    for module in pkgutil.walk_packages(voice_assistant.__path__, "voice_assistant."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    slugs = {kind.slug for kind in kinds_of_error()} | {"unexpected"}

    assert slugs - anchors(ROOT / "docs" / "troubleshooting.md") == set()
    assert {"config", "device", "link"} <= slugs


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| \[(\w+)\]\(#\1\) \| (\d|-) \|", text, re.MULTILINE))

    declared = {kind.slug: str(kind.exit_code) for kind in kinds_of_error()} | {
        "unexpected": str(cli.EXIT_UNEXPECTED),
        "tool": "-",  # never ends the program
    }
    assert told == {slug: code for slug, code in declared.items() if slug != "error"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_in_the_docs_is_understood(page: Path) -> None:
    unknown = []
    for line in commands_in(page):
        words = line.split()
        name = words[0] if not words[0].startswith("-") else None
        if name is not None and name not in cli.COMMANDS:
            unknown.append(line)
            continue
        known = cli.parser(name).format_help()
        unknown += [word for word in words if word.startswith("--") and not re.search(rf"{word}\b", known)]

    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_flag_named_by_itself_is_one(page: Path) -> None:
    known = "".join(cli.parser(name).format_help() for name in [None, *cli.COMMANDS])
    flags = re.findall(r"`(--[a-z][a-z-]*)", page.read_text(encoding="utf-8"))

    assert [flag for flag in flags if not re.search(rf"{flag}\b", known)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_verb_of_make_in_the_docs_is_in_the_makefile(page: Path) -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    asked = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))

    assert asked - verbs == set()


@pytest.mark.parametrize("scene", list(pictures.SCENES))
def test_a_picture_shows_what_the_program_shows_today(scene: str) -> None:
    drawn = (pictures.FOLDER / f"{scene}.svg").read_text(encoding="utf-8")

    assert pictures.words_of(drawn) == pictures.words_of(pictures.svg(scene)), "run 'make docs'"
    assert len(pictures.words_of(drawn)) > 5
    # Whoever looks at it fetches nothing from elsewhere.
    assert "url(http" not in drawn


def test_the_settings_file_is_brought_up_to_date_without_losing_its_words() -> None:
    shipped = (ROOT / "config.toml").read_text(encoding="utf-8")
    stale = re.sub(r"^hangover_ms = \d+ ", "hangover_ms = 1 ", shipped, flags=re.MULTILINE)
    stale = re.sub(r"^fade_ms = .*\n", "gone_ms = 5  # no more\n", stale, flags=re.MULTILINE)

    brought = settings.refreshed(stale)

    assert settings.refreshed(shipped) == shipped
    assert tomllib.loads(brought) == tomllib.loads(shipped)
    assert re.findall("^hangover_ms.*", brought, re.MULTILINE) == re.findall(
        "^hangover_ms.*", shipped, re.MULTILINE
    )
    assert re.search(r"^fade_ms = 10 +# Length of the fades", brought, re.MULTILINE)


def test_commands_are_found_in_the_docs() -> None:
    # The tests above would pass over pages in which nothing is recognised.
    found = [line for page in PAGES for line in commands_in(page)]

    assert " --help" in found
