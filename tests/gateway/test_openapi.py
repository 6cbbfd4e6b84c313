"""The gateway's description of itself is true: schemathesis asks it whatever that allows, and what it does not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_kit import Asking, Surroundings
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from pubsubctl.gateway.openapi import described
from pubsubctl.gateway.terms import Terms

TOKEN = "a-token-of-30-characters-or-so"
RUN = "from schemathesis.cli import schemathesis; schemathesis()"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def schemathesis(folder: Path, asking: Asking, *flags: str) -> str:
    """Run it against a gateway; what it has found is the test's failure."""
    place = f"http://{asking.address}/_jobs/openapi.json"
    done = subprocess.run(
        [sys.executable, "-c", RUN, f"--config-file={CONFIGURATION}", "run", *flags, place],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "terms",
    [Terms(), Terms(token=TOKEN, rate_per_s=5, allow=("/a/*", "/b"), max_body=1, dashboard=True)],
    ids=["as it is by default", "with everything"],
)
@pytest.mark.parametrize("root", ["", "/mounted/here"])
def test_the_document_is_one_of_openapi_3_1(terms, root):
    document = described(terms, root)
    OPENAPI_31_VALIDATOR.validate(json.loads(json.dumps(document)))
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    ]
    assert len(names) == len(set(names)) == 14
    assert document["servers"] == [{"url": root or "/"}]
    assert ("security" in document) is (terms.token is not None)


def test_every_reference_leads_somewhere_and_everything_is_referred_to():
    document = described(Terms(token=TOKEN), "")
    text = json.dumps(document)
    for kind in ("schemas", "headers", "parameters"):
        for name in document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text
    for reference in {part.partition('"')[0] for part in text.split('"$ref": "#/components/')[1:]}:
        kind, _, name = reference.partition("/")
        assert name in document["components"][kind]


@pytest.fixture
def alone(folder: Path) -> Iterator[Surroundings]:
    """Where no other test's jobs are: what is found in the list is asked for, and theirs may answer anything."""
    made = Surroundings(folder)
    try:
        made.worker("-t", "4")
        yield made
    finally:
        made.close()


def test_the_gateway_answers_as_the_document_says(alone, folder):
    with alone.gateway() as asking:
        report = schemathesis(folder, asking)
    assert "Tested: 13" in report


def test_no_operation_is_open_to_whoever_has_not_the_token(alone, folder):
    with alone.gateway(Terms(token=TOKEN, max_body=1000)) as asking:
        report = schemathesis(folder, asking, "--phases=examples", f"--header=Authorization: Bearer {TOKEN}")
    assert "Tested: 13" in report
