"""Requests to httpbin (https://httpbin.org), a Flask application that shows what it was sent."""

import gzip
import json

from comparing import Case, Varying

FORM = ("Content-Type", "application/x-www-form-urlencoded")
TEXT = ("Content-Type", "text/plain")
JSON = ("Content-Type", "application/json")
BINARY = ("Content-Type", "application/octet-stream")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=frontier")

# What gzip writes into its header, RFC 1952 section 2.3.1: the time.
GZIP_TIME = Varying(rb"\A\x1f\x8b\x08.(....)")
UUID = Varying(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
FRESH_ETAG = Varying(rb"\A([0-9a-f]{32})\Z", header="ETag")
NOW = Varying(rb"\A(.{29})\Z", header="Last-Modified")
NONCES = Varying(rb"(?:nonce|opaque)=\"?([0-9a-f]{32})", header="WWW-Authenticate")

COMPRESSED = gzip.compress(b"x" * 99, mtime=0)

UPLOAD = (
    b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\nagain\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="text"; filename="a.txt"\r\nContent-Type: text/plain\r\n'
    b"\r\nline\r\n\r\nline\r\n"
    b'--frontier\r\nContent-Disposition: form-data; name="raw"; filename="\xe6\x97\xa5.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n-\r\n--frontie\r\n"
    b'--frontier\r\nContent-Disposition: form-data; name="empty"; filename="e"\r\n\r\n\r\n'
    b"--frontier--\r\n"
)

QUERIES = [
    Case("query", 200, "GET", "/get?a=1&b=two"),
    Case("query-repeated", 200, "GET", "/get?a=1&a=2&b=&c"),
    Case("query-empty", 200, "GET", "/get?"),
    Case("query-odd", 200, "GET", "/get?&&=x&a==b&?=?;d=1"),
    Case("query-plus-and-percent", 200, "GET", "/get?q=a+b%20c%2Bd%26e%3Df"),
    Case("query-utf8-encoded", 200, "GET", "/get?q=%C3%A9%E6%97%A5"),
    Case("query-utf8-raw", 200, "GET", "/get?q=é日"),
    Case("query-not-utf8", 200, "GET", "/get?q=%FF%FE"),
    Case("query-newline", 200, "GET", "/get?q=a%0D%0Ab%00c"),
    Case("query-over-several-attributes", 200, "GET", "/get?q=" + "0123456789" * 700),
    Case("query-cut-inside-a-character", 200, "GET", "/get?q=x" + "é" * 2000),
]

PATHS = [
    Case("path-utf8-encoded", 200, "GET", "/anything/na%C3%AFve/%E6%97%A5%E6%9C%AC"),
    Case("path-utf8-raw", 200, "GET", "/anything/naïve/日本"),
    Case("path-not-utf8", 200, "GET", "/anything/%FF%C3"),
    Case("path-encoded-slash", 200, "GET", "/anything/a%2Fb%2f"),
    Case("path-encoded-question-mark", 200, "GET", "/anything/what%3Fa=1?b=%23"),
    Case("path-encoded-newline", 404, "GET", "/anything/a%0Ab%0D%00c"),
    Case("path-params", 200, "GET", "/anything/a;v=1/b;w=2,3"),
    Case("path-space-and-quotes", 200, "GET", "/anything/a b\"c'd<e>|\\^`{}[]"),
    Case("path-double-percent", 200, "GET", "/anything/100%25%2525%"),
    Case("path-colon-and-at", 200, "GET", "/anything/http://u:p@h:80/x"),
    Case("path-dots", 200, "GET", "/anything/./a/../b"),
    Case("path-empty-segment", 308, "GET", "/anything//a///b?x=1"),
    Case("path-begins-with-two-slashes", 200, "GET", "//anything/a"),
    Case("path-trailing-slash", 404, "GET", "/get/"),
    Case("path-root", 200, "GET", "/"),
    Case("path-unknown", 404, "GET", "/no/such/thing"),
    Case("path-over-several-attributes", 200, "GET", "/anything/" + "a%2F" * 900),
]

BODIES = [
    Case("form", 200, "POST", "/post", (FORM,), b"a=1&b=two+words&c=%C3%A9&a=2&d"),
    Case("form-put", 200, "PUT", "/put?x=1", (FORM,), b"a=1"),
    Case("form-without-type", 200, "POST", "/post", (), b"a=1&b=2"),
    Case("multipart", 200, "POST", "/post", (MULTIPART,), UPLOAD),
    Case("multipart-cut-short", 200, "POST", "/post", (MULTIPART,), UPLOAD[:200]),
    Case("json", 200, "POST", "/post", (JSON,), '{"a": [1, 2.5, null, "é日"]}'.encode()),
    Case("json-broken", 200, "POST", "/post", (JSON,), b'{"a": '),
    Case("json-patch", 200, "PATCH", "/patch", (JSON,), b'{"op": "x"}'),
    Case("json-delete", 200, "DELETE", "/delete?id=1", (JSON,), b"[1]"),
    Case("json-utf16", 200, "POST", "/post", (JSON,), json.dumps({"a": "é"}).encode("utf-16")),
    Case("binary", 200, "POST", "/post", (BINARY,), bytes(range(256)) * 4),
    Case("binary-nulls", 200, "PUT", "/put", (BINARY,), bytes(1000)),
    Case("text-latin-1", 200, "POST", "/post", (("Content-Type", "text/plain; charset=latin-1"),), b"caf\xe9"),
    Case("body-compressed", 200, "POST", "/post", (BINARY, ("Content-Encoding", "gzip")), COMPRESSED),
    Case("body-of-a-get", 200, "GET", "/anything", (FORM,), b"a=1"),
    Case("body-empty-post", 200, "POST", "/post"),
    Case("body-empty-put-with-type", 200, "PUT", "/put", (JSON,)),
    Case("body-empty-delete", 200, "DELETE", "/delete"),
    Case("body-of-four-megabytes", 200, "POST", "/post", (TEXT,), b"0123456789abcdef" * 250_000),
    Case("body-near-the-limit", 201, "PUT", "/status/201", (BINARY,), bytes(9_997_000)),
]

HEADERS = [
    Case("headers", 200, "GET", "/headers", (("X-One", "1"), ("x-TWO", "2"), ("Accept", "*/*"))),
    Case("headers-repeated", 200, "GET", "/headers", (("X-A", "1"), ("X-B", "b"), ("X-A", "2, 3"), ("x-a", "4"))),
    Case("headers-empty-value", 200, "GET", "/headers", (("X-Empty", ""),)),
    Case("headers-latin-1-value", 200, "GET", "/headers", (("X-Name", "caf\xe9 \xff"),)),
    Case("headers-with-dots", 200, "GET", "/headers", (("X.1", "a"), ("X", "b" * 1500), ("X-A%2e", "c"))),
    Case("headers-over-a-kilobyte", 200, "GET", "/headers", (("Authorization", "Bearer " + "e" * 5000),)),
    Case("headers-eighty", 200, "GET", "/headers", tuple((f"X-{n:02}", f"v{n}") for n in range(80))),
    Case("headers-host", 200, "GET", "/get", (("Host", "api.example.test:8080"),)),
    Case("headers-forwarded-for", 200, "GET", "/ip", (("X-Forwarded-For", "203.0.113.9, 10.0.0.1"),)),
    Case("headers-origin", 200, "GET", "/get", (("Origin", "https://example.test"),)),
    Case("address", 200, "GET", "/ip"),
    Case("user-agent", 200, "GET", "/user-agent", (("User-Agent", "curl/8.5.0 (é)"),)),
    Case("cookies-sent", 200, "GET", "/cookies", (("Cookie", 'a=1; b="two words"; c=%C3%A9; d'),)),
    Case("cookies-set", 302, "GET", "/cookies/set?b=2&a=1&c=%C3%A9%20x"),
    Case("cookies-set-one", 302, "GET", "/cookies/set/name/value"),
    Case("cookies-deleted", 302, "GET", "/cookies/delete?a&b"),
    Case("response-headers-repeated", 200, "GET", "/response-headers?X-A=1&X-A=2&X-B=%C3%A9"),
]

STATUSES = [
    Case(f"status-{status}", status, "GET", f"/status/{status}")
    for status in (
        *(200, 201, 202, 203, 204, 205, 206, 226, 299),
        *(300, 301, 302, 303, 304, 305, 307, 308),
        *(400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 425),
        *(426, 428, 429, 431, 451, 499),
        *(500, 501, 502, 503, 504, 505, 507, 511, 520, 599),
    )
]

ANSWERS = [
    Case("redirect-relative", 302, "GET", "/redirect/3"),
    Case("redirect-absolute", 302, "GET", "/absolute-redirect/2"),
    Case("redirect-to-elsewhere", 307, "POST", "/redirect-to?status_code=307&url=http%3A%2F%2Fx.test%2F%C3%A9"),
    Case("gzip", 200, "GET", "/gzip", varies=(GZIP_TIME,)),
    Case("deflate", 200, "GET", "/deflate"),
    Case("brotli", 200, "GET", "/brotli"),
    Case("utf8", 200, "GET", "/encoding/utf8"),
    Case("html", 200, "GET", "/html"),
    Case("xml", 200, "GET", "/xml"),
    Case("image-png", 200, "GET", "/image/png"),
    Case("image-chosen", 200, "GET", "/image", (("Accept", "image/webp,image/*;q=0.5"),)),
    Case("image-not-acceptable", 406, "GET", "/image", (("Accept", "application/json"),)),
    Case("random-id", 200, "GET", "/uuid", varies=(UUID,)),
    Case("random-bytes-seeded", 200, "GET", "/bytes/5000?seed=42"),
    Case("base64", 200, "GET", "/base64/aMOpbGxvIHfDtnJsZA=="),
    Case("links-page", 200, "GET", "/links/5/2"),
    Case("stream-lines", 200, "GET", "/stream/20?x=1"),
    Case("stream-none", 200, "GET", "/stream/0"),
    Case("stream-bytes", 200, "GET", "/stream-bytes/100000?seed=7&chunk_size=1000"),
    Case("drip", 200, "GET", "/drip?duration=0&numbytes=50&code=200&delay=0"),
    Case("range", 206, "GET", "/range/2048?chunk_size=100", (("Range", "bytes=100-299"),)),
    Case("range-suffix", 206, "GET", "/range/2048", (("Range", "bytes=-10"),)),
    Case("range-not-satisfiable", 416, "GET", "/range/26", (("Range", "bytes=100-200"),)),
    Case("etag-matches", 304, "GET", "/etag/abc", (("If-None-Match", 'W/"x", "abc"'),)),
    Case("etag-differs", 412, "GET", "/etag/abc", (("If-Match", '"x"'),)),
    Case("cache-fresh", 200, "GET", "/cache", varies=(FRESH_ETAG, NOW)),
    Case("cache-not-modified", 304, "GET", "/cache", (("If-None-Match", "x"),)),
    Case("cache-for-a-minute", 200, "GET", "/cache/60"),
    Case("basic-auth", 200, "GET", "/basic-auth/user/passwd", (("Authorization", "Basic dXNlcjpwYXNzd2Q="),)),
    Case("basic-auth-missing", 401, "GET", "/basic-auth/user/passwd"),
    Case("bearer", 200, "GET", "/bearer", (("Authorization", "Bearer token.with.dots"),)),
    Case("digest-auth-asks", 401, "GET", "/digest-auth/auth/user/passwd", varies=(NONCES,)),
    Case("head", 200, "HEAD", "/get?a=1"),
    Case("head-stream", 200, "HEAD", "/stream/5"),
    Case("head-status", 503, "HEAD", "/status/503"),
    Case("options", 200, "OPTIONS", "/post", sets=("Allow",)),
    Case(
        "options-preflight",
        200,
        "OPTIONS",
        "/put",
        (
            ("Origin", "https://example.test"),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "x-a, x-b"),
        ),
        sets=("Allow",),
    ),
    Case("trace", 200, "TRACE", "/anything", (("X-A", "1"),)),
    Case("method-not-allowed", 405, "DELETE", "/get", sets=("Allow",)),
]

CASES = [*QUERIES, *PATHS, *BODIES, *HEADERS, *STATUSES, *ANSWERS]
