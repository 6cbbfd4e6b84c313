"""Requests to pypiserver (https://github.com/pypiserver/pypiserver), a bare WSGI application made with bottle.

They are a sequence: each finds the packages that those before it have left.
"""

from comparing import Case, Varying

from pubsubctl.exchange import Header

FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=frontier")
XML = ("Content-Type", "text/xml")
HTML = ("Accept", "text/html")

# When the file was stored, and when it was found not to have changed.
SERVED = (Varying(rb"\A(.{29})\Z", header="Last-Modified"),)
NOT_MODIFIED = (Varying(rb"\A(.{29})\Z", header="Date"),)

WHEEL = b"PK\x03\x04" + bytes(range(256)) * 20
LARGE = b"\x1f\x8b" + b"0123456789abcdef" * 312_500
SEARCH = (
    b"<?xml version='1.0'?><methodCall><methodName>search</methodName>"
    b"<params><param><value><string>%s</string></value></param></params></methodCall>"
)


def upload(
    name: str, status: int, filename: str, content: bytes, *headers: Header, action: str = "file_upload"
) -> Case:
    body = b"".join(
        [
            _part('name=":action"', action.encode()),
            _part('name="protocol_version"', b"1"),
            _part('name="summary"', "Grüße, 日本".encode()),
            _part(f'name="content"; filename="{filename}"', content, b"Content-Type: application/octet-stream\r\n"),
            b"--frontier--\r\n",
        ]
    )
    return Case(f"upload-{name}", status, "POST", "/", (MULTIPART, *headers), body)


def _part(disposition: str, content: bytes, more: bytes = b"") -> bytes:
    head = f"--frontier\r\nContent-Disposition: form-data; {disposition}\r\n".encode()
    return head + more + b"\r\n" + content + b"\r\n"


UPLOADS = [
    Case("index-empty", 200, "GET", "/simple/"),
    Case("packages-empty", 200, "GET", "/packages/"),
    upload("wheel", 200, "Some_Thing-1.0-py3-none-any.whl", WHEEL),
    upload("sdist", 200, "some-thing-0.9.tar.gz", b"\x1f\x8b\x08 not really"),
    upload("large", 200, "large-2.0.tar.gz", LARGE),
    upload("local-version", 200, "plus-1.0+local.1.zip", b"PK\x05\x06" + bytes(18)),
    upload("empty", 200, "nothing-0.1.tar.gz", b""),
    upload("again", 409, "some-thing-0.9.tar.gz", b"other"),
    upload("again-by-twine", 400, "some-thing-0.9.tar.gz", b"other", ("User-Agent", "twine/5.0")),
    upload("bad-name", 400, "../../etc/passwd", b"x"),
    upload("name-not-ascii", 400, "café-1.0.tar.gz", b"x"),
    upload("not-a-package", 400, "readme.txt", b"x"),
    upload("verify", 200, "x-1.0.tar.gz", b"x", action="verify"),
    upload("unknown-action", 400, "x-1.0.tar.gz", b"x", action="dance"),
    upload("docs-not-a-zip", 400, "docs.zip", b"no zip", action="doc_upload"),
    Case("upload-without-file", 400, "POST", "/", (FORM,), b"%3Aaction=file_upload"),
    Case("upload-without-action", 400, "POST", "/", (FORM,), b"a=1"),
    Case("upload-without-body", 400, "POST", "/"),
]

