"""The embedded broker and its commands, as a user's shell sees them."""

import pytest

from conftest import Kafka
from fleawatch.local.probe import probe

pytestmark = pytest.mark.broker


async def test_it_answers_a_metadata_request(kafka: Kafka) -> None:
    assert await probe(kafka.bootstrap, 10.0) >= 1
