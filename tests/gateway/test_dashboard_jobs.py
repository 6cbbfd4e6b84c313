"""The list of jobs, and a job's own page, whatever is in the job."""

import html
import re
import zlib

import pytest
from dashboard_jobs import WORKER, a_client, added, answered, begun, given_up
from dashboard_site import Site

from pubsubctl.exchange import Request, Response
from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Lease, Outcome, WorkerInfo

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SCRIPT = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


def listed(site, **query):
    return re.findall(r'data-key="([^"]+)"', site.get("/_dashboard/jobs", **query).text)


def page_of(site, job_id):
    answer = site.get(f"/_dashboard/jobs/{job_id}")
    assert answer.status == 200, answer.text
    return answer.text


# --- the list ---------------------------------------------------------------------------------------------------------


def test_jobs_are_listed_by_state_path_batch_age_and_worker(client, site):
    waits = added(client, "/thumbnail/1?w=2", batch_id="b 1")
    done = answered(client, path="/predict")
    dead = given_up(client, path="/thumbnail/2")
    assert listed(site) == [dead, done, waits]
    assert listed(site, state="queued") == [waits]
    assert listed(site, state=["succeeded", "failed"]) == [dead, done]
    assert listed(site, path="/thumbnail*") == [dead, waits]
    assert listed(site, path="/thumbnail/?") == [dead]
    assert listed(site, batch="b 1") == [waits]
    assert listed(site, worker=WORKER) == [dead, done]
    assert listed(site, within="1h", state="queued") == [waits]
    assert listed(site, older="1h") == []


def test_a_form_says_what_was_asked_for(site):
    text = site.get("/_dashboard/jobs", state="failed", path="/a*", within="1h", older="2h").text
    assert 'value="failed" checked' in text
    assert 'value="/a*"' in text
    assert '<option value="1h" selected>' in text
    assert '<option value="2h" selected>' in text, "one that is not offered"


@pytest.mark.parametrize(
    "query",
    [
        {"state": "dead"},
        {"within": "soon"},
        {"older": "-1"},
        {"path": "x" * 2000},
        {"batch": "a\0b"},
        {"reason": "status"},
    ],
)
def test_what_cannot_be_asked_for_is_refused(site, query):
    assert site.get("/_dashboard/jobs", **query).status == 400


def test_a_cursor_that_is_none_is_refused_with_a_page(site):
    answer = site.get("/_dashboard/jobs", cursor="%%%")
    assert (answer.status, "is no cursor" in answer.text) == (400, True)


