"""Least-privilege policies for one deployment in an AWS account, as JSON that can be pasted or given to CloudFormation.

Belongs here: what each duty may do and why (`duties`), the documents around it (`around`), names in ARNs (`site`).
Not here: making the calls (`resources.aws`), creating roles or buckets in an account.

Every action of a duty is there for a call that our code makes, or for what AWS asks of the caller behind such a call;
tests compare both with the calls that stand in the code. No policy was ever tried in a real account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.iam import around, duties, glue_job
from segment_assets.iam.grants import document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.iam.grants import Document
    from segment_assets.iam.site import Site


def documents(site: Site) -> Mapping[str, Document]:
    """File name -> document, for everything that a deployment needs."""
    told = site.settings
    # A duty that a deployment has not: a policy without a statement is none.
    lacking = set() if told.quicksight_account else {"dashboards"}
    held = {name: grants for name, grants in duties.DUTIES.items() if name not in lacking} | {"doctor": duties.doctor}
    if told.glue_job:
        held["identity-job"] = glue_job.job
    made = {f"policy-{name}": document(grants(site)) for name, grants in held.items()}
    return {f"{name}.json": made[name] for name in made} | {
        f"{name}.json": found for name, found in around.documents(site).items()
    }
