"""Amazon AppFlow with S3 behind it and a CRM after it, as published, on the sandbox's kit. One platform for each CRM.

Belongs here: objects, flows, their runs, and the records of a CRM. Source: botocore 1.44.5 (AppFlow 2020-08-23, S3
2006-03-01; requests are validated with its models), Amazon AppFlow's user guide; where they say nothing, our reading is
stated at the top of the module. Not here: anything our own connectors do or expect.
"""
