"""The configuration of a Temporal server that keeps schedules in its newer backend, V2 ("CHASM")."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import yaml

ENVIRONMENT = "development"
_SERVICES = ("frontend", "history", "matching", "worker")
_DYNAMIC = {
    "frontend.rps.namespaceReplicationInducingAPIs": 1000,  # creating namespaces is one of them
    "history.enableChasm": True,
    "history.enableTransitionHistory": True,
    "history.enableCHASMSchedulerCreation": True,
    "history.enableCHASMSchedulerRouting": True,
    "system.namespaceCacheRefreshInterval": "1s",
    "worker.perNamespaceWorkerStartRate": 1000,
}


def write(
    folder: pathlib.Path,
    port: int,
    metrics_port: int,
    reserve: Callable[[], int],
    *,
    has_search_attributes: bool,
    more: Mapping[str, float],
) -> None:
    """Write the configuration for an in-memory server whose frontend uses this port; `folder` is its `--root`.

    `more` is dynamic configuration in addition to what V2 needs.

    If search attributes are registered, each use reads them from the database, because the services' caches lag by a
    minute. Without them, this is disabled, as in production, because a listing would read them once for each entry,
    which exceeds the server's limit.
    """
    config = folder / "config"
    config.mkdir(exist_ok=True)
    dynamic = config / "dynamic.yaml"
    values = {**_DYNAMIC, **more, "system.forceSearchAttributesCacheRefreshOnRead": has_search_attributes}
    dynamic.write_text(yaml.safe_dump({name: [{"value": value}] for name, value in values.items()}))
    ports = {name: (port if name == "frontend" else reserve(), reserve()) for name in _SERVICES}
    services = {
        name: {"rpc": {"grpcPort": grpc, "membershipPort": membership, "bindOnLocalHost": True}}
        for name, (grpc, membership) in ports.items()
    }
    document = {
        "log": {"stdout": True, "level": "error"},
        "persistence": {
            "defaultStore": "sqlite",
            "visibilityStore": "sqlite",
            "numHistoryShards": 1,
            "datastores": {"sqlite": {"sql": _in_memory()}},
        },
        "global": {
            "membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"},
            "metrics": {"prometheus": {"listenAddress": f"127.0.0.1:{metrics_port}"}},
        },
        "services": services,
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {
                "active": {
                    "enabled": True,
                    "initialFailoverVersion": 1,
                    "rpcName": "frontend",
                    "rpcAddress": f"127.0.0.1:{port}",
                }
            },
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": str(dynamic), "pollInterval": "10s"},
    }
    (config / f"{ENVIRONMENT}.yaml").write_text(yaml.safe_dump(document))


def _in_memory() -> dict[str, Any]:
    return {
        "pluginName": "sqlite",
        "databaseName": "default",
        "connectAddr": "localhost",
        "connectProtocol": "tcp",
        "connectAttributes": {"mode": "memory", "cache": "private"},
        "maxConns": 1,
        "maxIdleConns": 1,
        "maxConnLifetime": "1h",
    }
