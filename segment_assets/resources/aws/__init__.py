"""The outside in an AWS account: S3, Glue, Athena, Clean Rooms, Secrets Manager, SQS.

Belongs here: the AWS class of every port in `resources.ports`. boto3 is imported when a client is asked for, never
while definitions are loaded. Not here: what is done with them.
"""
