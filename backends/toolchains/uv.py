"""Drives uv: finds or fetches a Python, makes an environment of it, installs pinned packages, and explains a failure.

uv does not read pip's configuration, and users behind a mirror or a proxy have one: it is passed on in uv's words.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from backends.common.errors import UnavailableError
from backends.toolchains.running import ToolRun, run_tool

Say = Callable[[str], None]
"""Called with a short text when the next part begins."""

OUTSIDE = Path("/")
"""Where uv is asked: in no project. It prints paths relative to this folder."""

ASK_TIMEOUT_S = 120.0
FETCH_TIMEOUT_S = 900.0
VENV_TIMEOUT_S = 300.0
INSTALL_TIMEOUT_S = 3600.0

INDEXES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS"}
"""Where pip looks for packages -> the variable of uv. Of these, uv's own setting of the user replaces all of pip's."""

NETWORK = {
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "no-cache-dir": "UV_NO_CACHE",
}
"""How pip reaches them -> the variable of uv, unless the user has set it."""

_KEPT = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|EXTRA_INDEX|FIND_LINKS|INSECURE_HOST|HTTP|REQUEST|KEYRING|SYSTEM_CERTS|NATIVE_TLS"
    r"|OFFLINE|CACHE|NO_CACHE|CONFIG_FILE|NO_CONFIG|PYTHON_|CONCURRENT)"
)
"""The user's settings of uv that hold here; others could install elsewhere or something else."""

_PROGRESS = re.compile(r"^(?:Downloading (?P<package>\S+ \(.*\))|(?P<ready>Prepared \d+ package))")

