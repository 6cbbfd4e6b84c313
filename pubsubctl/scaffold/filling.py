"""Files that are written from templates: ``{{key}}`` stands for a value."""

import re
from collections.abc import Mapping
from importlib import resources

_KEY = re.compile(r"^([ ]*)\{\{(\w+)\}\}\n|\{\{(\w+)\}\}", re.MULTILINE)
"""First the one that has a line to itself, with its indent; both at once, as braces in a value are only text."""


def filled(package: str, name: str, values: Mapping[str, str]) -> str:
    """The text of a template in a package's ``files``.

    Args:
        package: the package's full name.
        name: of the file, without ``.template``.
        values: what goes where. A value that has lines of its own, or none, has a line of the template to itself: each
            of its lines is indented as far as that, and with none the line is gone.

    Raises:
        KeyError: a key of the template has no value.
    """
    text = (resources.files(package) / "files" / f"{name}.template").read_text(encoding="utf-8")
    return _KEY.sub(lambda found: values[found[3]] if found[3] else _indented(values[found[2]], found[1]), text)


def _indented(value: str, by: str) -> str:
    return "".join(f"{by}{line}\n" if line else "\n" for line in value.splitlines())
