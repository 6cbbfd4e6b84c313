"""Settings: which source goes before which, what is refused, and that each value knows where it came from."""

import threading
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.errors import InvalidName, InvalidSetting
from pubsubctl.exchange import USUAL_RETRY_ON, RetryOn
from pubsubctl.quantities import duration
from pubsubctl.settings import FILE, Settings, find_file
from pubsubctl.state import DIRECTORY

KEYS = [field.name for field in fields(Settings) if "parse" in field.metadata]


@pytest.fixture
def load(tmp_path):
    """Settings as a folder with nothing but ``toml`` in it gives them."""

    def load(flags=None, *, toml: str | None = None, start: Path | None = None, **keywords):
        if toml is not None:
            (tmp_path / FILE).write_text(toml, encoding="utf-8")
        return Settings.load(flags, **{"environ": {}, **keywords}, start=start or tmp_path)

    return load


# --- sources --------------------------------------------------------------------------------------------------------


def test_without_any_source_it_is_the_embedded_broker_and_a_store_of_the_folder(load, tmp_path):
    settings = load()
    assert (settings.broker, settings.project, settings.emulator_host) == ("embedded", "pubsubctl-local", None)
    assert settings.store_url == f"sqlite:///{tmp_path}/{DIRECTORY}/jobs.db"
    assert settings.sources == {}
    assert settings.topic_path == "projects/pubsubctl-local/topics/pubsubctl-requests"
    assert settings.subscription_path == "projects/pubsubctl-local/subscriptions/pubsubctl-workers"
    assert settings.dead_letter_topic_path == "projects/pubsubctl-local/topics/pubsubctl-dead"
    assert settings.dead_letter_subscription_path == "projects/pubsubctl-local/subscriptions/pubsubctl-dead"


def test_a_flag_goes_before_the_environment_and_that_before_the_file(load, tmp_path):
    toml = "topic = 'from-file'\nsubscription = 'from-file'\nproject = 'from-file'\n"
    environ = {"PUBSUBCTL_TOPIC": "from-environ", "PUBSUBCTL_SUBSCRIPTION": "from-environ"}
    settings = load({"topic": "from-flag", "route": None}, toml=toml, environ=environ)
    assert (settings.topic, settings.subscription, settings.project) == ("from-flag", "from-environ", "from-file")
    assert settings.sources == {
        "topic": "--topic",
        "subscription": "PUBSUBCTL_SUBSCRIPTION",
        "project": str(tmp_path / FILE),
    }


def test_a_flag_that_was_not_given_hides_nothing(load):
    assert load({"topic": None}, environ={"PUBSUBCTL_TOPIC": "theirs"}).topic == "theirs"


def test_an_empty_variable_is_one_that_is_not_set(load):
    settings = load(toml="topic = 'mine'", environ={"PUBSUBCTL_TOPIC": "", "PUBSUB_EMULATOR_HOST": ""})
    assert (settings.topic, settings.emulator_host) == ("mine", None)


@pytest.mark.parametrize("key", [key for key in KEYS if key != "retry_on"])
def test_every_key_can_be_set_in_every_way(key, load):
    words = {
        "broker": "gcloud",
        "store": "/x/y.db",
        "payloads": "/x/payloads",
        "credentials_file": "/x/key.json",
        "route": "PUT /x",
        "emulator_host": "localhost:8085",
        "host_port": "127.0.0.1:9090",
        "log_format": "json",
        "max_memory_per_child": 77 << 20,
        "prefetch": 77,
        "universe_domain": "other.example",
    }
    default = getattr(Settings(), key)
    value = words.get(
        key, 77 if isinstance(default, int | float) or "timeout" in key or key == "prefetch" else "word-77"
    )
    assert getattr(load({key: value}), key) == value
    assert getattr(load(environ={f"PUBSUBCTL_{key.upper()}": str(value)}), key) == value
    assert getattr(load(toml=f"{key} = {value!r}"), key) == value
    assert getattr(load(toml=f"{key.replace('_', '-')} = {value!r}"), key) == value


def test_what_is_retried_is_a_list_of_statuses_and_words(load):
    assert load().retry_on == USUAL_RETRY_ON
    assert load(toml="retry_on = '500,502-504, timeout'").retry_on == RetryOn(
        frozenset({500, 502, 503, 504}), True, False
    )
    assert load({"retry_on": "5xx,crash"}).retry_on == RetryOn(frozenset(range(500, 600)), False, True)
    assert load(environ={"PUBSUBCTL_RETRY_ON": "none"}).retry_on == RetryOn(frozenset(), False, False)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("99999999", 99_999_999), ("99999K", 99_999 << 10), ("300m", 300 << 20), ("1GiB", 1 << 30)],
)
def test_a_size_has_units(load, text, size):
    assert load({"max_memory_per_child": text}).max_memory_per_child == size