_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"Hash mismatch for `(?P<package>[^`]+)`",
        "{package} is not the file that was pinned (its hash differs): it was altered, replaced or damaged on the way; "
        "check the index that pip or uv is set to, or empty the cache (uv cache clean)",
    ),
    (r"No space left on device", "the disk is full; free some, or set CHIPASSAY_DATA, UV_CACHE_DIR and TMPDIR"),
    (r"Disk quota exceeded", "the disk quota is used up; free some, or set CHIPASSAY_DATA, UV_CACHE_DIR and TMPDIR"),
    (r"os error (?:13|30)\b", "{cause}; set CHIPASSAY_DATA and UV_CACHE_DIR to writable folders"),
    (
        r"error sending request|HTTP status|dns error|timed out|Network connectivity is disabled",
        "the package index cannot be reached ({cause}); connect, or set an index (PIP_INDEX_URL or UV_DEFAULT_INDEX), "
        "a proxy, or PIP_NO_INDEX and PIP_FIND_LINKS with a folder of the wheels",
    ),
    (
        r"and you require (?P<package>[^\s,]+), we can conclude",
        "no index that pip or uv is set to offers {package} for this Python and machine; check it (pip config list)",
    ),
)


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that runs here, and its full version."""

    path: Path
    version: str


def find_python(wanted: Sequence[str], given: Path | None, purpose: str, say: Say) -> Python:
    """Return the first Python of ``wanted`` (``"3.10"``, ...) that is here or can be downloaded, or ``given``.

    Raises:
        UnavailableError: There is none, or ``given`` does not fit; the message says how to get one.
    """
    versions = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    if given is not None:
        if not given.is_file():
            raise UnavailableError(f"--python {given}: there is no such file; give the path of a Python {versions}")
        known, problem = installed(str(given))
        python = next((python for python in known if python.version.rpartition(".")[0] in wanted), None)
        if python is None:
            fault = f"is Python {known[0].version}" if known else f"is no usual CPython that runs here ({problem})"
            raise UnavailableError(f"--python {given} cannot hold {purpose}: it {fault}; {purpose} needs {versions}")
        return python
    for version in wanted:
        for python in installed(f"cpython-{version}-linux-x86_64")[0]:
            return python
    say(f"no Python {versions} is here; uv downloads {wanted[0]}")
    fetched = ask("python", "install", "--no-bin", wanted[0], timeout_s=FETCH_TIMEOUT_S)
    known, _ = installed(f"cpython-{wanted[0]}-linux-x86_64")
    if known:
        return known[0]
    raise UnavailableError(
        f"{purpose} needs Python {versions}: none is here, and uv could not download one "
        f"({last_cause(fetched.stderr)}); install it (`pyenv install {wanted[0]}`, or your system's "
        f"python{wanted[0]}), or name one with --python PATH"
    )


def installed(request: str) -> tuple[list[Python], str]:
    """Return the Pythons here that ``request`` (a path, or a version in uv's words) names; if none, what uv said."""
    answer = ask("python", "list", "--only-installed", "--output-format", "json", request)
    rows: list[dict[str, Any]] = json.loads(answer.stdout) if answer.stdout.startswith("[") else []
    usual = [row for row in rows if (row["implementation"], row["variant"]) == ("cpython", "default")]
    return [Python(OUTSIDE / row["path"], row["version"]) for row in usual], last_cause(answer.stderr)


def ask(*arguments: str, timeout_s: float = ASK_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run a command of uv outside any project, with pyenv's Pythons on its path: pyenv's shims hide them."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    path = [os.environ.get("PATH", ""), *map(str, sorted(pyenv.glob("versions/*/bin"))), "/usr/local/bin", "/usr/bin"]
    environment = {**uv_environment(), "PATH": os.pathsep.join(filter(None, path))}
    command = [find_uv_bin(), *arguments]
    try:
        return subprocess.run(
            command, cwd=OUTSIDE, env=environment, capture_output=True, text=True, timeout=timeout_s,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"no answer within {timeout_s:g} s")


def make_environment(folder: Path, python: Python, log: Path) -> None:
    """Make an environment in ``folder``, which may hold other files already.

    Raises:
        UnavailableError: uv failed.
    """
    command: list[str | Path] = [
        find_uv_bin(),
        "venv",
        "--no-project",
        "--allow-existing",
        "--python",
        python.path,
        folder,
    ]
    run = run_tool(command, cwd=folder, environment=uv_environment(), timeout_s=VENV_TIMEOUT_S, log=log)
    if not run.succeeded:
        raise UnavailableError(
            f"Python {python.version} ({python.path}) made no environment: {why_it_failed(run)}; see {log}"
        )


def install_packages(python: Path, requirements: Path, log: Path, say: Say) -> None:
    """Install exactly the wheels that ``requirements`` pins by hash into the environment of ``python``.

    Raises:
        UnavailableError: uv failed; why, and what to do.
    """
    shown = 0

    def progress(path: Path) -> None:
        nonlocal shown
        lines = path.read_text(errors="replace").splitlines()
        for line in lines[shown:]:
            if (match := _PROGRESS.match(line)) is not None:
                say("installing the packages" if match["ready"] else f"downloading {match['package']}")
        shown = len(lines)

    # Copies, for some vendors' programs write into their packages: links would carry that into uv's cache.
    options = ["--require-hashes", "--no-build", "--link-mode=copy", "--compile-bytecode"]
    if pip_settings().get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    run = run_tool(
        [find_uv_bin(), "pip", "sync", *options, "--python", python, requirements],
        cwd=python.parent,
        environment=uv_environment(),
        timeout_s=INSTALL_TIMEOUT_S,
        log=log,
        watch=progress,
    )
    if not run.succeeded:
        raise UnavailableError(why_it_failed(run))


def uv_environment() -> dict[str, str]:
    """Return the user's environment for uv, with pip's settings where uv has none; nothing leads it elsewhere."""
    dropped = ("PYTHON", "PIP_", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_")
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(dropped) or _KEPT.match(name)}
    settings = pip_settings()
    passed_on = {ours: settings[name] for name, ours in NETWORK.items() if name in settings}
    if not any(re.match(r"UV_(DEFAULT_INDEX|INDEX|EXTRA_INDEX_URL|FIND_LINKS)", name) for name in theirs):
        passed_on |= {ours: settings[name] for name, ours in INDEXES.items() if name in settings}
        if "find-links" in settings:
            passed_on["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    # Like pip: every index counts, not only the first that knows a package. The hashes say which file is right.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", "NO_COLOR": "1", **passed_on, **theirs}


@cache
def pip_settings() -> dict[str, str]:
    """Return pip's settings by option, as pip reads its files and the environment; none where there is no pip."""
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    by_scope: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        scope, _, name = key.rpartition(".")
        if scope in by_scope and value.startswith(("'", '"')):
            by_scope[scope][name] = " ".join(ast.literal_eval(value).split())
    return {name: value for scope in by_scope.values() for name, value in scope.items() if value}


def why_it_failed(run: ToolRun) -> str:
    """Return why uv failed and what to do, in one line; its own last words where the reason is a new one."""
    if run.stopped or run.status < 0:
        return run.summary()
    for pattern, reason in _REASONS:
        if (match := re.search(pattern, run.output)) is not None:
            return reason.format(package=match.groupdict().get("package"), cause=last_cause(run.output))
    return f"{run.summary()} ({last_cause(run.output)})"


def last_cause(output: str) -> str:
    """Return the innermost reason uv gives: the last line marked as error or cause, else the last line."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    marked = [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "cause: "))]
    return (marked or lines or ["it said nothing"])[-1][:300]
