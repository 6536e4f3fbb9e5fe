"""One activation in the world that the environment names, in a process that a test may kill."""

from __future__ import annotations

import sys

from segment_assets.assets.activations import activation_key
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment
from segment_assets.road import Road, open_instance


def main(name: str, segment: str) -> int:
    deployment = Deployment.from_env()
    plan = deployment.plan()
    with open_instance(deployment.home) as instance:
        road = Road(deployment, instance, build_definitions(deployment))
        road.sync_partitions(plan, [segment])
        return 0 if road.run(activation_key(name, plan.accounts[name]).path, partition=segment).success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
