"""Service accounts: their keys, the tokens that they were given, and what they may do."""

import base64
import json
import secrets
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN_URI = "https://oauth2.googleapis.com/token"

# https://cloud.google.com/pubsub/docs/access-control#roles
_VIEWS = {f"pubsub.{kind}.{verb}" for kind in ("topics", "subscriptions", "snapshots") for verb in ("get", "list")}
_EDITS = {
    f"pubsub.{kind}.{verb}"
    for kind in ("topics", "subscriptions", "snapshots")
    for verb in ("create", "delete", "update")
}
_PUBLISHES = {"pubsub.topics.publish"}
_SUBSCRIBES = {"pubsub.subscriptions.consume", "pubsub.topics.attachSubscription", "pubsub.snapshots.seek"}
_GOVERNS = {
    f"pubsub.{kind}.{verb}" for kind in ("topics", "subscriptions") for verb in ("getIamPolicy", "setIamPolicy")
}
_SEES_PROJECT = {"resourcemanager.projects.get"}
ROLES = {
    "roles/iam.serviceAccountAdmin": {"iam.serviceAccounts.create", "iam.serviceAccounts.get"} | _SEES_PROJECT,
    "roles/iam.serviceAccountKeyAdmin": {"iam.serviceAccountKeys.create"} | _SEES_PROJECT,
    "roles/pubsub.viewer": _VIEWS | _SEES_PROJECT,
    "roles/pubsub.publisher": _PUBLISHES,
    "roles/pubsub.subscriber": _SUBSCRIBES,
    "roles/pubsub.editor": _VIEWS | _EDITS | _PUBLISHES | _SUBSCRIBES | _SEES_PROJECT,
    "roles/pubsub.admin": _VIEWS | _EDITS | _PUBLISHES | _SUBSCRIBES | _GOVERNS | _SEES_PROJECT,
}


class Refused(Exception):
    """Google's token endpoint says no: its error, and its description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Accounts:
    """All that is known of accounts in one project.

    Attributes:
        bindings: roles on the whole project by member.
        number: the project's.
        lifetime_s: how long a token is good for.
        ahead_s: how far its clock is ahead of this machine's.
        granted: how many tokens were given.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.lifetime_s = 3600
        self.ahead_s = 0
        self.bindings: dict[str, set[str]] = defaultdict(set)
        self.granted = 0
        self._lock = threading.Lock()
        self.number = "123456789012"
        self._keys: dict[str, dict[str, rsa.RSAPublicKey]] = {}
        self._disabled: set[str] = set()
        self._scopes: dict[str, list[str]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def email(self, name: str) -> str:
        return f"{name}@{self.project}.iam.gserviceaccount.com"

    def create(self, name: str, *roles: str) -> str:
        """A service account with roles on the project; its e-mail address."""
        email = self.email(name)
        self._keys.setdefault(email, {})
        self.bindings[f"serviceAccount:{email}"].update(roles)
        return email

    def exists(self, email: str) -> bool:
        return email in self._keys

    def key(self, email: str) -> dict[str, Any]:
        """A new key of an account, as its JSON file has it."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key_id = secrets.token_hex(20)
        self._keys[email][key_id] = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": key_id,
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": str(secrets.randbelow(10**21)),
            "token_uri": TOKEN_URI,
            "universe_domain": "googleapis.com",
        }

    def key_file(self, email: str, path: Path) -> Path:
        """The same, as a file that its owner alone can read."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.key(email)))
        return path

    def revoke_keys(self, email: str) -> None:
        self._keys[email].clear()

    def delete(self, email: str) -> None:
        del self._keys[email]

    def disable(self, email: str) -> None:
        self._disabled.add(email)

    def expire(self) -> None:
        """Every token that was given is too old from now on."""
        with self._lock:
            self._tokens.clear()

    def grant(self, assertion: str) -> dict[str, Any]:
        """A token for a JWT that the key of an account has signed.

        Raises:
            Refused: as Google's endpoint would.
        """
        claims = self._verified(assertion)
        return self.token_of(claims["iss"], scope=claims["scope"])

    def token_of(self, email: str, lifetime_s: float | None = None, scope: str = "") -> dict[str, Any]:
        lifetime_s = lifetime_s or self.lifetime_s
        token = f"ya29.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._tokens[token] = (email, time.time() + lifetime_s)
            self._scopes[token] = scope.split()
            self.granted += 1
        return {"access_token": token, "expires_in": int(lifetime_s), "token_type": "Bearer"}

    def whose(self, token: str) -> str | None:
        """Who was given a token that is still good."""
        with self._lock:
            email, until = self._tokens.get(token, ("", 0.0))
        return email if time.time() < until and email in self._keys and email not in self._disabled else None

    def may_impersonate(self, token: str) -> bool:
        """Whether the scope of a token is one that acting for another takes."""
        wanted = {f"https://www.googleapis.com/auth/{scope}" for scope in ("cloud-platform", "iam")}
        return bool(wanted.intersection(self._scopes.get(token, ())))

    def allowed(self, email: str, permission: str, policies: list[dict[str, set[str]]]) -> bool:
        """Whether an account has a permission: by its roles on the project, or on a resource."""
        member = f"serviceAccount:{email}"
        roles = set(self.bindings[member]).union(*(policy.get(member, set()) for policy in policies))
        return any(permission in ROLES.get(role, set()) for role in roles)

    def _verified(self, assertion: str) -> dict[str, Any]:
        import jwt

        try:
            head, claims = (json.loads(_decoded(part)) for part in assertion.split(".")[:2])
        except ValueError as error:
            raise Refused("invalid_grant", "Invalid JWT: it cannot be read.") from error
        email = claims.get("iss", "")
        if email not in self._keys:
            raise Refused("invalid_grant", "Invalid grant: account not found")
        if email in self._disabled:
            raise Refused("invalid_grant", "Account has been disabled")
        public = self._keys[email].get(head.get("kid", ""))
        if public is None:
            raise Refused("invalid_grant", "Invalid JWT Signature.")
        now = time.time() + self.ahead_s
        if not claims["iat"] - 600 <= now <= claims["exp"] or claims["exp"] - claims["iat"] > 3700:
            raise Refused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        try:
            found: dict[str, Any] = jwt.decode(
                assertion,
                public,
                algorithms=["RS256"],
                audience=TOKEN_URI,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise Refused("invalid_grant", "Invalid JWT Signature.") from error
        if not found.get("scope"):
            raise Refused("invalid_scope", "Empty or missing scope not allowed.")
        return found


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
