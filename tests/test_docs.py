"""The documents: links, files, modules, commands and options that they name exist, and the README stays short."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from reports.cli.main import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.glob("*.md")),
    DOCS / "plugin" / "README.md",
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
FILE = re.compile(r"(?<![\w/.<-])((?:backends|profiler|reports|docs|tests)/[\w./-]*[\w/])")
MODULE = re.compile(r"(?<![\w./-])((?:backends|profiler|reports)(?:\.\w+)+)")
PLACEHOLDER = re.compile(r"NAME|VENDOR")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
FOREIGN_OPTIONS = {"--generate-hashes", "--no-build-isolation", "--no-deps"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def commands_of(group, path=()):
    """Every command of the command line by its words, groups included."""
    found = {path: group}
    if isinstance(group, click.Group):
        with click.Context(group) as context:
            for name in group.list_commands(context):
                found |= commands_of(group.get_command(context, name), (*path, name))
    return found


COMMANDS = commands_of(cli)
OPTIONS = {path: {"--help", *(opt for one in command.params for opt in (*one.opts, *one.secondary_opts))}
           for path, command in COMMANDS.items()}  # fmt: skip


def lines_of(page):
    """Every line of a shell block, continuations joined, and every piece of inline code."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from (code.replace("\n", " ") for code in CODE.findall(BLOCK.sub("", text)))


def uses(page):
    """Every use of the command line: the command's words, and the rest."""
    for line in lines_of(page):
        if line.startswith("chipassay "):
            words = shlex.split(line.partition(" (")[0], comments=True)[1:]
            path = ()
            while words and (*path, words[0]) in COMMANDS:
                path = (*path, words.pop(0))
            yield line, path, words


@every_page
def test_every_link_leads_to_a_file(page):
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@every_page
def test_every_file_named_exists(page):
    missing = []
    for name in FILE.findall(page.read_text()):
        if PLACEHOLDER.search(name):
            continue
        if not any((folder / name).exists() for folder in (ROOT, ROOT / "tests")):
            missing.append(name)
    assert missing == []


def missing_modules(page):
    """Dotted names of which more than the last part is no module."""
    return [name for name in MODULE.findall(page.read_text()) if not (name.endswith(".py") or _exists(name))]


def _exists(name):
    """A module, or a name in a module that is a file: what a folder's __init__ holds is named by its own module."""
    if _is_module(name):
        return True
    owner = name.rpartition(".")[0]
    return _is_module(owner) and (ROOT / f"{owner.replace('.', '/')}.py").is_file()


def _is_module(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def wrong_commands(page):
    """Commands with a subcommand or an option that they do not have."""
    wrong = []
    for line, path, words in uses(page):
        if isinstance(COMMANDS[path], click.Group) and words and not words[0].startswith("-"):
            wrong.append(f"{line}: {words[0]}")
        wrong += [f"{line}: {word}" for word in words if word.startswith("--") and word not in OPTIONS[path]]
    return wrong


def unknown_options(page):
    """Options shown elsewhere than in a whole command, that no command has."""
    known = FOREIGN_OPTIONS.union(*OPTIONS.values())
    named = {option for line in lines_of(page) if not line.startswith("chipassay ") for option in OPTION.findall(line)}
    return sorted(named - known)


@every_page
def test_every_module_command_and_option_named_exists(page):
    assert (missing_modules(page), wrong_commands(page), unknown_options(page)) == ([], [], [])


def test_what_does_not_exist_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nchipassay baseline stash run\nchipassay profile --modell x \\\n    --targett y  # --nothing\n```\n"
        "`--not-an-option`, `profiler.run.nobody` and `profiler.run.worker`\n"
    )
    assert [wrong.rpartition(": ")[2] for wrong in wrong_commands(page)] == ["stash", "--modell", "--targett"]
    assert unknown_options(page) == ["--not-an-option"]
    assert missing_modules(page) == ["profiler.run.nobody"]


def test_every_page_is_in_the_index_and_on_the_site():
    pages = {path.name for path in DOCS.glob("*.md")} - {"site.md"}
    assert pages - set(LINK.findall((DOCS / "index.md").read_text())) - {"index.md"} == set()


def test_the_readme_fits_a_few_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("floor", ["backends", "profiler", "reports"])
def test_the_architecture_page_names_every_room(floor):
    rooms = {path.parent.name for path in (ROOT / floor).glob("*/__init__.py")}
    named = (DOCS / "architecture.md").read_text()
    assert sorted(room for room in rooms if f"{room}/" not in named) == []