def test_pages_follow_one_another_and_keep_what_was_asked_for(client, site):
    ids = [added(client, batch_id="b&c") for _ in range(120)]
    seen, way = [], "/_dashboard/jobs?batch=b%26c&state=queued"
    while way:
        text = site.get(way).text
        seen += re.findall(r'data-key="([^"]+)"', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        way = html.unescape(following[1]) if following else ""
    assert seen == sorted(ids, key=seen.index)
    assert (len(seen), len(set(seen))) == (120, 120)


def test_a_whole_id_leads_to_its_job_and_that_of_a_batch_to_its_jobs(client, site):
    job_id = added(client, batch_id="b/1?x")
    assert site.get("/_dashboard/find", id=f" {job_id} ").headers["Location"] == f"/_dashboard/jobs/{job_id}"
    way = site.get("/_dashboard/find", id="b/1?x").headers["Location"]
    assert (way, listed(site, batch="b/1?x")) == ("/_dashboard/jobs?batch=b/1?x", [job_id])
    for unknown in ("nothing", job_id[:-1], "a\0b", "x" * 5000, SCRIPT):
        assert site.get("/_dashboard/find", id=unknown).status == 404


# --- one job ----------------------------------------------------------------------------------------------------------


def test_a_job_is_told_with_its_story_its_request_and_its_response(client, site):
    request = Request.of("POST", "/predict?x=1", [("content-type", "application/json")], b'{"a":[1]}')
    response = Response(201, (("Content-Type", "text/plain"), ("X-Two", "1"), ("X-Two", "2")), b"made it\n", "MADE")
    job_id = answered(client, response, log="first line\nlast line", request=request, batch_id="b")
    text = html.unescape(page_of(site, job_id))
    for said in (
        "POST</span> /predict?x=1",
        "submitted",
        f"attempt 1 began on {WORKER}",
        "succeeded with 201",
        "first line\nlast line",
        "Status 201 MADE",
        '{\n  "a": [\n    1\n  ]\n}',
        "made it",
    ):
        assert said in text
    assert text.count('<th scope="row">X-Two</th>') == 2


def test_what_a_job_waits_for_is_told_as_explain_does(client, site):
    text = html.unescape(page_of(site, added(client)))
    assert "no emulator runs here" in text
    assert "no worker runs; start one with `pubsubctl worker start APP`" in text


def test_of_many_attempts_the_last_logs_are_shown(client, site):
    job_id = added(client)
    for number in range(1, 13):
        attempt = begun(client, job_id)
        client.store.release([Lease(job_id, attempt, log=f"log number {number};")])
    text = page_of(site, job_id)
    assert [f"log number {number};" in text for number in range(1, 13)] == [False] * 2 + [True] * 10
    assert f"pubsubctl explain {job_id} --logs" in text


def test_progress_is_shown(client, site):
    job_id = added(client)
    lease = Lease(job_id, begun(client, job_id), 0.25, "a quarter")
    client.store.heartbeat(WorkerInfo(WORKER, "box", 1, "app", "s", 1), [lease], lease_s=60)
    text = page_of(site, job_id)
    assert '<progress max="1" value="0.25"' in text
    assert "a quarter" in text


def test_what_does_not_change_any_more_is_not_asked_for_again_and_again(client, site):
    assert "data-live-switch" in page_of(site, added(client))
    assert "data-live-switch" not in page_of(site, answered(client))


@pytest.mark.parametrize("query", [{"path": "/x*"}, {"worker": "w", "state": "failed"}])
def test_what_a_store_may_look_for_for_long_is_not_looked_for_again_and_again(site, query):
    assert "data-live-switch" not in site.get("/_dashboard/jobs", **query).text


@pytest.mark.parametrize("query", [{}, {"worker": "w"}, {"state": "failed", "batch": "b", "within": "1h"}])
def test_what_is_found_at_once_is_kept_up_to_date(site, query):
    assert "data-live-switch" in site.get("/_dashboard/jobs", **query).text


def test_of_a_job_that_was_cancelled_between_attempts_it_is_not_told_how_long_it_ran(client, site):
    job_id = added(client)
    attempt = begun(client, job_id)
    client.store.record([Outcome(job_id, attempt, JobState.RETRYING, Reason.STATUS, "503", retry_in_s=60.0)])
    client.store.cancel([job_id])
    assert "<dt>Ran</dt>" not in page_of(site, job_id)
    assert "<dt>Ran</dt>" in page_of(site, answered(client))


def test_what_was_done_is_told_until_the_job_goes_on(client, site):
    job_id = added(client)
    page = f"/_dashboard/jobs/{job_id}"
    done = site.post(f"{page}/cancel", of=page).headers["Location"]
    text = site.get(done).text
    assert "The job is cancelled." in text
    assert f'href="{page}">Reload<' in text, "to reload is not to be told again"
    client.retry(job_id)
    assert "The job is cancelled." not in site.get(done).text


def test_an_unknown_job_is_a_plain_page(site):
    answer = site.get("/_dashboard/jobs/nothing")
    assert (answer.status, "no job &#39;nothing&#39;" in answer.text) == (404, True)
    assert site.get("/_dashboard/jobs/nothing/response/body").status == 404


def test_a_job_can_be_cancelled_and_tried_again(client, site):
    job_id = added(client)
    page = f"/_dashboard/jobs/{job_id}"
    assert "Try the job again" not in page_of(site, job_id)
    done = site.post(f"{page}/cancel", of=page)
    assert "The job is cancelled." in site.get(done.headers["Location"]).text
    late = site.post(f"{page}/cancel", of=page)
    assert "had ended already" in site.get(late.headers["Location"]).text
    again = site.post(f"{page}/retry", of=page)
    assert "queued again" in site.get(again.headers["Location"]).text
    assert client.get(job_id).state is JobState.QUEUED


def test_no_message_of_somebodys_own_can_be_put_into_the_page(client, site):
    job_id = added(client)
    assert "call 555" not in site.get(f"/_dashboard/jobs/{job_id}", done="call 555").text


# --- whatever is in it ------------------------------------------------------------------------------------------------


def harmless(text):
    """No tag and no attribute in the page is the job's own."""
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert str(7 * 65537) not in text
    return text


def hostile(client):
    request = Request.of(
        "POST",
        f"/a?{SCRIPT}",
        [("content-type", "multipart/form-data; boundary=x"), ("x-evil", SCRIPT)],
        f'--x\r\nContent-Disposition: form-data; name="f"; filename="{SCRIPT}"\r\n\r\n{SCRIPT}\r\n--x--'.encode(),
    )
    return {"request": request, "batch_id": SCRIPT, "ordering_key": SCRIPT, "idempotency_key": SCRIPT}


def test_a_hostile_job_is_text_wherever_it_is_shown(client, site):
    given = hostile(client)
    response = Response(200, (("Content-Type", "text/html"), ("X-Evil", SCRIPT)), SCRIPT.encode(), SCRIPT)
    done = answered(client, response, log=SCRIPT, **given)
    given["idempotency_key"] += "2"
    dead = given_up(client, error=SCRIPT, **given)
    given["idempotency_key"] += "3"
    running = added(client, **given)
    lease = Lease(running, begun(client, running, worker_id=SCRIPT), 0.5, SCRIPT)
    client.store.heartbeat(WorkerInfo(SCRIPT, SCRIPT, 1, SCRIPT, SCRIPT, 1), [lease], lease_s=60)
    for page in (
        "",
        "jobs",
        "batches",
        "letters",
        f"letters/confirm?do=purge&id={dead}",
        "letters/confirm?do=replay&all=1",
    ):
        assert html.escape(SCRIPT, quote=False)[:20] in harmless(site.get(f"/_dashboard/{page}").text).replace(
            "&#34;", '"'
        )
    for job_id in (done, dead, running):
        assert "&lt;script&gt;" in harmless(page_of(site, job_id))
    for query in ({"batch": SCRIPT}, {"worker": SCRIPT}, {"path": SCRIPT}, {"state": SCRIPT}):
        harmless(site.get("/_dashboard/jobs", **query).text)
    assert listed(site, batch=SCRIPT) == [running, dead, done]
    harmless(site.get("/_dashboard/letters", did=SCRIPT, count=SCRIPT, left=SCRIPT).text)


def test_what_turns_text_around_or_hides_it_is_made_visible(client, site):
    job_id = answered(client, Response(200, (("Content-Type", "text/plain"),), "a\u202eb\x1b[31mc\x00".encode()[:-1]))
    text = page_of(site, job_id)
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mc" in text


@pytest.mark.parametrize(
    "name", ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-Goog-Iap-Jwt-Assertion", "proxy-authorization"]
)
def test_headers_that_let_somebody_in_are_masked(client, site, name):
    request = Request.of("GET", "/x", [(name, "s3cret-of-the-request"), ("Accept", "text/plain")])
    response = Response(200, ((name, "s3cret-of-the-response"), ("Set-Cookie", "sid=s3cret")), b"ok")
    job_id = answered(client, response, log="{'Authorization': 'Bearer s3cret'}", request=request)
    text = page_of(site, job_id)
    assert "s3cret" not in text
    assert "***" in text
    assert "text/plain" in text


# --- bodies -----------------------------------------------------------------------------------------------------------


def body_of(site, job_id, what="response"):
    answer = site.get(f"/_dashboard/jobs/{job_id}/{what}/body")
    headers = answer.headers
    assert answer.status == 200
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "allow-" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    return answer


HOSTILE_TYPES = [
    "text/html",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/javascript",
    "text/css",
    "application/pdf",
    "image/png, text/html",
    "IMAGE/SVG+XML",
    "multipart/x-mixed-replace; boundary=x",
    "",
]


@pytest.mark.parametrize("kind", HOSTILE_TYPES)
def test_what_a_browser_might_run_is_only_ever_a_file_to_download(client, site, kind):
    content = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    job_id = answered(client, Response(200, (("Content-Type", kind), ("Content-Disposition", "inline")), content))
    answer = body_of(site, job_id)
    assert answer.body == content
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="job-{job_id}-response.bin"'
    assert "<img class" not in page_of(site, job_id)


@pytest.mark.parametrize(
    ("kind", "content", "suffix"),
    [
        ("image/png", PNG, "png"),
        ("Image/JPEG; q=1", b"\xff\xd8\xff\xe0" + bytes(20), "jpg"),
        ("image/gif", b"GIF89a" + bytes(20), "gif"),
        ("image/webp", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20), "webp"),
    ],
)
def test_some_images_are_shown(client, site, kind, content, suffix):
    job_id = answered(client, Response(200, (("Content-Type", kind),), content))
    answer = body_of(site, job_id)
    assert answer.headers["Content-Type"] == kind.partition(";")[0].lower()
    assert answer.headers["Content-Disposition"] == f'inline; filename="job-{job_id}-response.{suffix}"'
    assert f'<img class="body" src="/_dashboard/jobs/{job_id}/response/body"' in page_of(site, job_id)


