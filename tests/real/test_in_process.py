"""A published application answers a request that comes out of a message as it answers it directly, byte for byte."""

from comparing import comparable


def test_the_request_out_of_a_message_gets_the_answer_that_it_gets_directly(published, case, direct, by_messages):
    expected = direct(published)[case.id]
    assert expected.status == case.status
    assert comparable(by_messages(published)[case.id], case) == comparable(expected, case)
