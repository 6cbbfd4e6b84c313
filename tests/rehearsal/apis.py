"""Google's REST APIs that go with Pub/Sub, behind TLS: tokens (oauth2), and acting for another (iamcredentials)."""

import base64
import datetime as dt
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from accounts import Accounts, Refused
from authority import Certified

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ACCOUNT = re.compile(r"/v1/projects/([^/]+)/serviceAccounts/([^/]+)")
_KEYS = re.compile(r"/v1/projects/[^/]+/serviceAccounts/([^/]+)/keys")
_GENERATE = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")


class _Handler(BaseHTTPRequestHandler):
    server: "_Apis"
    protocol_version = "HTTP/1.1"

    @property
    def plain_path(self) -> str:
        """Without the query: gcloud says there in which form it wants the answer."""
        return self.path.partition("?")[0]

    def do_HEAD(self) -> None:
        self._answer(404, {})

    def do_GET(self) -> None:
        project = self.server.accounts.project
        if self.plain_path == f"/v1/projects/{project}":
            if self._allowed("resourcemanager.projects.get"):
                self._answer(200, {"projectId": project, "projectNumber": self.server.accounts.number})
        elif (match := _ACCOUNT.fullmatch(self.plain_path)) is not None and match[1] == project:
            if self._allowed("iam.serviceAccounts.get"):
                known = self.server.accounts.exists(match[2])
                self._answer(
                    *(200, {"email": match[2]}) if known else (404, _error(404, "Unknown service account", "NOT_FOUND"))
                )
        else:
            self._answer(404, _error(404, "Not found.", "NOT_FOUND"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.server.broken:
            self._answer(503, {"error": "temporarily_unavailable"})
        elif self.plain_path == "/token":
            self._token(parse_qs(body.decode()))
        elif (match := _GENERATE.fullmatch(self.plain_path)) is not None:
            self._generate(match[1], json.loads(body))
        elif self.plain_path == f"/v1/projects/{self.server.accounts.project}/serviceAccounts":
            self._create_account(json.loads(body))
        elif (match := _KEYS.fullmatch(self.plain_path)) is not None:
            self._create_key(match[1])
        else:
            self._answer(404, _error(404, "Not found.", "NOT_FOUND"))

    def _token(self, form: dict[str, list[str]]) -> None:
        if form.get("grant_type") != [_JWT_BEARER]:
            self._answer(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
            return
        try:
            self._answer(200, self.server.accounts.grant(form["assertion"][0]))
        except Refused as refused:
            self._answer(400, {"error": refused.error, "error_description": refused.description})

    def _generate(self, email: str, asked: dict[str, Any]) -> None:
        accounts = self.server.accounts
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        whose = accounts.whose(token)
        if whose is None:
            self._answer(401, _error(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED"))
            return
        if not accounts.may_impersonate(token):
            text = "Request had insufficient authentication scopes."
            self._answer(403, _error(403, text, "PERMISSION_DENIED"))
            return
        if self.server.impersonation_broken:
            self._answer(503, _error(503, "The service is currently unavailable.", "UNAVAILABLE"))
            return
        creators = self.server.creators.get(email, set())
        if not accounts.exists(email) or whose not in creators:
            text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            self._answer(403, _error(403, text, "PERMISSION_DENIED"))
            return
        lifetime_s = float(asked.get("lifetime", "3600s").removesuffix("s"))
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=lifetime_s)
        token = accounts.token_of(email, lifetime_s)["access_token"]
        self._answer(200, {"accessToken": token, "expireTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def _create_account(self, asked: dict[str, Any]) -> None:
        accounts = self.server.accounts
        email = accounts.email(asked["accountId"])
        if not self._allowed("iam.serviceAccounts.create"):
            return
        if accounts.exists(email):
            text = f"Service account {asked['accountId']} already exists within project projects/{accounts.project}."
            self._answer(409, _error(409, text, "ALREADY_EXISTS"))
            return
        accounts.create(asked["accountId"])
        self.server.unknown.add(email)
        self._answer(200, {"email": email, "projectId": accounts.project})

    def _create_key(self, email: str) -> None:
        if not self._allowed("iam.serviceAccountKeys.create"):
            return
        if email in self.server.unknown:  # what was made a moment ago is not known everywhere
            self.server.unknown.remove(email)
            self._answer(404, _error(404, f"Service account {email} does not exist.", "NOT_FOUND"))
        else:
            key = self.server.accounts.key(email)
            name = f"projects/{key['project_id']}/serviceAccounts/{email}/keys/{key['private_key_id']}"
            content = base64.b64encode(json.dumps(key).encode()).decode()
            self._answer(200, {"name": name, "privateKeyData": content})

    def _allowed(self, permission: str) -> bool:
        accounts = self.server.accounts
        whose = accounts.whose(self.headers.get("authorization", "").removeprefix("Bearer "))
        if whose is None:
            self._answer(401, _error(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED"))
            return False
        if not accounts.allowed(whose, permission, []):
            text = f"Permission '{permission}' denied on resource (or it may not exist)."
            self._answer(403, _error(403, text, "PERMISSION_DENIED"))
            return False
        return True

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class _Apis(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, accounts: Accounts, certified: Certified) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accounts = accounts
        self.creators: dict[str, set[str]] = {}
        self.unknown: set[str] = set()
        self.broken = False
        self.impersonation_broken = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified.chain, certified.key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate hangs up."""


@contextmanager
def served_apis(accounts: Accounts, certified: Certified) -> Iterator[_Apis]:
    """Serve them.

    Attributes of what is yielded: ``creators``, who may act for whom; ``broken``, whether every call fails, and
    ``impersonation_broken``, whether acting for another does.
    """
    with _Apis(accounts, certified) as apis:
        thread = threading.Thread(target=apis.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield apis
        finally:
            apis.shutdown()
            thread.join(10)


def _error(code: int, message: str, status: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}
