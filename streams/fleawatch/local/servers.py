"""Which Kafka to talk to."""

import logging

from fleawatch.local.broker import Broker
from fleawatch.local.jars import Say
from fleawatch.settings import Settings


def embedded(settings: Settings, say: Say, *, port: int = 0) -> Broker:
    """The broker of this data directory; not started."""
    return Broker(settings.data_dir / "broker", port=port, say=say)


def find_servers(settings: Settings) -> str:
    """The given servers, else those of the embedded broker.

    Raises:
        BrokerUnavailable: none are given and no broker runs here.
    """
    return settings.bootstrap_servers or embedded(settings, lambda _: None).bootstrap


def mute_aiokafka() -> None:
    """For commands that say in a line of their own what could not be reached: the client's log is not printed before it."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
