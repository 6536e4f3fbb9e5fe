"""Identity work past one machine: the same `digest_batch`, called by Spark, batch by batch.

Belongs here: what a job is asked (`work`), what it does on Spark (`job`), the shape of its result (`flat`), reading
that result back (`parts`), and what makes two machines agree (`fingerprint`). Not here: any rule on a field
(identity), how a job is started and followed (resources), the pseudonym key, which never leaves the caller.

Imports neither Dagster nor boto3. `flat`, `fingerprint`, `work` and `job` are also imported on Spark's machines, which
have nothing but Spark and `fingerprint.DEPENDENCIES`.
"""
