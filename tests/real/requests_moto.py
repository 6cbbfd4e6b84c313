"""Requests to moto's server (https://docs.getmoto.org), Flask applications that stand in for AWS.

They are a sequence: each finds what those before it have left.
"""

import json

from comparing import Case, Varying

from pubsubctl.exchange import Header

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
TEXT = ("Content-Type", "text/plain")
BINARY = ("Content-Type", "application/octet-stream")
XML = ("Content-Type", "application/xml")
AMZ_JSON = ("Content-Type", "application/x-amz-json-1.0")

NOTE = ("x-amz-meta-note", "one")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=frontier")
STREAMING = (
    ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    ("x-amz-decoded-content-length", "5"),
)
ETAG = '"5d41402abc4b2a76b9719d911017c592"'

CHANGED = (Varying(rb"\A(.{29})\Z", header="Last-Modified"),)
TIMES = Varying(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z)")

FILE = bytes(range(256)) * 8
LARGE = b"0123456789abcdef" * 300_000

FORM_UPLOAD = (
    b'--frontier\r\nContent-Disposition: form-data; name="key"\r\n\r\nforms/${filename}\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="Content-Type"\r\n\r\nimage/png\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="success_action_status"\r\n\r\n201\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\x1a\n\x00--frontie\r\n--frontier--\r\n"
)
CHUNKED = b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
DELETE = b"<Delete><Object><Key>a.txt</Key></Object><Object><Key>no-such</Key></Object></Delete>"
TAGS = b"<Tagging><TagSet><Tag><Key>k</Key><Value>caf\xc3\xa9</Value></Tag></TagSet></Tagging>"
CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PUT</AllowedMethod></CORSRule>"
    b"</CORSConfiguration>"
)
VERSIONED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": []}).encode()


def signed(service: str) -> Header:
    """The header by which moto knows the service that is meant; the signature itself is not looked at."""
    scope = f"test/20250101/us-east-1/{service}/aws4_request"
    return (
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    )


def s3(
    name: str,
    status: int,
    method: str,
    path: str,
    *headers: Header,
    body: bytes = b"",
    varies: tuple[Varying, ...] = (),
) -> Case:
    sent = (signed("s3"), *headers)
    return Case(f"s3-{name}", status, method, path, sent, body, varies)


def sqs(name: str, status: int, action: str, *, varies: tuple[Varying, ...] = (), **arguments: object) -> Case:
    headers = (signed("sqs"), AMZ_JSON, ("X-Amz-Target", f"AmazonSQS.{action}"))
    return Case(f"sqs-{name}", status, "POST", "/", headers, json.dumps(arguments).encode(), varies)


def query(name: str, status: int, service: str, body: str, *, varies: tuple[Varying, ...] = ()) -> Case:
    return Case(f"{service}-{name}", status, "POST", "/", (signed(service), FORM), body.encode(), varies)


QUEUE = "http://localhost/123456789012/jobs"

START = [
    Case("reset", 200, "POST", "/moto-api/reset"),
    Case("seed", 200, "POST", "/moto-api/seed?a=42"),
]

BUCKETS = [
    Case("bucket-missing", 404, "GET", "/photos"),
    Case("bucket-create", 200, "PUT", "/photos"),
    Case("bucket-create-again", 200, "PUT", "/photos"),
    Case("bucket-name-invalid", 400, "PUT", "/X"),
    Case("bucket-head", 200, "HEAD", "/photos"),
    Case("bucket-head-missing", 404, "HEAD", "/no-such-bucket"),
    Case("bucket-list-all", 200, "GET", "/", (signed("s3"),), varies=(TIMES,)),
    Case("bucket-list-empty", 200, "GET", "/photos?list-type=2"),
    Case("bucket-location", 200, "GET", "/photos?location"),
    Case("bucket-cors-missing", 404, "GET", "/photos?cors"),
    Case("bucket-cors-put", 200, "PUT", "/photos?cors", (XML,), CORS),
    Case("bucket-cors-get", 200, "GET", "/photos?cors"),
    Case("bucket-policy-put", 200, "PUT", "/photos?policy", (signed("s3"),), POLICY),
    Case("bucket-policy-get", 200, "GET", "/photos?policy"),
    Case("bucket-tagging-put", 204, "PUT", "/photos?tagging", (XML,), TAGS),
    Case("bucket-tagging-get", 200, "GET", "/photos?tagging"),
    Case("bucket-acl", 200, "GET", "/photos?acl"),
    Case("bucket-preflight", 200, "OPTIONS", "/photos", (("Origin", "https://example.test"),)),
]