@pytest.mark.parametrize("content", [b"<script>alert(1)</script>", b"GIF89a" + bytes(9), b"", b"\x89PNG"])
def test_what_is_no_such_image_is_not_shown_as_one(client, site, content):
    job_id = answered(client, Response(200, (("Content-Type", "image/png"),), content))
    assert body_of(site, job_id).headers["Content-Type"] == "application/octet-stream"
    assert "<img class" not in page_of(site, job_id)


def test_the_body_of_a_request_is_handed_out_likewise(client, site):
    job_id = added(client, request=Request.of("POST", "/x", [("content-type", "text/html")], b"<script>"))
    answer = body_of(site, job_id, "request")
    assert (answer.body, answer.headers["Content-Type"]) == (b"<script>", "application/octet-stream")
    assert site.get(f"/_dashboard/jobs/{job_id}/response/body").status == 404, "there is none yet"


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "application/json"])
def test_no_more_than_the_beginning_of_a_large_body_is_in_the_page(client, site, kind):
    job_id = answered(client, Response(200, (("Content-Type", kind),), "\N{SNOWMAN}".encode() * 100_000))
    text = page_of(site, job_id)
    assert 21_000 < text.count("\N{SNOWMAN}") <= 64 * 1024 // 3
    assert "this is its beginning" in text
    assert len(body_of(site, job_id).body) == 300_000


