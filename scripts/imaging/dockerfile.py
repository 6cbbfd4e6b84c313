"""A Dockerfile, read: as much of its language as ``pubsubctl init`` writes."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FLAG = re.compile(r"--([a-z-]+)=(\S+)\s+")


@dataclass(frozen=True)
class Instruction:
    """One of them.

    Attributes:
        name: in upper case.
        flags: such as ``{"from": "build"}``.
        text: the rest.
    """

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The text as words of a shell."""
        return shlex.split(self.text)

    @property
    def command(self) -> list[str]:
        """The text in exec form; in shell form, signals would reach a shell.

        Raises:
            ValueError: it is not in exec form.
        """
        found: list[str] = json.loads(self.text)
        return found


@dataclass(frozen=True)
class Stage:
    """What follows a FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    found: list[Stage] = []
    for instruction in _instructions(path.read_text(encoding="utf-8")):
        if instruction.name == "FROM":
            base, *named = instruction.words
            found.append(Stage(base, named[1] if named else str(len(found))))
        elif found:
            found[-1].instructions.append(instruction)
        elif instruction.name != "ARG":
            raise ValueError(f"{instruction.name} before the first FROM")
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        flags: dict[str, str] = {}
        rest = rest.strip()
        while found := _FLAG.match(rest):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        yield Instruction(name.upper(), flags, rest)