OBJECTS = [
    s3("put", 200, "PUT", "/photos/a.txt", TEXT, NOTE, ("X-Amz-Meta-Two", "2"), body=b"hello", varies=CHANGED),
    s3("put-binary", 200, "PUT", "/photos/b.bin", BINARY, body=FILE, varies=CHANGED),
    s3("put-empty", 200, "PUT", "/photos/empty", varies=CHANGED),
    s3("put-large", 200, "PUT", "/photos/large", BINARY, body=LARGE, varies=CHANGED),
    s3("put-chunked", 200, "PUT", "/photos/chunked", *STREAMING, body=CHUNKED, varies=CHANGED),
    s3("put-utf8-encoded", 200, "PUT", "/photos/%E6%97%A5/caf%C3%A9.txt", TEXT, body=b"1", varies=CHANGED),
    s3("put-utf8-raw", 200, "PUT", "/photos/日/naïve.txt", TEXT, body=b"2", varies=CHANGED),
    s3("put-slashes", 200, "PUT", "/photos/x//y%2Fz/", TEXT, body=b"3", varies=CHANGED),
    s3("put-params-and-plus", 200, "PUT", "/photos/a;b=1+2%2B3&c", TEXT, body=b"4", varies=CHANGED),
    s3("put-newline", 404, "PUT", "/photos/line%0Abreak", TEXT, body=b"5"),
    s3("put-with-tags", 200, "PUT", "/photos/tagged", TEXT, ("x-amz-tagging", "a=1&b=%C3%A9"), varies=CHANGED),
    s3("put-metadata-over-a-kilobyte", 200, "PUT", "/photos/meta", ("x-amz-meta-long", "m" * 1500), varies=CHANGED),
    s3("put-without-bucket", 404, "PUT", "/no-such-bucket/a", TEXT, body=b"8"),
    s3("get", 200, "GET", "/photos/a.txt", varies=CHANGED),
    s3("get-binary", 200, "GET", "/photos/b.bin", varies=CHANGED),
    s3("get-empty", 200, "GET", "/photos/empty", varies=CHANGED),
    s3("get-large", 200, "GET", "/photos/large", varies=CHANGED),
    s3("get-chunked", 200, "GET", "/photos/chunked", varies=CHANGED),
    s3("get-utf8-encoded", 200, "GET", "/photos/%E6%97%A5/caf%C3%A9.txt", varies=CHANGED),
    s3("get-utf8-raw", 200, "GET", "/photos/日/naïve.txt", varies=CHANGED),
    s3("get-slashes", 200, "GET", "/photos/x//y%2Fz/", varies=CHANGED),
    s3("get-params-and-plus", 200, "GET", "/photos/a;b=1+2%2B3&c", varies=CHANGED),
    s3("get-metadata", 200, "GET", "/photos/meta", varies=CHANGED),
    s3("get-range", 206, "GET", "/photos/b.bin", ("Range", "bytes=250-260"), varies=CHANGED),
    s3("get-range-suffix", 206, "GET", "/photos/b.bin", ("Range", "bytes=-5"), varies=CHANGED),
    s3("get-range-beyond", 416, "GET", "/photos/b.bin", ("Range", "bytes=99999-")),
    s3("get-not-modified", 304, "GET", "/photos/a.txt", ("If-None-Match", ETAG)),
    s3("get-precondition", 412, "GET", "/photos/a.txt", ("If-Match", '"other"')),
    s3("get-type-overridden", 200, "GET", "/photos/a.txt?response-content-type=text%2Fcsv", varies=CHANGED),
    s3("get-missing", 404, "GET", "/photos/no/such/thing"),
    Case("s3-get-unsigned", 403, "GET", "/photos/a.txt"),
    s3("head", 200, "HEAD", "/photos/b.bin", varies=CHANGED),
    s3("head-missing", 404, "HEAD", "/photos/no"),
    s3("tagging-get", 200, "GET", "/photos/tagged?tagging"),
    s3("copy", 200, "PUT", "/photos/copy", ("x-amz-copy-source", "/photos/a.txt"), varies=(*CHANGED, TIMES)),
    s3("form-upload", 201, "POST", "/photos", MULTIPART, body=FORM_UPLOAD),
    s3("form-upload-get", 200, "GET", "/photos/forms/p.png", varies=CHANGED),
    s3("list", 200, "GET", "/photos?list-type=2", varies=(TIMES,)),
    s3("list-encoded", 200, "GET", "/photos?list-type=2&encoding-type=url", varies=(TIMES,)),
    s3("list-by-folder", 200, "GET", "/photos?prefix=%E6%97%A5&delimiter=%2F"),
    s3("list-a-page", 200, "GET", "/photos?list-type=2&max-keys=2", varies=(TIMES,)),
    s3("versioning-put", 200, "PUT", "/photos?versioning", XML, body=VERSIONED),
    s3("versioning-get", 200, "GET", "/photos?versioning"),
    s3("put-version", 200, "PUT", "/photos/versioned", TEXT, body=b"v1", varies=CHANGED),
    s3("versions", 200, "GET", "/photos?versions&prefix=versioned", varies=(TIMES,)),
    s3("delete", 204, "DELETE", "/photos/copy"),
    s3("delete-many", 200, "POST", "/photos?delete", XML, body=DELETE),
    s3("bucket-delete-not-empty", 409, "DELETE", "/photos"),
]

QUEUES = [
    sqs("create", 200, "CreateQueue", QueueName="jobs", Attributes={"VisibilityTimeout": "30"}),
    sqs("create-invalid", 400, "CreateQueue", QueueName="no/such*name"),
    sqs("list", 200, "ListQueues"),
    sqs("send", 200, "SendMessage", QueueUrl=QUEUE, MessageBody="h\u00e9llo \u65e5\n"),
    sqs("send-empty", 200, "SendMessage", QueueUrl=QUEUE, MessageBody=""),
    sqs("missing", 400, "SendMessage", QueueUrl=QUEUE + "-no", MessageBody="x"),
    sqs("purge", 200, "PurgeQueue", QueueUrl=QUEUE),
    query("url-by-query", 200, "sqs", "Action=GetQueueUrl&QueueName=jobs&Version=2012-11-05"),
    query("caller", 200, "sts", "Action=GetCallerIdentity&Version=2011-06-15"),
    query("topic-create", 200, "sns", "Action=CreateTopic&Name=news&Tags.member.1.Key=k&Tags.member.1.Value=Caf%C3%A9"),
    query("topics", 200, "sns", "Action=ListTopics"),
    query("topic-missing", 404, "sns", "Action=GetTopicAttributes&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3Ano"),
]

CASES = [*START, *BUCKETS, *OBJECTS, *QUEUES]
