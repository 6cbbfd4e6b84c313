"""The gateway in front of an application that answers by itself."""

import threading

import pytest
from echo_app import app
from gateway_kit import Asking, eventually
from waitress import create_server

from pubsubctl.gateway import AsyncMiddleware, Terms


@pytest.fixture(scope="module")
def mounted(surroundings):
    middleware = AsyncMiddleware(app.wsgi_app, surroundings.client, Terms(allow=("/echo/*", "/until/*")))
    server = create_server(middleware, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Asking(f"127.0.0.1:{server.effective_port}")
    middleware.close()
    server.trigger.pull_trigger(server.close)
    server.task_dispatcher.shutdown()
    thread.join(20)


def test_who_does_not_ask_for_it_is_answered_by_the_application_itself(mounted):
    answer = mounted("POST", "/echo/now", b"x")
    assert (answer.status, answer.json["body"]) == (200, "x")
    assert answer.header("pubsubctl-job") is None


def test_who_asks_for_it_is_told_where_to_ask(mounted):
    answer = mounted("POST", "/echo/later?a=%2F", b"x", {"Prefer": "respond-async"})
    assert (answer.status, answer.header("preference-applied")) == (202, "respond-async")
    place = answer.header("location")
    eventually(lambda: mounted("GET", place).json["state"] == "succeeded", "the job has run")
    assert mounted("GET", f"{place}/result").json["target"] == "/echo/later?a=%2F"


def test_a_path_that_is_not_allowed_is_the_applications(mounted):
    assert mounted("GET", "/status/418", headers={"Prefer": "respond-async"}).status == 418


def test_where_pauses_cost_threads_few_wait_and_the_others_are_told_where_to_ask(mounted, tmp_path):
    answers = []

    def wait() -> None:
        answers.append(mounted("GET", f"/until{tmp_path}/end", headers={"Prefer": "respond-async, wait=60"}))

    clients = [threading.Thread(target=wait) for _ in range(7)]
    for client in clients:
        client.start()
    eventually(lambda: len(answers) == 3, "those for whom there is no thread are answered")
    assert mounted("POST", "/echo/now", b"x").status == 200
    (tmp_path / "end").touch()
    for client in clients:
        client.join(60)
    assert sorted(answer.status for answer in answers) == [200] * 4 + [202] * 3
