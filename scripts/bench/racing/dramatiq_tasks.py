"""The Dramatiq actor, for the worker and for the client."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from racing.noop import answer
from racing.tasks import url

broker = RedisBroker(url=url())
broker.add_middleware(Results(backend=RedisBackend(url=url())))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: int) -> str:
    """Answer at once."""
    return answer(number)