@pytest.mark.parametrize("value", ["ABC", "localhost", ":8085", "http://127.0.0.1:8085", "127.0.0.1:99999", "a b:1"])
def test_an_emulators_address_is_a_host_and_a_port(load, value):
    with pytest.raises(InvalidSetting, match=r"must be HOST:PORT.*from PUBSUB_EMULATOR_HOST"):
        load(environ={"PUBSUB_EMULATOR_HOST": value})


def test_the_file_of_a_folder_above_is_found_and_a_nearer_one_goes_before_it(load, tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load(toml="topic = 'outer'", start=inner).topic == "outer"
    (tmp_path / "a" / FILE).write_text("project = 'inner'")
    settings = load(start=inner)
    assert (settings.topic, settings.project) == ("pubsubctl-requests", "inner")
    assert find_file(inner) == tmp_path / "a" / FILE


def test_the_state_directory_of_a_folder_above_is_used(load, tmp_path):
    (tmp_path / DIRECTORY).mkdir()
    (tmp_path / "a").mkdir()
    assert load(start=tmp_path / "a").state.directory == tmp_path / DIRECTORY


def test_without_a_state_directory_it_belongs_beside_the_file_that_the_settings_come_from(load, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    settings = load(toml="topic = 'mine'", start=tmp_path / "a" / "b")
    assert (settings.topic, settings.state.directory) == ("mine", tmp_path / DIRECTORY)
    assert settings.store_url == f"sqlite:///{tmp_path}/{DIRECTORY}/jobs.db"
    assert load(toml="").state.directory == tmp_path / DIRECTORY


def test_the_emulator_host_of_google_is_honoured_and_ours_goes_before_it(load):
    assert load(environ={"PUBSUB_EMULATOR_HOST": "h:1"}).emulator_host == "h:1"
    settings = load(environ={"PUBSUB_EMULATOR_HOST": "h:1", "PUBSUBCTL_EMULATOR_HOST": "h:2"})
    assert (settings.emulator_host, settings.sources["emulator_host"]) == ("h:2", "PUBSUBCTL_EMULATOR_HOST")


# --- profiles -------------------------------------------------------------------------------------------------------

PROFILES = "topic = 'every-day'\nproject = 'base'\n[profiles.night]\ntopic = 'nightly'\n[profiles.empty]\n"


def test_a_profile_goes_before_the_rest_of_the_file(load, tmp_path):
    settings = load(toml=PROFILES, profile="night")
    assert (settings.topic, settings.project) == ("nightly", "base")
    assert settings.sources["topic"] == f"{tmp_path / FILE} [profiles.night]"
    assert load(toml=PROFILES).topic == "every-day"
    assert load(toml=PROFILES, profile="empty").topic == "every-day"


def test_a_profile_named_in_the_environment_is_used_unless_another_is_asked_for(load):
    environ = {"PUBSUBCTL_PROFILE": "night"}
    assert load(toml=PROFILES, environ=environ).topic == "nightly"
    assert load(toml=PROFILES, environ=environ, profile="empty").topic == "every-day"


def test_an_unknown_profile_is_refused_naming_those_there_are(load):
    with pytest.raises(InvalidSetting, match=r"no \[profiles\.day\]; it has night, empty"):
        load(toml=PROFILES, profile="day")
    with pytest.raises(InvalidSetting, match="it has none"):
        load(toml="", profile="day")


def test_a_profile_without_a_file_is_refused(load):
    with pytest.raises(InvalidSetting, match=r"profile 'x' was asked for, and there is no pubsubctl\.toml"):
        load(profile="x")


@pytest.mark.parametrize("toml", ["profiles = 1", "[profiles]\nday = 1", "[[profiles]]\na = 1"])
def test_profiles_that_are_no_tables_are_refused(toml, load):
    with pytest.raises(InvalidSetting, match=r"must hold tables, each written as \[profiles\.NAME\]"):
        load(toml=toml, profile="day")


# --- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("jobs.db", "{folder}/jobs.db"),
        ("/var/jobs.db", "/var/jobs.db"),
        ("~/jobs.db", "{home}/jobs.db"),
        ("sqlite:///jobs.db", "sqlite:///{folder}/jobs.db"),
        ("sqlite:////var/jobs.db", "sqlite:////var/jobs.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://h/db", "postgresql://h/db"),
    ],
)
def test_a_path_in_the_file_is_relative_to_it_from_every_folder(written, meant, load, tmp_path):
    (tmp_path / "sub").mkdir()
    settings = load(toml=f"store = '{written}'", start=tmp_path / "sub")
    assert settings.store_url == meant.format(folder=tmp_path, home=Path.home())


