"""Messages that cannot be put back, because the connection or kombu's transport is gone."""

from unittest.mock import Mock

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.queue.transport import LocalQoS


@pytest.mark.parametrize("error", [RedisConnectionError(), AttributeError("hostname"), OSError()])
def test_a_lost_connection_does_not_end_the_worker(error: Exception) -> None:
    channel = Mock()
    channel.conn_or_acquire.side_effect = error
    qos = LocalQoS(channel)
    qos.append(Mock(), "tag")
    qos.restore_unacked_once()
    assert not qos._delivered
    qos.restore_unacked_once()  # as kombu does
    qos.ack("tag")
