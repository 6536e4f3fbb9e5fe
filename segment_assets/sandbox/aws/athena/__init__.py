"""A stand-in for Amazon Athena on loopback. Trino never ran here: DuckDB runs what sqlglot translates of Athena's SQL.

Belongs here: five calls of the API (StartQueryExecution, GetQueryExecution, StopQueryExecution, GetQueryResults,
GetWorkGroup) over Glue and S3 of whichever address the given session has, requests and answers held against botocore's
model of Athena. It shows that parameters, states, tokens, errors and files are right. It shows of the SQL: that it is
understood as Athena's by sqlglot, calls only functions that Trino documents too, names tables and columns that the
catalogue has, divides integers as Trino does, and knows times to the millisecond. It shows nothing else of Trino.

Not here: anything our own warehouse does or expects. Sources: botocore 1.44.5 (Athena 2017-05-18), Athena's user guide
(UNLOAD, service quotas, error catalog, control limits); where they say nothing, our reading is stated at the top of the
module.
"""

from segment_assets.sandbox.aws.athena.executions import Fault, Settings
from segment_assets.sandbox.aws.athena.server import AthenaStandIn, serving

__all__ = ["AthenaStandIn", "Fault", "Settings", "serving"]
