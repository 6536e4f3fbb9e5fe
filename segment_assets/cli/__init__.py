"""segment-assets on the command line: the same core for people at a terminal.

Belongs here: commands and what they print. Not here: any work (rooms, `road`), which each command imports when it runs.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import BinaryIO

import click

from segment_assets.contracts import SegmentAssetsError

# What is wrong with a folder that somebody named, and with nothing that we did.
_UNUSABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


class _Told(click.Group):
    """Shows our own errors, and folders that cannot be used, as one message and exit code 1, never as a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SegmentAssetsError as error:
            click.echo(f"segment-assets: {error}", err=True)
            sys.exit(1)
        except OSError as error:
            if error.filename is None or error.errno not in _UNUSABLE:
                raise
            click.echo(
                f"segment-assets: {error.filename}: {error.strerror}; set SEGMENT_ASSETS_HOME (or --out) to a folder "
                "that can be written",
                err=True,
            )
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
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(1, 65_535),
    help="Port of the Dagster UI, on loopback.",
)
def dev(port: int) -> None:
    """Start the platform sandbox and the Dagster UI with its daemons, until Ctrl-C."""
    from segment_assets.cli.dev import run_dev

    sys.exit(run_dev(port))


@main.command()
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65_535),
    help="Port on loopback; without it the last one, or any free one.",
)
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
@click.argument("which", metavar="PAIR-OR-DELIVERY")
@click.option("--reason", required=True, help="Why it is right, without anything that names a person of the audience.")
@click.option("--as", "by", required=True, metavar="WHO", help="Who approves; not the plan's author.")
def approve(which: str, reason: str, by: str) -> None:
    """Let a delivery that a guard has stopped through, once (`status` shows those that wait)."""
    from segment_assets.cli.approve import run_approve

    sys.exit(run_approve(which, by=by, reason=reason))


@main.command()
@click.argument("person", metavar="MEMBER_ID")
@click.option("--customer", is_flag=True, help="The argument is account A's customer number instead.")
def why(person: str, customer: bool) -> None:
    """Why this person was or was not delivered, door by door."""
    from segment_assets.cli.status import show_why

    sys.exit(show_why(person, is_customer=customer))


@main.command()
@click.option("--destination", required=True, metavar="D", help="A platform, or an account of the plan.")
@click.option("--segment", help="Preview the next delivery of this segment.")
@click.option("--members", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A CSV of match keys.")
@click.option(
    "--mode", type=click.Choice(["add", "remove", "replace"]), help="Without it: add for a file, as planned else."
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the requests.")
def preview(destination: str, segment: str | None, members: Path | None, mode: str | None, out: Path) -> None:
    """Write every request of a delivery as it would be sent, and send nothing."""
    from segment_assets.cli.preview import run_preview

    if (segment is None) == (members is None):
        raise click.UsageError("give one of --segment and --members")
    sys.exit(run_preview(destination, segment, members, mode, out))


@main.command()
@click.option("--pair", metavar="DESTINATION/ACCOUNT/SEGMENT", help="Only this one.")
def verify(pair: str | None) -> None:
    """Prove that the ledgers still say what was written: chains, counts and states, computed again."""
    from segment_assets.cli.verify import run_verify

    sys.exit(run_verify(pair))


@main.command()
@click.argument("delivery", metavar="DELIVERY")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the requests.")
def replay(delivery: str, out: Path | None) -> None:
    """Make the requests of a DELIVERY (id, or its beginning) again, and prove that they are the ones that were sent."""
    from segment_assets.cli.replay import run_replay

    sys.exit(run_replay(delivery, out))


@main.command()
@click.argument("pair", metavar="DESTINATION/ACCOUNT/SEGMENT")
@click.option("--reason", required=True, help="Why, without anything that names a person of the audience.")
@click.option("--as", "who", required=True, metavar="WHO", help="Who asks.")
def resync(pair: str, reason: str, who: str) -> None:
    """Send everybody who is wanted once more, so that members come back whom a platform lost."""
    from segment_assets.cli.resync import run_resync

    sys.exit(run_resync(pair, reason=reason, who=who))


@main.command()
def erasures() -> None:
    """What became of everybody who asked to be forgotten, on every platform account."""
    from segment_assets.cli.erasures import show_erasures

    sys.exit(show_erasures())


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def destinations(as_json: bool) -> None:
    """Every destination by its contract: pattern, match keys, modes, limits, expiry, policy, and what checked it."""
    from segment_assets.cli.destinations import show_destinations

    sys.exit(show_destinations(as_json=as_json))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array of all findings instead of a table.")
@click.option("--all", "everything", is_flag=True, help="Also what is as it should be.")
@click.option("--without-platforms", is_flag=True, help="Ask no platform whether it takes our token.")
def doctor(as_json: bool, everything: bool, without_platforms: bool) -> None:
    """Look whether this deployment can work before it is used, and say what to do where it cannot."""
    from segment_assets.cli.doctor import show_doctor

    sys.exit(show_doctor(as_json=as_json, everything=everything, ask_platforms=not without_platforms))


@main.command("hash")
@click.argument("file", required=False, default="-", type=click.File("rb"))
@click.option("--show-normalised", is_flag=True, help="Show the normalised value too: it is personal data.")
def hash_values(file: BinaryIO, show_normalised: bool) -> None:
    r"""What a platform is sent for a value: JSON lines in (FILE or stdin), JSON lines out.

    \b
    {"destination": "google", "match_key": "email", "value": "Jane@Example.com"}
    Optional: country, variant (route of the platform), settings, state (raw, hashed, auto), id (given back).
    """
    from segment_assets.cli.hash import run_hash

    sys.exit(run_hash(file, show_normalised=show_normalised))


@main.command("check-query")
@click.argument("file", required=False, type=click.File("rb"))
def check_query(file: BinaryIO | None) -> None:
    r"""What Clean Rooms would say to a query: JSON lines in (FILE, or - for stdin), JSON lines out.

    \b
    {"rule_config": {"query_runner": "…", "tables": {"t": {"owner": "…", "columns": {…}, "rule": {…}}}}, "sql": "…"}
    Optional: template, receivers, additional_analysis, budget, id (given back).
    Without FILE and without anything on stdin, the project's own templates are judged.
    The exit code is 0 when every line was answered, whatever the answers are: read "verdict" (accepted, refused,
    uncertain, invalid_configuration).
    """
    from segment_assets.cli.check_query import run_check_query

    sys.exit(run_check_query(file))


@main.command()
@click.option("--account", required=True, help="Number of the AWS account.")
@click.option("--runtime", required=True, help="ARN of the role in which the code runs (the task's role).")
@click.option("--account-data", multiple=True, help="S3 folder of account A's own tables; once for each.")
@click.option("--external-id", default="", help="Asked of the runtime where the roles are in another account.")
@click.option("--out", default=Path("data/iam"), show_default=True, type=click.Path(path_type=Path), help="A folder.")
def iam(account: str, runtime: str, account_data: tuple[str, ...], external_id: str, out: Path) -> None:
    """Write least-privilege policies for the deployment in AWS that the environment names."""
    from segment_assets.cli.iam import write_policies

    write_policies(account, runtime, account_data, external_id, out)


@main.group()
def world() -> None:
    """The simulated accounts of the local world."""


@world.command()
def advance() -> None:
    """Let a week pass: new events, and responses of people who are in an audience on a sandbox platform."""
    from segment_assets.cli.world import advance_world

    sys.exit(advance_world())
