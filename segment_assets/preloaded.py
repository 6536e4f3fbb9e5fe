"""What the processes of `workers` have in memory before they are forked: each would make it for itself, for seconds.

Belongs here: what can be made without the home's instance, which is not there yet. Not here: the processes.
"""

from __future__ import annotations

from segment_assets.definitions import defs
from segment_assets.instance_storage import revisions

revisions().get_current_head()
# Kept by the definitions.
defs.resolve_implicit_global_asset_job_def()
defs.resolve_asset_graph()
