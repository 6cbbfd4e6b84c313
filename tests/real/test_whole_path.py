"""The stored response of a published application is what it answers directly, byte for byte."""

from comparing import comparable

from pubsubctl.exchange import Meaning, meaning
from pubsubctl.job import JobState


def test_the_stored_response_is_the_answer_that_the_request_gets_directly(published, case, direct, stored):
    expected, (job, response) = direct(published)[case.id], stored(published)[case.id]
    assert response is not None, f"{job.state}: {job.error}"
    assert comparable(response, case) == comparable(expected, case)
    assert (job.attempt, job.http_status, job.result_bytes) == (1, expected.status, len(expected.body))
    assert (job.state is JobState.SUCCEEDED) == (meaning(expected.status) is Meaning.SUCCEEDED)
