"""Files that are written from templates: ``{{key}}`` stands for a value."""

import re
from collections.abc import Mapping
from importlib import resources

_ALONE = re.compile(r"^([ ]*)\{\{(\w+)\}\}\n", re.MULTILINE)
_WITHIN = re.compile(r"\{\{(\w+)\}\}")


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
    text = _ALONE.sub(lambda found: _indented(values[found[2]], found[1]), text)
    return _WITHIN.sub(lambda found: values[found[1]], text)


def _indented(value: str, by: str) -> str:
    return "".join(f"{by}{line}\n" if line else "\n" for line in value.splitlines())
