"""deploy: engines' own programs and schemas take what it writes, and a worker reads from it what was set."""

import base64
import json
import os
import re
import shlex
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
INJECTED = "x@y\n  evil: z.iam.gserviceaccount.com"
KEYED = "firestore://my-project/jobs?credentials_file=/home/me/key.json"
WORKERS = {
    "cloud-run": ("--service-account", "jobs-worker", "--region", "europe-west1"),
    "gke": ("--service-account", "jobs-worker"),
    "compose": (),
}
ENGINES = list(WORKERS)

# Every setting that goes along, none as it is by default, with what YAML, compose, Kubernetes and the templates would
# take for something else.
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
    "payloads": "gs://bucket/pre$fix: {{port}} $$ $(PUBSUBCTL_TOPIC) \U0001d11e #1",
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
    told = {each["name"]: each.get("value") for each in env}
    if engine == "gke":
        return {name: value and expanded(value, told) for name, value in told.items()}
    return told


def expanded(value, told):
    """As Kubernetes does: ``$$`` is a dollar sign, and ``$(NAME)`` a variable of the container."""
    return re.sub(r"\$(?:\$|\((\w+)\))", lambda found: told[found[1]] if found[1] else "$", value)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_reads_from_it_all_that_was_set_and_nothing_of_this_machine(folder, engine):
    assert SET.keys() | LEFT == {each.name for each in fields(Settings)} - {"state", "sources"}
    (folder.folder / "pubsubctl.toml").write_text("[profiles.prod]\nbroker = 'cloud'\n")
    with (folder.folder / "pubsubctl.toml").open("a", encoding="utf-8") as file:
        file.writelines(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in SET.items())
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


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "POSTGRESQL", "mysql"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_that_has_a_password_is_in_no_manifest(folder, engine, scheme):
    text = deployed(folder, engine, settings=(*CLOUD, "--store", f"{scheme}://jobs:{PASSWORD}@db.internal/jobs"))
    assert PASSWORD not in text
    env = container(engine, text).get("env") or container(engine, text)["environment"]
    if engine == "compose":
        assert env["PUBSUBCTL_STORE"].startswith("${PUBSUBCTL_STORE:?")
    else:
        (store,) = [each for each in env if each["name"] == "PUBSUBCTL_STORE"]
        assert store["valueFrom"]["secretKeyRef"]["name"] == "pubsubctl-worker-store"
        assert "pubsubctl-worker-store" in "".join(line for line in text.splitlines() if line.startswith("#"))


def test_a_file_may_be_called_as_a_kind_of_store(folder):
    text = deployed(folder, "compose", settings=(*CLOUD, "--store", "postgresql.db"))
    assert environment("compose", text)["PUBSUBCTL_STORE"] == "/data/jobs.db"


