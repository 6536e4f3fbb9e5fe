"""Goes through the Dockerfile's steps without Docker, in a scratch folder, and then does what the image is for.

Belongs here: reading the Dockerfile, carrying out its steps, and the checks that the image must pass. What this does
not show: the base image, its libraries, layers, a registry. No image is built.

    /usr/bin/python3.11 deploy/image/replay.py [--keep]

The Python that runs it stands for the image's. It takes some minutes and needs a package index. As root it becomes the
image's user for the checks, who has to be able to reach that Python: one below /root will not do.
"""

# ruff: noqa: INP001, T201, S603 - a script, of this checkout's own steps

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = Path(__file__).with_name("Dockerfile")
# Where the image has them -> below the scratch folder.
PLACES = ("/opt/segment-assets", "/build", "/tmp")  # noqa: S108 - the image's
STEP_SECONDS = 900
NOBODY = 10001
_STAGE_COPY = re.compile(r"--from=\S+ ")


@dataclasses.dataclass(frozen=True)
class Step:
    """One instruction: `RUN`, and what is run."""

    what: str
    told: str


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines()]


def copied(step: Step) -> tuple[list[str], str]:
    """What a COPY of files of the checkout takes, and where it goes. Nothing for a COPY from another stage."""
    if _STAGE_COPY.match(step.told):
        return [], ""
    *sources, target = step.told.split()
    return sources, target


@dataclasses.dataclass
class Scratch:
    """The folder that stands for the image's file system."""

    root: Path
    workdir: str = "/"
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def place(self, path: str) -> Path:
        """An absolute path of the image, here."""
        return self.root / path.lstrip("/")

    def carry_out(self, step: Step) -> None:
        """One step. What a stage leaves stays where it is, which is what COPY --from brings to the next."""
        if step.what == "WORKDIR":
            self.workdir = step.told
            self.place(step.told).mkdir(parents=True, exist_ok=True)
        elif step.what == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in step.told.split())
        elif step.what == "COPY":
            self._copy(*copied(step))
        elif step.what == "RUN":
            self.run(["sh", "-c", self.here(step.told)], cwd=self.place(self.workdir))

    def here(self, told: str) -> str:
        """A command with the image's places as they are here."""
        # In one pass: the scratch folder is itself below /tmp.
        return re.sub(rf"(?<![\w/.])({'|'.join(PLACES)})\b", lambda found: str(self.place(found[1])), told)

    def run(self, command: list[str], **more: object) -> None:
        """Raises CalledProcessError. The environment is the image's, with what reaches the package index beside it."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "LANG"))}
        path = f"{self.place('/opt/segment-assets')}/bin:{self._python()}:{os.environ['PATH']}"
        told = {name: self.here(value) for name, value in self.environment.items() if name != "PATH"}
        told["PIP_QUIET"] = "1"
        print("+", " ".join(command)[:160], flush=True)
        subprocess.run(command, env={**kept, **told, "PATH": path}, check=True, timeout=STEP_SECONDS, **more)  # type: ignore[call-overload]

    def _python(self) -> Path:
        """A folder with the command `python` of the base image."""
        folder = self.place("/usr/local/bin")
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / "python").symlink_to(sys.executable)
        return folder

    def _copy(self, sources: list[str], target: str) -> None:
        for source in sources:
            found, goal = CHECKOUT / source, self.place(f"{self.workdir}/{target}")
            if found.is_dir():
                shutil.copytree(found, goal, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copy2(found, goal / found.name if target.endswith("./") else goal)


AWS_WORLD = {
    "SEGMENT_ASSETS_WORLD": "aws",
    "SEGMENT_ASSETS_REGION": "eu-central-1",
    "SEGMENT_ASSETS_LAKE": "s3://example-lake/prod",
    "SEGMENT_ASSETS_LANDING": "s3://example-landing/prod",
    "SEGMENT_ASSETS_CLEAN_ROOM_RESULTS": "s3://example-results/prod",
    "SEGMENT_ASSETS_DASHBOARDS": "s3://example-dashboards/prod",
    "SEGMENT_ASSETS_LAKE_DATABASE": "example_lake",
    "SEGMENT_ASSETS_ACCOUNT_DATABASE": "example_own",
    "SEGMENT_ASSETS_WORKGROUP": "segment-assets",
    "SEGMENT_ASSETS_MEMBERSHIP": "11111111-2222-3333-4444-555555555555",
    "SEGMENT_ASSETS_SECRETS_PREFIX": "segment-assets/prod",
}
LOAD = (
    "import sys; from segment_assets.definitions import defs; import dagster as dg;"
    "dg.Definitions.validate_loadable(defs);"
    "loaded = {'boto3', 'pyspark', 'pytest'} & set(sys.modules); assert not loaded, loaded;"
    "print(len(list(defs.resolve_all_asset_specs())), 'assets load')"
)


def check(scratch: Scratch) -> None:
    """What the image must be able to do, as nobody, with a file system of which only /tmp may be written."""
    root, python = scratch.root, scratch.here("/opt/segment-assets/bin/python")
    before = _files(root / "opt")
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    tmp = scratch.place("/tmp")  # noqa: S108 - the image's
    tmp.mkdir(exist_ok=True)
    tmp.chmod(0o777)
    root.chmod(0o755)
    more = {"cwd": tmp, **as_nobody}
    scratch.run([scratch.here("/opt/segment-assets/bin/segment-assets"), "--help"], stdout=subprocess.DEVNULL, **more)
    scratch.run([scratch.here("/opt/segment-assets/bin/dagster-cloud"), "--version"], **more)
    for world in (AWS_WORLD, {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1"}):
        told = Scratch(root, scratch.workdir, {**scratch.environment, **world})
        told.run([python, "-c", LOAD], **more)
    for unwanted in ("pytest", "pyspark", "segment_assets_tests"):
        scratch.run([python, "-c", f"import importlib.util as u; assert u.find_spec({unwanted!r}) is None"], **more)
    changed = _files(root / "opt") ^ before
    if changed:
        raise SystemExit(f"written outside /tmp: {sorted(changed)[:5]}")
    if not as_nobody:
        print("not root: the checks ran as this user, and nothing is known of another")


def _files(folder: Path) -> set[tuple[str, int, int]]:
    found = ((str(path), path.lstat()) for path in folder.rglob("*"))
    return {(name, told.st_size, told.st_mtime_ns) for name, told in found}


def main() -> int:
    """Replay and check; 0 when everything works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="segment-assets-image-"))
    try:
        scratch = Scratch(folder)
        for step in steps(DOCKERFILE.read_text(encoding="utf-8")):
            scratch.carry_out(step)
        check(scratch)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"every step works on Python {sys.version.split()[0]}; no image was built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
