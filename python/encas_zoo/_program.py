"""Finding and running the program that the wheel brings."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

log = logging.getLogger("encas_zoo")

_NAME = "encas-zoo.exe" if os.name == "nt" else "encas-zoo"


class ProgramError(RuntimeError):
    """The program ended with an error, whose words are the message."""


class InputError(ProgramError, ValueError):
    """What was given cannot be: outputs that are no probabilities, a model that is missing, or a limit that no cascade is within."""


def program() -> Path:
    """Returns the path of the program.

    That is ``$ENCAS_ZOO_BIN`` if it is set, else the one that was installed with this package,
    else the first ``encas-zoo`` on the path.

    Raises:
        FileNotFoundError: there is none.
    """
    own = os.environ.get("ENCAS_ZOO_BIN")
    if own:
        if not Path(own).is_file():
            raise FileNotFoundError(f"$ENCAS_ZOO_BIN is {own}, which is not there")
        return Path(own)
    package = Path(__file__).resolve().parent
    folders = [
        Path(sysconfig.get_path("scripts")),
        Path(sysconfig.get_path("scripts", _user_scheme())),
        package.parent / "bin",  # pip install --target
        *(p / ("Scripts" if os.name == "nt" else "bin") for p in list(package.parents)[2:4]),  # --prefix
    ]
    for folder in folders:
        if (folder / _NAME).is_file():
            return folder / _NAME
    found = shutil.which(_NAME)
    if found is None:
        raise FileNotFoundError(
            f"the program {_NAME} is neither in {folders[0]} nor on the path: "
            "install the wheel again, or name it in $ENCAS_ZOO_BIN"
        )
    return Path(found)


def _user_scheme() -> str:
    return sysconfig.get_preferred_scheme("user")


def run(
    args: Sequence[str | os.PathLike[str]], *, folder: Path | None = None, verbose: bool = False, known: str | None = None,
    inputs: bool = False, words: Mapping[str, str] | None = None,
) -> Any:
    """Runs a command of the program with ``--json`` and returns its result.

    Warnings of the program become Python's, its notes go to the logger ``encas_zoo``. What an
    error says of a file in ``folder`` is said without that folder. A warning that begins with
    ``known`` is none. With ``inputs`` all errors that it ends with are about what was given. Texts
    that are among the ``words`` are replaced by what belongs to them.
    """
    command = [str(program()), *(os.fspath(a) for a in args), "--json"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if verbose else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    said = _Said(_in_python(done.stderr or "", folder, words or {}))
    for note in said.notes:
        log.info("%s", note)
    if done.returncode != 0:
        # Without an error it crashed or was stopped, and any line may say why.
        text = said.error or "\n".join(said.notes) or f"{command[0]} ended with {done.returncode}"
        raise (InputError if done.returncode == 2 or inputs and done.returncode > 0 else ProgramError)(text)
    for text in said.warnings:
        if not (known and text.startswith(known)):
            warnings.warn(text, stacklevel=_caller())
    return json.loads(done.stdout)


class _Said:
    """What the program wrote to standard error: notes, which have no prefix, warnings, and an error, which comes last."""

    def __init__(self, text: str):
        self.notes: list[str] = []
        self.warnings: list[str] = []
        lines = [line for line in text.splitlines() if line and not line.startswith("Run '")]
        end = next((i for i, line in enumerate(lines) if line.startswith("error: ")), len(lines))
        self.error = "\n".join(lines[end:]).removeprefix("error: ")
        for line in lines[:end]:
            if line.startswith("warning: "):
                self.warnings.append(line.removeprefix("warning: "))
            else:
                self.notes.append(line)


def _caller() -> int:
    """Returns the stack level of who called the package, for a warning that its caller's caller gives."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    return level


_WORDS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"leave out --logits \(or --activation softmax\)", "leave out logits=True"),
    (r"import with --logits", "pass logits=True"),
    (r"import with --activation (\w+)", r'pass activation="\1"'),
    (r"--activation (softmax|sigmoid|log|none)", r'activation="\1"'),
    (r"--logits", "logits=True"),
    (r" and save (?:it|them) again", ""),
    (
        r"\. The other models are what this import takes them for, .*",
        ". The other models are not like that: pass outputs of one kind, such as probabilities, for all models",
    ),
    (r"--class-names(?: FILE)?", "classes"),
    (r"(?<![\w-])--([a-z][a-z-]*)", lambda m: m.group(1).replace("-", "_")),
]


def _in_python(text: str, folder: Path | None, own: Mapping[str, str]) -> str:
    """Returns what the program says, in the words of someone who calls it from Python."""
    if folder is not None:
        text = text.replace(f"{folder}{os.sep}", "").replace(str(folder), "the temporary zoo")
    for theirs, ours in own.items():
        text = text.replace(theirs, ours)
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text


def main() -> int:
    """Runs the program with the arguments of this one, in its place if the system can."""
    path = str(program())
    if os.name == "posix":
        os.execv(path, [path, *sys.argv[1:]])
    return subprocess.call([path, *sys.argv[1:]])
