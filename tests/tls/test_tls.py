"""The whole service over rediss://, as the user that may do no more than it does."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from api.redis_client import connect_async
from shared.messages import ItemRef
from shared.queue.celery_app import make_celery
from shared.queue.message_template import publish
from shared.queue.names import QueueName
from shared.redis_client import connect
from shared.settings import SharedSettings
from tests.integration.secured.conftest import Guarded, guarded  # noqa: F401 - a fixture
from tests.integration.secured.everything import run_everything
from tests.support.front import TlsFront

REFUSED = "CERTIFICATE_VERIFY_FAILED"


@pytest.fixture
def front(guarded: Guarded, tmp_path: Path) -> Iterator[TlsFront]:  # noqa: F811 - it is asked for
    made = TlsFront(tmp_path, guarded.port)
    yield made
    made.stop()


def test_everything_works_over_tls(
    guarded: Guarded,  # noqa: F811 - as above
    front: TlsFront,
    tmp_path: Path,
) -> None:
    url = guarded.url("rediss", front.port, f"?ssl_ca_certs={front.authority}")
    run_everything(url, guarded.admin, tmp_path, deaths=False)
    assert guarded.admin.acl_log() == []


@pytest.mark.parametrize(
    ("host", "authority"),
    [("127.0.0.1", ""), ("127.0.0.1", "other.pem"), ("localhost", "authority.pem")],
)
def test_nothing_is_sent_to_a_server_with_an_untrusted_certificate(
    guarded: Guarded,  # noqa: F811 - as above
    front: TlsFront,
    tmp_path: Path,
    host: str,
    authority: str,
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    more = f"?ssl_ca_certs={tmp_path / authority}" if authority else ""
    url = guarded.url("rediss", front.port, more).replace("127.0.0.1", host)
    with (
        connect(url, 2) as client,
        pytest.raises(RedisConnectionError, match=REFUSED),
    ):
        client.ping()
    with pytest.raises(RedisConnectionError, match=REFUSED):
        asyncio.run(ping_as_the_api(url))
    app = make_celery(SharedSettings(redis_url=url).broker_url)
    with (
        pytest.raises(OperationalError, match=REFUSED),
        app.producer_or_acquire() as producer,
    ):
        publish(app, producer, QueueName.BATCH, ItemRef("job", 0, 1))
    app.close()
    assert guarded.admin.llen("batch") == 0


async def ping_as_the_api(url: str) -> None:
    async with connect_async(url, 2, 1) as client:
        await client.ping()
