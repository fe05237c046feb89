"""The configuration of the embedded broker: one KRaft node, on the loopback address, small."""

import re
from collections.abc import Mapping
from pathlib import Path

from fleawatch.local.ports import HOST


def server_properties(port: int, controller_port: int, data: Path, extra: Mapping[str, str]) -> str:
    """The text of `server.properties`; `extra` wins over what we set."""
    chosen = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",  # every topic has settings that matter: see fleawatch.topics
        "group.initial.rebalance.delay.ms": "0",  # a group starts at once, not after 3 s
        "group.min.session.timeout.ms": "1000",
        # one node: nothing can be replicated
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
        # of the heap's 512 MB the cleaner would take 128
        "log.cleaner.dedupe.buffer.size": "16777216",
        "num.network.threads": "2",
        "num.io.threads": "4",
        **extra,
    }
    # In a properties file a backslash escapes what follows.
    lines = (f"{name}={value}\n".replace("\\", "\\\\") for name, value in chosen.items())
    return "".join(lines)


def ports_of(text: str) -> list[int]:
    """The ports of an earlier `server_properties`: [broker's, controller's], or []."""
    found = re.search(r"^listeners=PLAINTEXT://[^:]+:(\d+),CONTROLLER://[^:]+:(\d+)$", text, re.MULTILINE)
    return [int(found[1]), int(found[2])] if found else []
