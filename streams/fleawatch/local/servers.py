"""Which Kafka to talk to."""

from fleawatch.local.broker import Broker
from fleawatch.settings import Settings


def embedded(settings: Settings) -> Broker:
    """The broker of this data directory; not started."""
    return Broker(settings.data_dir / "broker")


def find_servers(settings: Settings) -> str:
    """The given servers, else those of the embedded broker.

    Raises:
        BrokerUnavailable: none are given and no broker runs here.
    """
    return settings.bootstrap_servers or embedded(settings).bootstrap
