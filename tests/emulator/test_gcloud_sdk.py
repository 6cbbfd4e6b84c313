"""Where gcloud is, what it lacks, and what its complaints come to."""

import json
import os
from pathlib import Path

import pytest
import stand_in_sdk
from stand_in_sdk import program

from pubsubctl.emulator.gcloud.complaint import complaint, is_hopeless
from pubsubctl.emulator.gcloud.sdk import Sdk, environment, java_hint
from pubsubctl.errors import EmulatorError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder that programs are looked for in, with nothing in it."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CLOUDSDK_ROOT_DIR", raising=False)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An installation that nothing leads to."""
    stand_in_sdk.install(tmp_path / "sdk")
    return tmp_path / "sdk"


def test_a_link_on_path_leads_to_the_installation(path: Path, root: Path) -> None:
    (path / "gcloud").symlink_to(root / "bin" / "gcloud")
    assert Sdk.find().root == root


def test_a_script_on_path_is_asked_where_the_installation_is(
    path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_ROOT", str(root))
    program(path / "gcloud", f'"{root}/bin/gcloud" "$@"')
    assert Sdk.find().gcloud == root / "bin" / "gcloud"


def test_a_program_of_that_name_that_is_none_is_named(path: Path) -> None:
    program(path / "gcloud", "echo 'ERROR: (gcloud) broken beyond repair' >&2; exit 1")
    with pytest.raises(EmulatorError, match=r"/gcloud cannot be used: broken beyond repair; install gcloud anew"):
        Sdk.find()


def test_without_one_on_path_the_usual_places_are_looked_at(
    path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Sdk.find(["~/nowhere", str(root)]).root == root
    monkeypatch.setenv("CLOUDSDK_ROOT_DIR", str(root))
    assert Sdk.find([]).root == root


def test_without_any_one_is_told_how_to_install_it(path: Path) -> None:
    with pytest.raises(
        EmulatorError, match=r"needs gcloud, .* `curl https://sdk.cloud.google.com \| bash` installs it"
    ):
        Sdk.find([])


def test_nothing_is_missing_from_a_whole_one(path: Path, root: Path) -> None:
    program(path / "java", "")
    Sdk(root).check()


@pytest.mark.parametrize("name", stand_in_sdk.COMPONENTS)
def test_a_missing_component_is_installed_by_gcloud(path: Path, root: Path, name: str) -> None:
    (root / ".install" / f"{name}.manifest").unlink()
    with pytest.raises(
        EmulatorError, match=rf"no component {name}; `gcloud components install pubsub-emulator beta` installs it"
    ):
        Sdk(root).check()


@pytest.mark.parametrize(("tool", "command"), [("apt-get", "apt-get"), ("dnf", "dnf"), ("yum", "yum")])
def test_a_missing_component_is_installed_by_the_package_manager_that_installed_gcloud(
    path: Path, root: Path, tool: str, command: str
) -> None:
    (root / ".install" / "pubsub-emulator.manifest").unlink()
    (root / "lib" / "googlecloudsdk" / "core" / "config.json").write_text(json.dumps({"disable_updater": True}))
    program(path / tool, "")
    with pytest.raises(EmulatorError, match=f"`sudo {command} install google-cloud-cli-pubsub-emulator` installs it"):
        Sdk(root).check()


@pytest.mark.parametrize(
    ("tool", "hint"),
    [
        ("apt-get", "`sudo apt-get install default-jre-headless` installs it"),
        ("dnf", "`sudo dnf install java-latest-openjdk-headless` installs it"),
        ("brew", "`brew install --cask temurin` installs it"),
        ("nothing", "install it from https://adoptium.net"),
    ],
)
def test_missing_java_is_installed_by_what_installs_here(path: Path, root: Path, tool: str, hint: str) -> None:
    program(path / tool, "")
    with pytest.raises(EmulatorError, match="needs Java, and there is no java on PATH") as caught:
        Sdk(root).check()
    assert str(caught.value).endswith(hint)
    assert java_hint() == hint


def test_the_users_own_settings_are_used_where_they_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "CLOUDSDK_CONFIG" not in environment(own)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "theirs"))
    assert environment(own)["CLOUDSDK_CONFIG"] == str(tmp_path / "theirs")
    monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)
    assert environment(own)["CLOUDSDK_CONFIG"] == str(own)


COMPLAINTS = {
    "gcloud": (
        (
            "ERROR: (gcloud.beta.emulators.pubsub.start) To use the Google Cloud Pub/Sub emulator, a Java 7+ JRE "
            "must be installed and on your system PATH\n"
        ),
        "To use the Google Cloud Pub/Sub emulator, a Java 7+ JRE must be installed and on your system PATH",
    ),
    "the component manager": (
        (
            "You need the [pubsub-emulator] component to use the Google Cloud \nPub/Sub emulator.\n"
            "ERROR: (gcloud.beta.emulators.pubsub.start) \nThe component manager \nis disabled. You can run: \n\n"
            "sudo apt-get install google-cloud-cli-pubsub-emulator\n\n"
        ),
        "The component manager is disabled. You can run: sudo apt-get install google-cloud-cli-pubsub-emulator",
    ),
    "a crash of gcloud": (
        (
            "ERROR: gcloud crashed (ConnectionError): Failed to resolve 'dl.google.com'\n\n"
            "If you would like to report this issue, please run the following command:\n  gcloud feedback\n"
        ),
        "gcloud crashed (ConnectionError): Failed to resolve 'dl.google.com'",
    ),
    "the script that starts Java": (
        (
            "[pubsub] \n[pubsub] ERROR: JAVA_HOME is set to an invalid directory: /nonexistent\n[pubsub] \n"
            "[pubsub] Please set the JAVA_HOME variable in your environment to match the\n"
        ),
        "JAVA_HOME is set to an invalid directory: /nonexistent",
    ),
    "Java": (
        (
            '[pubsub] Exception in thread "main" java.net.BindException: Address already in use\n'
            "[pubsub] \tat java.base/sun.nio.ch.Net.bind0(Native Method)\n"
        ),
        "Address already in use",
    ),
    "too old a Java": (
        (
            "[pubsub] Error: LinkageError occurred while loading main class com.google.Main\n"
            "[pubsub] \tjava.lang.UnsupportedClassVersionError: com/google/Main has been compiled by a newer Java\n"
        ),
        (
            "LinkageError occurred while loading main class com.google.Main "
            "java.lang.UnsupportedClassVersionError: com/google/Main has been compiled by a newer Java"
        ),
    ),
}


@pytest.mark.parametrize(("output", "said"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_complaint_comes_to_one_line(output: str, said: str) -> None:
    chatter = "[pubsub] This is the Google Pub/Sub fake.\n[pubsub] INFO: IAM integration is disabled.\n"
    assert complaint(output) == said
    assert complaint(chatter + output) == said


def test_chatter_is_no_complaint() -> None:
    assert complaint("[pubsub] INFO: Server started, listening on 8085\n") is None


def test_a_complaint_is_cut_when_it_is_long() -> None:
    assert len(complaint(f"ERROR: {'word ' * 500}") or "") < 500


def test_only_the_end_of_javas_main_thread_is_hopeless() -> None:
    assert is_hopeless(COMPLAINTS["Java"][0])
    assert not is_hopeless(COMPLAINTS["gcloud"][0])
