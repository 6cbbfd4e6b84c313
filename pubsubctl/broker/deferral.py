"""A package whose own module runs when something of it is asked for, and not as soon as a module below it is.

``google.pubsub_v1`` imports every client that it has, for threads and for asyncio, over gRPC and over REST, though what
is asked of it is the shape of a message: half a second, in which `submit` could have published.
"""

import contextlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def defer(name: str, *, but: Collection[str]) -> None:
    """Have a package's own module wait; it changes nothing where the package is imported already, or not installed.

    Args:
        name: of the package.
        but: the modules and packages right below it that can be imported without it.
    """
    if name in sys.modules:
        return
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # its parent is not installed either
        return
    if spec is not None and spec.submodule_search_locations is not None:
        module = sys.modules[name] = _Deferred(spec, frozenset(but))
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)  # as an import does


_OF_PACKAGES = frozenset({"__all__", "__version__"})


class _Deferred(ModuleType):
    """Stands for a package, and becomes it."""

    def __init__(self, spec: ModuleSpec, but: frozenset[str]) -> None:
        super().__init__(spec.name)
        self.__spec__ = spec
        self.__loader__ = spec.loader
        self.__package__ = spec.name
        self.__file__ = spec.origin
        self.__cached__ = spec.cached
        self.__path__ = list(spec.submodule_search_locations or ())
        self._but = but
        self._running = threading.RLock()
        self._has_begun = False

    def __getattr__(self, name: str) -> Any:
        """What it does not have yet."""
        if name in self._but:
            return importlib.import_module(f"{self.__name__}.{name}")
        if name.startswith("__") and name not in _OF_PACKAGES:  # whoever looks through all modules asks each for such
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with self._running:  # others wait until it is whole
            if not self._has_begun:
                self._has_begun = True
                self._run()
            return super().__getattribute__(name)

    def __dir__(self) -> list[str]:
        with contextlib.suppress(AttributeError):
            getattr(self, "__all__")  # noqa: B009 - it runs
        return list(super().__dir__())

    def __reduce__(self) -> tuple[Any, ...]:
        """By its name, as those do it that can pickle modules."""
        return importlib.import_module, (self.__name__,)

    def _run(self) -> None:
        loader = self.__spec__.loader if self.__spec__ is not None else None
        assert loader is not None
        kept = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        try:
            loader.exec_module(self)
        except BaseException:
            self._has_begun = False
            raise
        vars(self).update(kept)  # what somebody, such as a test, has put in its place already
