"""deploy: engines' own programs and schemas take what it writes, and a worker reads from it what was set."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from dataclasses import fields
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cli_project import only_line, wait_for
from run_api import run_api

from pubsubctl.settings import Settings

TOOLS = Path(sys.executable).parent
SCHEMAS = Path(__file__).parent / "schemas"
IMAGE = "europe-docker.pkg.dev/my-project/jobs/app:1"
ACCOUNT = "jobs-worker@my-project.iam.gserviceaccount.com"
CLOUD = ("--broker", "cloud", "--project", "my-project")
FIRESTORE = ("--store", "firestore://my-project/jobs")
PASSWORD = "hunter2"
POSTGRESQL = ("--store", f"postgresql://jobs:{PASSWORD}@db.internal/jobs")
WORKERS = {
    "cloud-run": ("--service-account", "jobs-worker", "--region", "europe-west1"),
    "gke": ("--service-account", "jobs-worker"),
    "compose": (),
}
ENGINES = list(WORKERS)

# Every setting that goes along, none as it is by default, with what YAML and compose would take for something else.
SET = {
    "project": "my-project",
    "topic": "t-1.0",
    "subscription": "yes-1",
    "dead_letter_topic": "d~e",
    "dead_letter_subscription": "null",
    "endpoint": "europe-west1-pubsub.googleapis.com:443",
    "impersonate_service_account": "another@my-project.iam.gserviceaccount.com",
    "universe_domain": "example.com",
    "ack_deadline": "77",
    "store": "firestore://my-project/jobs",
    "payloads": "gs://bucket/pre$fix: #1",
    "inline_limit": "100K",
    "payload_limit": "3G",
    "app": 'shop:make("$HOME", 1)',
    "processes": "3",
    "threads": "4",
    "prefetch": "9",
    "route": "POST /any thing",
    "lease": "2m",
    "job_timeout": "90m",
    "max_attempts": "7",
    "retry_on": "429,503-504,timeout",
    "max_jobs_per_child": "1000",
    "max_memory_per_child": "2G",
    "drain_timeout": "7.5s",
    "log_format": "text",
    "result_ttl": "30d",
}
LEFT = {"broker", "credentials_file", "emulator_host", "host_port"}


def deployed(folder, engine, *more, settings=(*CLOUD, *FIRESTORE)):
    done = folder.run("deploy", engine, *settings, "--image", IMAGE, *WORKERS[engine], *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(text):
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def container(engine, text):
    if engine == "compose":
        return yaml.safe_load(text)["services"]["worker"]
    return documents(text)["WorkerPool" if engine == "cloud-run" else "Deployment"]["spec"]["template"]["spec"][
        "containers"
    ][0]


def environment(engine, text):
    env = container(engine, text).get("env") or container(engine, text)["environment"]
    if engine == "compose":
        return {name: value.replace("$$", "$") for name, value in env.items()}
    return {each["name"]: each.get("value") for each in env}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_reads_from_it_all_that_was_set_and_nothing_of_this_machine(folder, engine):
    assert SET.keys() | LEFT == {each.name for each in fields(Settings)} - {"state", "sources"}
    (folder.folder / "pubsubctl.toml").write_text("[profiles.prod]\nbroker = 'cloud'\n")
    with (folder.folder / "pubsubctl.toml").open("a") as file:
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in SET.items())
    text = deployed(folder, engine, settings=("--profile", "prod", "--credentials-file", "key.json"))
    told = environment(engine, text)
    read = Settings.load(environ=told, start=folder.folder)
    wanted = Settings.load(SET | {"broker": "cloud"}, environ={}, start=folder.folder)
    for key in SET:
        assert getattr(read, key) == getattr(wanted, key), key
    assert (read.broker, read.host_port) == ("cloud", "0.0.0.0:8080")
    if engine != "compose":
        assert read.credentials_file is None
        assert "key.json" not in text


@pytest.mark.parametrize(("cpu", "processes"), [("500m", 1), ("1", 1), ("2.5", 2), ("8", 8)])
def test_a_worker_has_as_many_processes_as_cpus_whatever_its_node_has(folder, cpu, processes):
    assert environment("gke", deployed(folder, "gke", "--cpu", cpu))["PUBSUBCTL_PROCESSES"] == str(processes)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_that_has_a_password_is_in_no_manifest(folder, engine):
    text = deployed(folder, engine, settings=(*CLOUD, *POSTGRESQL))
    assert PASSWORD not in text
    env = container(engine, text).get("env") or container(engine, text)["environment"]
    if engine == "compose":
        assert env["PUBSUBCTL_STORE"].startswith("${PUBSUBCTL_STORE:?")
    else:
        (store,) = [each for each in env if each["name"] == "PUBSUBCTL_STORE"]
        assert store["valueFrom"]["secretKeyRef"]["name"] == "pubsubctl-worker-store"
        assert "pubsubctl-worker-store" in "".join(line for line in text.splitlines() if line.startswith("#"))


@pytest.fixture
def gcloud(folder, lack):
    """Runs gcloud, which finds Cloud Run's API on loopback; gives what it said, and what it made there."""
    if shutil.which("gcloud") is None:
        lack("gcloud", "gcloud is not installed")
    (folder.folder / "token").write_text("a-token")
    own = {"CLOUDSDK_CONFIG": str(folder.folder / "config"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "token"}
    with run_api() as api:

        def run(command):
            done = subprocess.run(
                command,
                cwd=folder.folder,
                env=os.environ | api.environment | own,
                input="",
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
            return done, api.made

        yield run


def named(text):
    """The commands of gcloud that a manifest names."""
    return [line[4:].replace("'", "").split() for line in text.splitlines() if line.startswith("#   gcloud")]


@pytest.mark.parametrize("settings", [(*CLOUD, *FIRESTORE), (*CLOUD, *POSTGRESQL)])
def test_gcloud_itself_sends_the_worker_pool_to_its_region(folder, settings, gcloud):
    text = deployed(folder, "cloud-run", "--workers", "3", settings=settings)
    (folder.folder / "pool.yaml").write_text(text)
    (command,) = [command for command in named(text) if "replace" in command]
    done, made = gcloud([*(word.replace("THIS_FILE", "pool.yaml") for word in command), "--async"])
    assert done.returncode == 0, done.stderr
    ((url, pool),) = made
    assert url.startswith(
        "http://europe-west1-run.invalid/apis/run.googleapis.com/v1/namespaces/my-project/workerpools"
    )
    asked = yaml.safe_load(text)
    assert pool["spec"]["template"]["spec"] == asked["spec"]["template"]["spec"]
    assert asked["metadata"]["annotations"].items() <= pool["metadata"]["annotations"].items()
    assert pool["metadata"]["annotations"]["run.googleapis.com/manualInstanceCount"] == "3"
    assert pool["spec"]["template"]["spec"]["serviceAccountName"] == ACCOUNT


@pytest.mark.parametrize(("engine", "number"), [("cloud-run", 4), ("gke", 1)])
def test_gcloud_knows_the_commands_that_a_manifest_names(folder, engine, number, gcloud):
    text = deployed(folder, engine, settings=(*CLOUD, *POSTGRESQL))
    (folder.folder / "THIS_FILE").write_text(text)
    commands = named(text)
    assert len(commands) == number
    for command in commands:
        done, _ = gcloud([word.replace("--scaling=N", "--scaling=3") for word in command])
        # What it does not know it ends with a 2. What these are about is nowhere, so they may end with a 1.
        assert done.returncode in {0, 1}, done.stderr


def test_a_worker_on_cloud_run_drains_before_it_is_killed_and_that_is_told(folder):
    done = folder.run("deploy", "cloud-run", *CLOUD, *FIRESTORE, "--image", IMAGE, *WORKERS["cloud-run"])
    assert environment("cloud-run", done.stdout)["PUBSUBCTL_DRAIN_TIMEOUT"] == "8s"
    assert "within 10 s, so workers drain for 8 s, not 25" in only_line(done.stderr)


@pytest.mark.parametrize("settings", [(*CLOUD, *FIRESTORE), (*CLOUD, *POSTGRESQL)])
@pytest.mark.parametrize("most", ["1", "20"])
def test_kubernetes_schemas_take_each_document_to_the_field(folder, settings, most):
    found = documents(deployed(folder, "gke", "--max-workers", most, settings=settings))
    scaled = {"Service", "ScaledObject"} if most == "20" else set()
    assert found.keys() == {"ServiceAccount", "Deployment", "PodDisruptionBudget"} | scaled
    for kind, document in found.items():
        if kind != "ScaledObject":
            kubernetes_validate.validate(document, "1.30", strict=True)
        assert document["metadata"]["namespace"] == "default"
    deployment = found["Deployment"]["spec"]
    assert ("replicas" in deployment) == (most == "1")
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    if scaled:
        assert found["Service"]["spec"]["selector"] == labels
    assert deployment["template"]["spec"]["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]
    assert found["ServiceAccount"]["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": ACCOUNT}


@pytest.mark.parametrize(("drain", "grace"), [("25s", 35), ("10m", 610), ("0.5s", 11)])
def test_the_grace_of_a_pod_is_the_drain_and_what_it_takes_to_end(folder, drain, grace):
    found = documents(deployed(folder, "gke", "--drain-timeout", drain))
    assert found["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == grace


@pytest.mark.xdist_group("node")
@pytest.mark.timeout(300)
def test_kedas_schema_takes_the_autoscaling_to_the_field(folder, node_libraries):
    libraries = node_libraries(SCHEMAS)
    text = deployed(folder, "gke", "--max-workers", "20", "--backlog-per-worker", "12", "--namespace", "jobs")
    scaled = documents(text)["ScaledObject"]
    assert problems([scaled], libraries) == (0, "")
    wrong = scaled | {"spec": scaled["spec"] | {"maxReplicaCount": "20"}}
    assert problems([wrong], libraries) == (1, "data/spec/maxReplicaCount must be integer\n")
    # That schema lets unknown fields pass: their names are looked for in it, and Kubernetes' own part is held to its.
    behavior = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"].pop("behavior")
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 1, "behavior": behavior}
    autoscaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": target}
    kubernetes_validate.validate(autoscaler, "1.30", strict=True)
    (trigger,) = scaled["spec"].pop("triggers")
    schemas = (libraries / "@kubernetes-models/keda/_schemas").glob("*")
    known = set(re.findall(r"\w+", "".join(path.read_text() for path in schemas)))
    assert {*keys(scaled["spec"])} <= known
    assert trigger["metadata"]["targetValue"] == "12"
    assert trigger["metadata"]["url"] == "http://pubsubctl-worker.jobs.svc.cluster.local:8080/backlog"


def problems(resources, libraries):
    done = subprocess.run(
        ["node", str(SCHEMAS / "validate.mjs")],
        input=json.dumps(resources),
        env=os.environ | {"NODE_LIBRARIES": str(libraries)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def keys(value):
    for key, inner in value.items():
        yield key
        if isinstance(inner, dict):
            yield from keys(inner)


def test_what_the_probes_and_the_autoscaler_ask_for_is_there(served):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = documents(deployed(served, "gke"))
    (pod,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    served.start_worker("--host-port", f"127.0.0.1:{port}")

    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)

    paths = [pod[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")]
    assert paths == ["/healthz", "/readyz", "/healthz"]
    wait_for(lambda: all(ask(path) == {"status": "ok"} for path in paths), "it is ready")
    (trigger,) = found["ScaledObject"]["spec"]["triggers"]
    assert ask("/backlog") == {trigger["metadata"]["valueLocation"]: 0}


@pytest.mark.parametrize("more", [(), ("--credentials-file", "key.json"), ("--store", "jobs.db", "--payloads", "big")])
def test_compose_takes_its_file_and_what_is_kept_is_in_a_volume(folder, more):
    text = deployed(folder, "compose", "--workers", "5", "--memory", "512Mi", settings=(*CLOUD, *FIRESTORE, *more))
    (folder.folder / "compose.yaml").write_text(text)
    command = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=folder.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = yaml.safe_load(text)
    worker = found["services"]["worker"]
    assert worker["deploy"] == {"replicas": 5, "resources": {"limits": {"cpus": "1", "memory": "512m"}}}
    assert worker["stop_grace_period"] == "35s"
    if "jobs.db" in more:
        assert worker["environment"]["PUBSUBCTL_STORE"] == "/data/jobs.db"
        assert worker["environment"]["PUBSUBCTL_PAYLOADS"] == "/data/payloads"
    assert ("volumes" in worker) == ("volumes" in found) == ("jobs.db" in more)
    if "key.json" in more:
        assert found["secrets"] == {"credentials": {"file": str(folder.folder / "key.json")}}
        assert worker["environment"]["PUBSUBCTL_CREDENTIALS_FILE"] == "/run/secrets/credentials"
    assert ("secrets" in worker) == ("secrets" in found) == ("key.json" in more)


@pytest.mark.parametrize(
    ("engine", "settings", "more", "told"),
    [
        ("gke", FIRESTORE, (), "workers that are deployed pull from the cloud; add --broker cloud"),
        ("gke", (*CLOUD, "--store", "jobs.db"), (), "is a file of one machine, and workers on several need one"),
        ("cloud-run", (*CLOUD, "--store", "sqlite:///jobs.db"), (), "is a file of one machine, and workers on several"),
        ("gke", (*CLOUD, *FIRESTORE, "--payloads", "big"), (), "is a folder of one machine, and workers on several"),
        ("gke", (*CLOUD, *FIRESTORE), ("--name", "Jobs: 1"), "--name must be lower-case letters, digits and dashes"),
        ("gke", (*CLOUD, *FIRESTORE), ("--namespace", "a b"), "--namespace must be lower-case letters, digits and"),
        ("gke", (*CLOUD, *FIRESTORE), ("--image", "a b"), "--image must be an image, such as europe-docker.pkg.dev"),
        ("gke", (*CLOUD, *FIRESTORE), ("--cpu", "0"), "--cpu must be such as 2, 0.5 or 500m, not '0'"),
        ("compose", (*CLOUD, *FIRESTORE), ("--cpu", "two"), "--cpu must be such as 2, 0.5 or 500m, not 'two'"),
        ("gke", (*CLOUD, *FIRESTORE), ("--memory", "2GB"), "--memory must be such as 512Mi or 2Gi, not '2GB'"),
        ("gke", (*CLOUD, *FIRESTORE), ("--min-workers", "5", "--max-workers", "2"), "--max-workers 2 is less than"),
        ("gke", (*CLOUD, *FIRESTORE), ("--service-account", "x"), "no service account can be called 'x'"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--region", "Europe"), "--region must be such as europe-west1"),
    ],
)
def test_what_cannot_be_deployed_is_told_in_one_line_and_nothing_is_written(folder, engine, settings, more, told):
    done = folder.run("deploy", engine, *settings, "--image", IMAGE, *WORKERS[engine], *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in only_line(done.stderr)