def test_a_path_from_elsewhere_is_left_as_it_is(load):
    assert load({"store": "jobs.db"}).store == "jobs.db"
    assert load(environ={"PUBSUBCTL_CREDENTIALS_FILE": "key.json"}).credentials_file == "key.json"


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("broker", "rabbit", "must be one of embedded, gcloud, cloud, not 'rabbit'"),
        ("broker", "Cloud", "must be one of"),
        ("log_format", "yaml", "must be one of text, json"),
        ("host_port", "9090", "must be HOST:PORT"),
        ("max_memory_per_child", "big", "must be a size such as 300M or 2G"),
        ("max_memory_per_child", "-1", "must be a size"),
        ("max_memory_per_child", "300", "must be 0, or 16M or more"),
        ("processes", "1001", "must be at most 1,000"),
        ("threads", "1001", "must be at most 1,000"),
        ("max_jobs_per_child", "-1", "must be a whole number, 0 or more"),
        ("retry_on", "5x", "must be a list of statuses"),
        ("retry_on", "504-500", "must be a list of statuses"),
        ("retry_on", "none,500", "must be a list of statuses"),
        ("topic", "", "must not be empty"),
        ("processes", "-1", "a whole number, 0 or more"),
        ("threads", "0", "a whole number, 1 or more"),
        ("threads", "two", "a whole number, 1 or more"),
        ("threads", "1.5", "a whole number, 1 or more"),
        ("threads", True, "a whole number, 1 or more"),
        ("max_attempts", 0, "a whole number, 1 or more"),
        ("prefetch", "1e3", "a whole number, 0 or more"),
        ("ack_deadline", "9", "10 to 600 seconds"),
        ("ack_deadline", "11m", "10 to 600 seconds"),
        ("job_timeout", "0", "longer than nothing"),
        ("job_timeout", "-5", "a duration such as"),
        ("job_timeout", True, "a duration such as"),
        ("result_ttl", "7 days", "a duration such as"),
        ("drain_timeout", "inf", "a duration such as"),
        ("drain_timeout", "3661d", "at most 3,660 days"),
        ("job_timeout", "1" + "0" * 400, "at most 3,660 days"),
        ("route", "BREW /x", "'METHOD /path'.*unknown method 'BREW'"),
        ("route", "noslash", "'METHOD /path'.*must begin with '/'"),
        ("route", "POST noslash", "'METHOD /path'.*must begin with '/'"),
        ("route", "POST", "'METHOD /path'.*must begin with '/'"),
        ("route", " ", "'METHOD /path'.*must begin with '/'"),
        ("route", "POST /a#b", "fragment"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_source(key, value, why, load, tmp_path):
    with pytest.raises(InvalidSetting, match=f"{key} .*{why}.*from --{key.replace('_', '-')}"):
        load({key: value})
    if isinstance(value, str) and value:
        with pytest.raises(InvalidSetting, match=f"from PUBSUBCTL_{key.upper()}"):
            load(environ={f"PUBSUBCTL_{key.upper()}": value})
    with pytest.raises(InvalidSetting, match=rf"from {tmp_path / FILE}\)"):
        load(toml=f"{key} = {str(value).lower() if value is True else repr(value)}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("/x", "/x"), (" /x ", "/x"), ("POST  /a b", "POST /a b"), ("\tput\t/a ", "put /a"), ("/a b", "/a b")],
)
def test_a_route_is_kept_without_the_space_around_its_parts(written, meant, load):
    assert load({"route": written}).route == meant


def test_an_unknown_key_is_refused_with_the_one_that_was_meant(load):
    with pytest.raises(InvalidSetting, match=r"unknown key 'subscripton' in .*pubsubctl\.toml; did you mean"):
        load(toml="subscripton = 'x'")
    with pytest.raises(InvalidSetting, match=r"unknown key 'zzz' in .* \[profiles\.p\]$"):
        load(toml="[profiles.p]\nzzz = 1", profile="p")
    with pytest.raises(InvalidSetting, match="unknown key 'worker' in"):
        load(toml="[worker]\nthreads = 1")


def test_an_unknown_setting_of_a_caller_is_refused_as_one_of_the_file_is(load):
    with pytest.raises(InvalidSetting, match="unknown key 'stor' in the settings given; did you mean 'store'"):
        load({"stor": "x"})


@pytest.mark.parametrize("content", [b"topic = ", b"topic = 'a'\ntopic = 'b'", b"topic = '\xff'"])
def test_a_file_that_is_no_toml_is_refused_by_name(content, load, tmp_path):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InvalidSetting, match=f"{tmp_path / FILE} cannot be read"):
        load()


