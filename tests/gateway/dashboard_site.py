"""The dashboard as it is served: on waitress, of a real store, asked as a browser asks."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from urllib.parse import urlencode

import waitress
from flask import Flask
from waitress import wasyncore

from pubsubctl import Client
from pubsubctl.gateway.dashboard.blueprint import blueprint

TOKEN = "a-token-that-nobody-guesses"


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Site:
    """A dashboard, and a browser's memory of it.

    Attributes:
        cookies: as the browser keeps them.
    """

    client: Client
    token: str | None = None
    hosts: tuple[str, ...] = ()
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        app = Flask("gateway")
        app.register_blueprint(blueprint(self.client, token=self.token, hosts=self.hosts))
        self.server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
        self.port = int(self.server.effective_port)
        self.host = f"127.0.0.1:{self.port}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            wasyncore.loop(timeout=1, count=1, map=self.server._map)

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: str | list[str]) -> Answer:
        return self.ask("GET", path + ("?" + urlencode(query, doseq=True) if query else ""), headers)

    def post(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        /,
        *,
        of: str | None = None,
        **fields: str | list[str],
    ) -> Answer:
        """Send a form, as it comes from our own page ``of``, if that is given."""
        token = {"csrf": self.form_token(of)} if of is not None else {}
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.host}"}
        return self.ask("POST", path, sent | dict(headers or {}), urlencode(token | fields, doseq=True))

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = "") -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        connection.request(method, path, body or None, sent | dict(headers or {}))
        found = connection.getresponse()
        answer = Answer(found.status, found.headers, found.read())
        connection.close()
        for cookie in found.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    def form_token(self, page: str) -> str:
        """The form token in a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert found is not None, f"{page} has no form that does anything"
        return found[1]

    def sign_in(self) -> Answer:
        return self.post("/_dashboard/login", token=self.token or "")

    def close(self) -> None:
        self._over.set()
        self.server.pull_trigger()
        self._thread.join(10)
        self.server.task_dispatcher.shutdown()
        wasyncore.close_all(self.server._map)