@pytest.mark.parametrize(
    ("kind", "content", "shown"),
    [
        ("application/json", b'{"a": 1}', '{\n  "a": 1\n}'),
        ("application/problem+json", b'{"a": "\\u2603"}', "\N{SNOWMAN}"),
        ("application/json", b"{broken", "{broken"),
        ("application/json", b"[" * 50_000, "[[["),
        ("text/plain; charset=latin-1", b"caf\xe9", "caf\xe9"),
        ("text/plain; charset=nonsense", "caf\xe9".encode(), "caf\xe9"),
        ("text/plain; charset=base64", b"plain", "plain"),
        ("text/plain; charset=zlib", zlib.compress(bytes(10_000_000)), "is not text"),
        ("text/plain; charset=punycode", b"a-" + b"b" * 60_000, "a-bbb"),
        ("text/plain", b"caf\xe9", "is not text"),
        ("application/octet-stream", bytes(range(256)), "is not text"),
        ("", b"", "There is no body"),
    ],
)
def test_a_body_is_shown_as_what_it_is(client, site, kind, content, shown):
    job_id = answered(client, Response(200, (("Content-Type", kind),), content))
    assert shown in html.unescape(page_of(site, job_id))


def test_a_body_that_is_kept_apart_is_handed_out_and_not_read_for_the_page(tmp_path):
    folder = tmp_path / "apart"
    folder.mkdir()
    with a_client(folder, payloads=str(folder / "payloads"), inline_limit="10") as client:
        request = client.bodies.request_of(Request.of("POST", "/x", (), b"x" * 1000), None, "big")
        added(client, id="big", request=request)
        site = Site(client)
        try:
            assert "is kept apart" in page_of(site, "big")
            assert body_of(site, "big", "request").body == b"x" * 1000
            next((folder / "payloads").rglob("*request*")).unlink()
            assert "is kept apart" in page_of(site, "big")
            assert site.get("/_dashboard/jobs/big/request/body").status == 404
        finally:
            site.close()