def test_kubectl_itself_makes_the_secret_of_the_url_alone(folder, lack):
    if shutil.which("kubectl") is None:
        lack("kubectl", "kubectl is not installed")
    text = deployed(folder, "gke", settings=(*CLOUD, *POSTGRESQL))
    (line,) = [line[4:] for line in text.splitlines() if "kubectl create" in line]
    done = subprocess.run(
        ["sh", "-c", f"{line} --dry-run=client --output=json"],
        env=os.environ | {"PUBSUBCTL_STORE": POSTGRESQL[1], "KUBECONFIG": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    secret = json.loads(done.stdout)
    assert secret["metadata"].items() >= {"name": "pubsubctl-worker-store", "namespace": "default"}.items()
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {"url": POSTGRESQL[1]}


@pytest.mark.parametrize("engine", ["cloud-run", "gke"])
def test_who_is_the_service_account_already_does_not_impersonate_it(folder, engine):
    text = deployed(folder, engine, "--impersonate-service-account", ACCOUNT)
    assert "PUBSUBCTL_IMPERSONATE_SERVICE_ACCOUNT" not in environment(engine, text)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["true", "null"])
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(folder, engine, name):
    more = ("--namespace", "123") if engine == "gke" else ()
    for document in yaml.safe_load_all(deployed(folder, engine, "--name", name, *more)):
        named = document if engine == "compose" else document["metadata"]
        assert named["name"] == name
        assert named.get("namespace", "123") == "123"
        assert named.get("labels", {}).get("app.kubernetes.io/name", name) == name
        if engine == "gke" and document["kind"] != "ScaledObject":
            kubernetes_validate.validate(document, "1.30", strict=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_program_is_named_whatever_the_image_begins_with(folder, engine):
    run = container(engine, deployed(folder, engine))
    begins, follows = ("entrypoint", "command") if engine == "compose" else ("command", "args")
    assert (run[begins], run[follows]) == (["pubsubctl"], ["worker", "start"])


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
    """The commands of gcloud that a manifest names, in words, as a shell makes them."""
    lines = re.findall(r"^#   (?:.* \| )?(gcloud .*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


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


@pytest.mark.parametrize(("engine", "number"), [("cloud-run", 3), ("gke", 1)])
def test_gcloud_knows_the_commands_that_a_manifest_names(folder, engine, number, gcloud):
    text = deployed(folder, engine, settings=(*CLOUD, *POSTGRESQL))
    (folder.folder / "THIS_FILE").write_text(text)
    commands = named(text)
    assert len(commands) == number
    for command in commands:
        done, _ = gcloud(command)
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


def test_where_the_number_is_fixed_it_is_told_how_to_end_the_autoscaling_of_before(folder):
    told = "\n#   kubectl delete scaledobject,service pubsubctl-worker --namespace=jobs --ignore-not-found\n"
    assert told in deployed(folder, "gke", "--max-workers", "1", "--namespace", "jobs")
    assert "kubectl delete" not in deployed(folder, "gke", "--max-workers", "2", "--namespace", "jobs")


@pytest.mark.parametrize(("cpu", "memory"), [("1", "512Mi"), ("1000m", "4Gi"), ("2.0", "8Gi"), ("6", "24576Mi")])
def test_an_instance_on_cloud_run_is_of_a_size_that_there_is(folder, cpu, memory):
    limits = container("cloud-run", deployed(folder, "cloud-run", "--cpu", cpu, "--memory", memory))["resources"]
    assert limits == {"limits": {"cpu": cpu, "memory": memory}}


@pytest.mark.parametrize(("drain", "grace"), [("25s", 35), ("10m", 610), ("0.5s", 11)])
def test_the_grace_of_a_pod_is_the_drain_and_what_it_takes_to_end(folder, drain, grace):
    found = documents(deployed(folder, "gke", "--drain-timeout", drain))
    assert found["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == grace


@pytest.mark.parametrize("engine", ["gke", "compose"])
def test_a_long_drain_is_told_to_its_last_digit(folder, engine):
    text = deployed(folder, engine, "--drain-timeout", "1234.567s")
    assert environment(engine, text)["PUBSUBCTL_DRAIN_TIMEOUT"] == "1234.567s"
    assert "drain (1234.567 s)" in text


@pytest.mark.xdist_group("node")
@pytest.mark.timeout(300)
def test_kedas_schema_takes_the_autoscaling_to_the_field(folder, node_libraries):
    libraries = node_libraries(SCHEMAS)
    text = deployed(folder, "gke", "--max-workers", "20", "--backlog-per-worker", "12", "--namespace", "jobs")
    scaled = documents(text)["ScaledObject"]
    assert problems([scaled], libraries) == (0, "")
    wrong = scaled | {"spec": scaled["spec"] | {"maxReplicaCount": "20"}}
    assert problems([wrong], libraries) == (1, "data/spec/maxReplicaCount must be integer\n")
    # That schema lets unknown fields pass: they are looked for in what its kinds have, and Kubernetes' own part is held
    # to its own. Nothing there says what the metadata of a trigger may have; the test of the probes asks as it says.
    behavior = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"].pop("behavior")
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 1, "behavior": behavior}
    autoscaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": target}
    kubernetes_validate.validate(autoscaler, "1.30", strict=True)
    (trigger,) = scaled["spec"]["triggers"]
    for value, kind in (
        (scaled["spec"], "ScaledObjectSpec"),
        (scaled["spec"]["scaleTargetRef"], "ScaleTarget"),
        (scaled["spec"]["advanced"], "AdvancedConfig"),
        (scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"], "HorizontalPodAutoscalerConfig"),
        (trigger, "ScaleTriggers"),
    ):
        assert value.keys() <= known(kind, libraries), kind
    assert trigger["useCachedMetrics"] is True
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


def known(kind, libraries):
    """The fields that KEDA's schema has for one of its kinds."""
    schemas = libraries / "@kubernetes-models/keda/_schemas"
    text = (schemas / f"ComGithubKedacoreKedaV2ApisKedaV1alpha1{kind}.js").read_text()
    return set(re.findall(r"\bdata\.(\w+)", text))


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


def test_a_key_file_is_named_to_compose_alone_whatever_it_is_called(folder):
    key_file = folder.folder / "my $key\n# x.json"
    text = deployed(folder, "compose", settings=(*CLOUD, *FIRESTORE, "--credentials-file", str(key_file)))
    assert yaml.safe_load(text)["secrets"]["credentials"]["file"] == str(key_file).replace("$", "$$")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert "#   sudo install --owner=10001 --mode=0400 KEY_FILE COPY" in comments
    assert not [line for line in comments if "json" in line]


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
        (
            "gke",
            (*CLOUD, *FIRESTORE),
            ("--cpu", "0"),
            "--cpu must be such as 2, 0.5 or 500m, no finer than 1m, not '0'",
        ),
        (
            "compose",
            (*CLOUD, *FIRESTORE),
            ("--cpu", "two"),
            "--cpu must be such as 2, 0.5 or 500m, no finer than 1m, not 'two'",
        ),
        ("gke", (*CLOUD, *FIRESTORE), ("--memory", "2GB"), "--memory must be such as 512Mi or 2Gi, not '2GB'"),
        ("gke", (*CLOUD, *FIRESTORE), ("--min-workers", "5", "--max-workers", "2"), "--max-workers 2 is less than"),
        ("gke", (*CLOUD, *FIRESTORE), ("--service-account", "x"), "no service account can be called 'x'"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--region", "Europe"), "--region must be such as europe-west1"),
        ("gke", (*CLOUD, *FIRESTORE), ("--service-account", INJECTED), "is of another project"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--service-account", INJECTED), "is of another project"),
        ("gke", (*CLOUD, "--store", "postgresql.db"), (), "is a file of one machine, and workers on several need one"),
        *((each, (*CLOUD, "--store", KEYED), (), "the store's URL names a key file, which no") for each in ENGINES),
        ("gke", (*CLOUD, *FIRESTORE, "--payloads", "ftp://jobs:pw@host/big"), (), "the payload place ftp://jobs@host/"),
        ("compose", (*CLOUD, *FIRESTORE, "--payloads", "ftp://jobs:pw@host/big"), (), "has a password in its URL"),
        ("gke", (*CLOUD, *FIRESTORE), ("--cpu", "0.0001"), "no finer than 1m, not '0.0001'"),
        ("compose", (*CLOUD, *FIRESTORE), ("--cpu", "0.5m"), "no finer than 1m, not '0.5m'"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--cpu", "500m"), "--cpu of a Cloud Run worker pool is 1, 2, 4, 6 or 8"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--cpu", "3"), "--cpu of a Cloud Run worker pool is 1, 2, 4, 6 or 8"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--cpu", "4"), "with --cpu 4 is 2048Mi to 16384Mi, not '1Gi'"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--memory", "511Mi"), "with --cpu 1 is 512Mi to 4096Mi, not '511Mi'"),
        ("cloud-run", (*CLOUD, *FIRESTORE), ("--memory", "5Gi"), "with --cpu 1 is 512Mi to 4096Mi, not '5Gi'"),
    ],
)
def test_what_cannot_be_deployed_is_told_in_one_line_and_nothing_is_written(folder, engine, settings, more, told):
    done = folder.run("deploy", engine, *settings, "--image", IMAGE, *WORKERS[engine], *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in only_line(done.stderr)
