"""The published applications that are run, each as it came from PyPI."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests_httpbin
import requests_moto
import requests_pypiserver
from comparing import Application, Case, quiet

from pubsubctl.exchange import Response
from pubsubctl.worker.application import load


@dataclass(frozen=True)
class Published:
    """An application and what it is asked.

    Attributes:
        target: what ``pubsubctl worker start`` is told; None leaves it to find the wsgi.py.
        wsgi: the wsgi.py that it is started by, where it needs one.
    """

    name: str
    cases: Sequence[Case]
    target: str | None = None
    wsgi: str | None = None

    def prepare(self, folder: Path) -> None:
        """Make ``folder`` one that the application can be started in."""
        (folder / "packages").mkdir()
        if self.wsgi is not None:
            (folder / "wsgi.py").write_text(self.wsgi)

    def answers(self, run: Callable[[Application, Case], Response], folder: Path) -> dict[str, Response]:
        """What ``run`` makes of every case, in their order, by an application that has ``folder`` to itself."""
        self.prepare(folder)
        with quiet(), _own_imports(), chdir(folder):
            application = load(self.target or str(folder / "wsgi.py"))
            return {case.id: run(application, case) for case in self.cases}


@contextmanager
def _own_imports() -> Iterator[None]:
    """Take back what an application does to the import system: its path, and the finder that bottle adds.

    Others' finders stay: six's, once added, serves all who import from six.moves later.
    """
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "_ImportRedirect"]


HTTPBIN = Published("httpbin", requests_httpbin.CASES, target="httpbin:app")
MOTO = Published(
    "moto",
    requests_moto.CASES,
    wsgi="from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app\n\n"
    "app = DomainDispatcherApplication(create_backend_app)\n",
)
PYPISERVER = Published(
    "pypiserver",
    requests_pypiserver.CASES,
    target="pypiserver:app(root='packages', disable_fallback=True, authenticate=[], password_file='.')",
)

ALL = (HTTPBIN, MOTO, PYPISERVER)
