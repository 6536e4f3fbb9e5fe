"""LiveRamp Connect as it takes files from an S3 bucket, on the sandbox's kit.

Belongs here: the bucket, fetching, reading a file, fields and their members. Not here: anything our own connector does.
Source: docs.liveramp.com (formatting file data and identifiers, types of segment data fields, ways to update an
existing audience, removing records), S3 2006-03-01; where they say nothing, our reading is stated at the top of the
module.
"""

from segment_assets.sandbox.platforms.liveramp.platform import LiveRamp

PLATFORM = LiveRamp
