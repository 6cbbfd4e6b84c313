"""google.pubsub_v1's messages without its clients, and its clients as soon as somebody asks for them."""

import subprocess
import sys

import pytest
from google.api_core.gapic_v1 import routing_header

from pubsubctl.broker.routing import routed

CLIENTS = "any(name.startswith('google.pubsub_v1.services') for name in sys.modules)"


def printed(*lines: str) -> str:
    """What a process of its own prints."""
    program = "\n".join(("import sys", "import pubsubctl.broker", *lines))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_messages_come_without_clients():
    lines = "from google.pubsub_v1 import types", "print(types.PubsubMessage(data=b'x').data, " + CLIENTS + ")"
    assert printed(*lines) == "b'x' False"


@pytest.mark.parametrize("module", ["pubsubctl.worker.run", "pubsubctl.broker.publish", "pubsubctl.client"])
def test_what_workers_and_submitters_import_has_no_client(module):
    assert printed(f"import {module}", f"print({CLIENTS})") == "False"


@pytest.mark.parametrize(
    "lines",
    [
        ("from google.pubsub_v1 import SubscriberClient as found",),
        ("import google.pubsub_v1", "found = google.pubsub_v1.SubscriberClient"),
        ("from google.pubsub_v1 import *", "found = SubscriberClient"),
        ("from google.pubsub_v1.services.subscriber import SubscriberClient as found",),
        ("from google.pubsub_v1 import types, SubscriberClient as found", "assert types is not found"),
        (
            "import google.cloud.pubsub_v1",
            "from google.pubsub_v1 import SubscriberClient as found",
            "assert issubclass(google.cloud.pubsub_v1.SubscriberClient, found)",
        ),
    ],
)
def test_whoever_asks_for_a_client_has_it(lines):
    assert printed(*lines, "print(found.__name__, callable(found))") == "SubscriberClient True"


def test_what_is_not_there_is_told_as_python_tells_it():
    lines = ("import google.pubsub_v1", "try:", "    google.pubsub_v1.nothing", "except AttributeError as error:")
    assert printed(*lines, "    print(error)") == "module 'google.pubsub_v1' has no attribute 'nothing'"


def test_threads_that_ask_at_the_same_time_find_it_whole():
    lines = (
        "import google.pubsub_v1",
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor(8) as pool:",
        "    names = ['PublisherClient', 'SubscriberClient', 'SchemaServiceClient', 'Topic'] * 4",
        "    found = list(pool.map(lambda name: getattr(google.pubsub_v1, name), names))",
        "print(len(found), len(set(found)))",
    )
    assert printed(*lines) == "16 4"


def test_what_somebody_puts_in_its_place_stays_there():
    lines = (
        "import google.pubsub_v1",
        "google.pubsub_v1.SubscriberClient = 'a double'",
        "google.pubsub_v1.PublisherClient",
    )
    assert printed(*lines, "print(google.pubsub_v1.SubscriberClient)") == "a double"


def test_whoever_looks_through_all_modules_imports_no_client():
    lines = (
        "import unittest, warnings",
        "with unittest.TestCase().assertWarns(UserWarning):",
        "    warnings.warn('a warning')",
    )
    assert printed(*lines, f"print({CLIENTS})") == "False"


def test_it_is_pickled_by_its_name_and_tells_all_that_it_has():
    lines = (
        "import pickle, google.pubsub_v1 as found",
        "print(pickle.loads(pickle.dumps(found)) is found, 'PublisherClient' in dir(found))",
    )
    assert printed(*lines) == "True True"


def test_what_was_imported_before_stays_as_it_is():
    lines = ("import sys", "import google.pubsub_v1", "before = google.pubsub_v1", "import pubsubctl.broker")
    program = "\n".join((*lines, "print(sys.modules['google.pubsub_v1'] is before)"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("name", ["projects/p/topics/orders", "projects/example.com:shop/topics/a~b%20+c"])
def test_a_call_is_routed_as_google_s_library_does_it(name):
    assert routed("topic", name) == (routing_header.to_grpc_metadata({"topic": name}),)