def test_a_file_in_utf_8_is_read_as_such(load):
    assert load(toml="route = 'POST /prévoir'").route == "POST /prévoir"


@pytest.mark.parametrize("key", ["topic", "subscription", "dead_letter_topic", "dead_letter_subscription"])
def test_a_name_that_pubsub_would_refuse_is_refused_at_once(key, load):
    with pytest.raises(InvalidName, match="'no/such'"):
        load({key: "no/such"})
    with pytest.raises(InvalidName):
        load({"project": "no project"})


# --- cloud ----------------------------------------------------------------------------------------------------------

CLOUD = {"broker": "cloud", "project": "p-1", "store": "s.db"}


def test_cloud_is_used_when_project_and_store_are_named(load):
    assert load(CLOUD).broker == "cloud"


@pytest.mark.parametrize("key", ["project", "store"])
def test_cloud_never_falls_back_to_a_default(key, load):
    flags = {name: value for name, value in CLOUD.items() if name != key}
    with pytest.raises(InvalidSetting, match=f"broker is cloud, so {key} must be named too; add --{key}"):
        load(flags)
    variables = {f"PUBSUBCTL_{key.upper()}": CLOUD[key]}
    assert load(flags, environ=variables).broker == "cloud"


def test_cloud_with_an_emulators_address_is_an_error_that_names_both_sources(load):
    with pytest.raises(InvalidSetting, match=r"from --broker\).*from PUBSUB_EMULATOR_HOST\); unset one"):
        load(CLOUD, environ={"PUBSUB_EMULATOR_HOST": "localhost:8085"})


# --- durations and slots --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5m", 90),
        ("2h", 7200),
        ("7d", 604_800),
        ("3660d", 316_224_000),
        (0, 0),
        (2.5, 2.5),
        ("0s", 0),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "1w", "1 h", "1h30m", "-1", "1e3", "nan", "inf", "1.", ".5", None, True, "1h\n"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="must be a duration such as 90, 90s, 10m, 2h or 7d"):
        duration(text)


@given(st.text(max_size=6) | st.floats() | st.integers() | st.booleans() | st.none())
def test_a_duration_is_never_negative_nor_endless(value):
    try:
        seconds = duration(value)
    except ValueError:
        return
    assert 0 <= seconds <= 316_224_000


def test_the_longest_duration_is_one_that_a_thread_can_wait():
    ended = threading.Event()
    waiting = threading.Thread(target=ended.wait, args=(duration("3660d"),))
    waiting.start()
    ended.set()
    waiting.join(10)
    assert not waiting.is_alive()


def test_slots_are_processes_times_threads(load):
    assert load({"processes": 3, "threads": 4}).slots == 12


def test_without_a_number_there_are_as_many_processes_as_cpus(load):
    assert load().process_count == load().slots >= 1


def test_a_store_that_is_a_service_of_googles_is_told_whose_credentials_it_is_asked_with(load):
    flags = {"store": "firestore://demo/jobs", "credentials_file": "/x/key.json", "impersonate_service_account": "a@b"}
    settings = load(flags=flags)
    assert settings.store_url == ("firestore://demo/jobs?credentials_file=/x/key.json&impersonate_service_account=a@b")
    assert settings.store_name == "firestore://demo/jobs"
    assert load(flags={"store": "firestore://demo"}).store_url == "firestore://demo"
    assert load(flags={**flags, "store": "/a/jobs.db"}).store_url == "/a/jobs.db"


def test_googles_own_variables_count_in_the_cloud_alone(load):
    theirs = {"GOOGLE_CLOUD_PROJECT": "theirs", "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "other.example"}
    assert load(environ=theirs).project == "pubsubctl-local"
    settings = load({"broker": "cloud", "store": "jobs.db"}, environ=theirs)
    assert (settings.project, settings.universe_domain) == ("theirs", "other.example")
    assert settings.sources["project"] == "GOOGLE_CLOUD_PROJECT"
    assert load({"broker": "cloud", "store": "jobs.db", "project": "ours"}, environ=theirs).project == "ours"


@pytest.mark.parametrize("value", ["", "a b", "https://x/y", "host:99999", "[::1"])
def test_an_endpoint_is_a_host_and_perhaps_a_port(load, value):
    if not value:
        assert load(environ={"PUBSUBCTL_ENDPOINT": value}).endpoint is None
        return
    with pytest.raises(InvalidSetting, match="must be HOST or HOST:PORT"):
        load({"endpoint": value})
