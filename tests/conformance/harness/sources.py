"""Where the documentation says what a case expects."""

UNDOCUMENTED = "not documented; as Google's emulator does"
REPORTED = "not documented; what users of the service saw it answer"
SANE = "not documented; but it is the caller's error, and has to say so"

DOCS = "cloud.google.com/pubsub/docs/"
NAMES = f"{DOCS}pubsub-basics#resource_names"
QUOTAS = "cloud.google.com/pubsub/quotas#resource_limits"
LABELS = f"{DOCS}labels#requirements"
FILTERS = f"{DOCS}subscription-message-filter"
ORDERING = f"{DOCS}ordering"
EXACTLY_ONCE = f"{DOCS}exactly-once-delivery"
DEAD_LETTERS = f"{DOCS}dead-letter-topics"
RETRIES = f"{DOCS}subscription-retry-policy"
REPLAY = f"{DOCS}replay-overview"
PUSH = f"{DOCS}push"
PAYLOAD_UNWRAPPING = f"{DOCS}payload-unwrapping"
SCHEMAS = f"{DOCS}schemas"
SCHEMA_REVISIONS = f"{DOCS}commit-schema-revision"
REST = f"{DOCS}reference/rest"
IAM = "google.iam.v1 reference, IAMPolicy"
HEALTH = "github.com/grpc/grpc/blob/master/doc/health-checking.md"
REFLECTION = "github.com/grpc/grpc/blob/master/doc/server-reflection.md"
PAGINATION = "google.aip.dev/158"
STATUS_CODES = "grpc.io/docs/guides/status-codes"
FIELD_MASKS = "google.protobuf.FieldMask"
REFERENCE_ADDRESS = f"https://{DOCS}reference/rpc/google.pubsub.v1"
REFERENCE = "google.pubsub.v1 reference, "


def reference(name: str) -> str:
    """The API reference of google.pubsub.v1, at a message, field or RPC."""
    return REFERENCE + name
