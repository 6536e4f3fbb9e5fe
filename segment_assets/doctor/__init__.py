"""Whether a deployment can work, said before it is first used: what is wrong, and what to do about it.

Belongs here: findings, looking (`*_probes`, `aws`, `local`) and judging, which is pure (`storage`, `services`,
`accounts`). Not here: what people see of it (`cli.doctor`), mending anything.

Nothing of the deployment is changed but one small object below `<lake>/doctor/`, which is written and removed again.
"""

from segment_assets.doctor.findings import Check, Finding, Level, Subject, examined

__all__ = ["Check", "Finding", "Level", "Subject", "examined"]