PAGES = [
    Case("root", 200, "GET", "/", (HTML,)),
    Case("root-by-host", 200, "GET", "/?a=1", (("Host", "pypi.example.test:8080"),)),
    Case("root-forwarded", 200, "GET", "/", (("X-Forwarded-Host", "a.test, b"), ("X-Forwarded-Proto", "https"))),
    Case("root-head", 200, "HEAD", "/"),
    Case("root-options", 405, "OPTIONS", "/"),
    Case("root-put", 405, "PUT", "/", (FORM,), b"a=1"),
    Case("health", 200, "GET", "/health"),
    Case("favicon", 404, "GET", "/favicon.ico"),
    Case("index", 200, "GET", "/simple/"),
    Case("index-head", 200, "HEAD", "/simple/"),
    Case("index-without-slash", 301, "GET", "/simple"),
    Case("index-two-slashes", 404, "GET", "/simple//"),
    Case("index-begins-with-two-slashes", 404, "GET", "//simple/"),
    Case("project", 200, "GET", "/simple/some-thing/"),
    Case("project-query", 200, "GET", "/simple/some-thing/?format=html&q=%C3%A9"),
    Case("project-without-slash", 301, "GET", "/simple/some-thing"),
    Case("project-to-be-normalized", 301, "GET", "/simple/Some_Thing/"),
    Case("project-unknown", 404, "GET", "/simple/no-such-thing/"),
    Case("project-utf8-encoded", 301, "GET", "/simple/caf%C3%A9/"),
    Case("project-utf8-raw", 301, "GET", "/simple/café/"),
    Case("project-encoded-slash", 404, "GET", "/simple/a%2Fb/"),
    Case("project-params", 301, "GET", "/simple/some-thing;v=1/"),
    Case("project-newline", 301, "GET", "/simple/some%0Athing/"),
    Case("project-elsewhere", 303, "GET", "/some-thing/"),
    Case("project-json", 200, "GET", "/some-thing/json"),
    Case("project-json-unknown", 404, "GET", "/no-such-thing/json"),
    Case("packages", 200, "GET", "/packages/"),
    Case("packages-without-slash", 301, "GET", "/packages"),
    Case("query-over-several-attributes", 200, "GET", "/simple/?q=" + "0123456789" * 500),
    Case("header-over-a-kilobyte", 200, "GET", "/simple/", (("Authorization", "Bearer " + "e" * 3000),)),
    Case("search", 200, "POST", "/RPC2", (XML,), SEARCH % b"thing"),
    Case("search-nothing", 200, "POST", "/RPC2", (XML,), SEARCH % "日本".encode()),
    Case("search-broken", 400, "POST", "/RPC2", (XML,), b"<methodCall>"),
    Case("search-by-get", 303, "GET", "/RPC2"),
]

FILES = [
    Case("file", 200, "GET", "/packages/Some_Thing-1.0-py3-none-any.whl", varies=SERVED),
    Case("file-head", 200, "HEAD", "/packages/Some_Thing-1.0-py3-none-any.whl", varies=SERVED),
    Case("file-large", 200, "GET", "/packages/large-2.0.tar.gz", varies=SERVED),
    Case("file-empty", 200, "GET", "/packages/nothing-0.1.tar.gz", varies=SERVED),
    Case("file-plus-encoded", 200, "GET", "/packages/plus-1.0%2Blocal.1.zip", varies=SERVED),
    Case("file-plus-raw", 200, "GET", "/packages/plus-1.0+local.1.zip", varies=SERVED),
    Case("file-range", 206, "GET", "/packages/large-2.0.tar.gz", (("Range", "bytes=1000-4999"),), varies=SERVED),
    Case("file-range-suffix", 206, "GET", "/packages/large-2.0.tar.gz", (("Range", "bytes=-3"),), varies=SERVED),
    Case("file-range-beyond", 416, "GET", "/packages/large-2.0.tar.gz", (("Range", "bytes=9999999-"),)),
    Case(
        "file-not-modified",
        304,
        "GET",
        "/packages/large-2.0.tar.gz",
        (("If-Modified-Since", "Fri, 31 Dec 2099 23:59:59 GMT"),),
        varies=NOT_MODIFIED,
    ),
    Case("file-unknown", 404, "GET", "/packages/no-such-thing-1.0.tar.gz"),
    Case("file-above", 404, "GET", "/packages/../../etc/passwd"),
    Case("file-above-encoded", 404, "GET", "/packages/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
    Case("remove", 200, "POST", "/", (FORM,), b"%3Aaction=remove_pkg&name=some-thing&version=0.9"),
    Case("remove-again", 404, "POST", "/", (FORM,), b"%3Aaction=remove_pkg&name=some-thing&version=0.9"),
    Case("remove-without-version", 400, "POST", "/", (FORM,), b"%3Aaction=remove_pkg&name=some-thing"),
    Case("file-removed", 404, "GET", "/packages/some-thing-0.9.tar.gz"),
]

CASES = [*UPLOADS, *PAGES, *FILES]
