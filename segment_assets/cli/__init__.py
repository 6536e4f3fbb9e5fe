"""segment-assets on the command line: the same core for people at a terminal.

Belongs here: commands and what they print. Not here: any work (rooms, `road`), which each command imports when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from segment_assets.contracts import SegmentAssetsError


class _Told(click.Group):
    """Shows our own errors as one message and exit code 1, never as a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SegmentAssetsError as error:
            click.echo(f"segment-assets: {error}", err=True)
            sys.exit(1)


@click.group(cls=_Told, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Clean-room results to hashed audiences, platform activations and insight tables."""


@main.command()
@click.option("--people", default=50_000, show_default=True, type=click.IntRange(1_000), help="People in account A.")
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0), help="The same seed, the same world.")
def demo(people: int, seed: int) -> None:
    """Run the whole road once on a simulated world, and show where every person went."""
    from segment_assets.cli.demo import run_demo

    sys.exit(run_demo(people, seed))


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI, on loopback.")
def dev(port: int) -> None:
    """Start the platform sandbox and the Dagster UI with its daemons, until Ctrl-C."""
    from segment_assets.cli.dev import run_dev

    sys.exit(run_dev(port))


@main.command()
@click.option("--port", default=0, help="Port on loopback; without it the last one, or any free one.")
@click.option("--stop", is_flag=True, help="Stop the running sandbox instead.")
def sandbox(port: int, stop: bool) -> None:
    """Start the platform sandbox by hand (or --stop it), and say where it listens."""
    from segment_assets.deployment import Deployment
    from segment_assets.sandbox import process

    home = Deployment.from_env().sandbox_home
    if stop:
        process.stop(home)
        click.echo("The sandbox is stopped.")
    else:
        click.echo(f"The sandbox listens on {process.start(home, port=port).url} (its page is there too).")


@main.group()
def plan() -> None:
    """Look at the plan, which is the permission for everything that leaves."""


@plan.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Say whether FILE (the project's own plan without it) can be used, and which lines are wrong."""
    from segment_assets.deployment import Deployment
    from segment_assets.plan import load_plan

    found = load_plan(file or Deployment.from_env().plan_path)
    click.echo(
        f"The plan of {found.tenant} is fine: {len(found.segments)} segments, {len(found.accounts)} accounts, "
        f"{len(found.activations)} activations."
    )


@plan.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def diff(file: Path | None) -> None:
    """Say what FILE (the project's own plan without it) would change on which platform, before it does."""
    from segment_assets.cli.plan_diff import show_diff

    sys.exit(show_diff(file))


@main.command()
def status() -> None:
    """What is live where, how old it is, and what waits."""
    from segment_assets.cli.status import show_status

    sys.exit(show_status())


@main.command()
@click.argument("person", metavar="MEMBER_ID")
@click.option("--customer", is_flag=True, help="The argument is account A's customer number instead.")
def why(person: str, customer: bool) -> None:
    """Why this person was or was not delivered, door by door."""
    from segment_assets.cli.status import show_why

    sys.exit(show_why(person, is_customer=customer))


@main.group()
def world() -> None:
    """The simulated accounts of the local world."""


@world.command()
def advance() -> None:
    """Let a week pass: new events, and responses of people who are in an audience on a sandbox platform."""
    from segment_assets.cli.world import advance_world

    sys.exit(advance_world())
