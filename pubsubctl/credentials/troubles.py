"""What Google's library says of credentials, in one line that says what mends it."""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from pubsubctl.credentials.asked import Asked
from pubsubctl.credentials.identity import Identity

_LOGIN = "gcloud auth application-default login"
_LONGEST = 300
_NO_TOKEN = re.compile(r".*Getting metadata from plugin failed with error: ")


def told(error: Exception, asked: Asked, identity: Identity | None) -> str:
    """One line: what is wrong with the credentials that were asked for, and the command that mends it.

    Args:
        error: what Google's library raised.
        asked: which credentials.
        identity: whose they are; None where that is not known yet.
    """
    said = " ".join(str(error.args[0] if error.args else error).split()).removesuffix(": None")
    everything = " ".join(str(part) for part in error.args)
    if identity is None:
        return _not_found(_cause(error) or said, asked)
    said = _answer_of(error) or said
    for pattern, explain in _REFUSED:
        if re.search(pattern, everything, re.IGNORECASE):
            return explain(identity, asked)
    if _is_transport(error):
        return f"no token for {_who(identity)}: {_unreachable(said)}"
    return f"no token for {_who(identity)}: {_short(said)}"


def plain(words: str) -> str:
    """What a call says, without what gRPC puts before these lines where a token cannot be had."""
    return _NO_TOKEN.sub("", words)


def _not_found(said: str, asked: Asked) -> str:
    if asked.file is not None:
        return (
            f"credentials_file {asked.file!r} (from {asked.source}) cannot be used: {_short(said)}; name the JSON key "
            f"of a service account, or leave it out and run `{_LOGIN}`"
        )
    if "were not found" in said:
        return f"there are no credentials here; run `{_LOGIN}`, or give --credentials-file FILE"
    return f"the application default credentials cannot be used: {_short(said)}; run `{_LOGIN}`"


def _answer_of(error: Exception) -> str | None:
    """What the service for impersonation said, which Google's library leaves in its answer."""
    try:
        return " ".join(str(json.loads(error.args[1])["error"]["message"]).split())
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _cause(error: BaseException) -> str:
    """What Google's library came upon, where it only says that something is wrong with a file."""
    return " ".join(str(error.__cause__).split()) if isinstance(error.__cause__, ValueError) else ""


def _unreachable(said: str) -> str:
    named = re.search(r"host='([^']+)'", said)
    host = named[1] if named else "the server that gives tokens"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return (
            f"the certificate of {host} is not trusted here; if a proxy looks into TLS, name the file of its authority "
            "in REQUESTS_CA_BUNDLE, and in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
        )
    if "ProxyError" in said:
        return f"the proxy on the way to {host} cannot be used; see HTTPS_PROXY"
    if "NameResolutionError" in said or "Name or service not known" in said:
        return f"{host} is not known here; see to the network, or set HTTPS_PROXY"
    refused = re.search(r"\[Errno -?\d+\] ([^')\"]+)", said)
    return f"{host} cannot be reached ({_short(refused[1] if refused else said)}); see to the network"


def _key_refused(identity: Identity, asked: Asked) -> str:
    file = shlex.quote(asked.file or "key.json")
    return (
        f"{_signer(identity)} has no such key (any more) as that in {identity.source}; make another with "
        f"`gcloud iam service-accounts keys create {file} --iam-account={_signer(identity)}`"
    )


def _no_account(identity: Identity, asked: Asked) -> str:
    del asked
    project = identity.project or "PROJECT"
    return (
        f"there is no service account {_signer(identity)} (any more); see "
        f"`gcloud iam service-accounts list --project={project}`"
    )


def _no_target(identity: Identity, asked: Asked) -> str:
    del identity
    return f"there is no service account {asked.impersonate}; see `gcloud iam service-accounts list`"


def _disabled(identity: Identity, asked: Asked) -> str:
    del asked
    return f"{_signer(identity)} is disabled; run `gcloud iam service-accounts enable {_signer(identity)}`"


def _clock(identity: Identity, asked: Asked) -> str:
    del asked
    return f"no token for {_who(identity)}: the clock of this machine is wrong; run `timedatectl set-ntp true`"


def _login_over(identity: Identity, asked: Asked) -> str:
    del asked
    return f"the login in {identity.source} is over, or was revoked; run `{_LOGIN}`"


def _may_not_impersonate(identity: Identity, asked: Asked) -> str:
    return (
        f"{identity.via} may not act as {asked.impersonate}; run `gcloud iam service-accounts add-iam-policy-binding "
        f"{asked.impersonate} --member={_member(identity.via)} --role=roles/iam.serviceAccountTokenCreator`"
    )


def _no_impersonation(identity: Identity, asked: Asked) -> str:
    return (
        f"acting as {asked.impersonate} needs an API that is not enabled; run `gcloud services enable "
        f"iamcredentials.googleapis.com --project={identity.project or 'PROJECT'}`"
    )


_REFUSED: tuple[tuple[str, Callable[[Identity, Asked], str]], ...] = (
    (r"iamcredentials.*(has not been used|is disabled)|SERVICE_DISABLED", _no_impersonation),
    (r"iam\.serviceAccounts\.getAccessToken", _may_not_impersonate),
    (r"short-lived token|iat and exp|reasonable timeframe", _clock),
    (r"invalid jwt signature|no valid verifier|invalid_jwt", _key_refused),
    (r"account (has been |is )?(disabled|deactivated)", _disabled),
    (r"account not found|not a valid email or user id", _no_account),
    (r"gaia id not found|unknown service account", _no_target),
    (r"expired or revoked|reauth|invalid_rapt|Token has been revoked", _login_over),
)


def _member(principal: str | None) -> str:
    return Identity(principal if principal and "@" in principal else None, "", "").member


def _signer(identity: Identity) -> str:
    """Whose key or login it is: who acts for another, where somebody does."""
    return (identity.via if identity.via and "@" in identity.via else None) or _who(identity)


def _who(identity: Identity) -> str:
    return identity.principal or "your login"


def _is_transport(error: Any) -> bool:
    from google.auth import exceptions

    return isinstance(error, exceptions.TransportError)


def _short(said: str) -> str:
    said = said.strip().rstrip(".")
    return said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."
