"""What the roles may do with files of destinations that are reached with a token and read a bucket of ours."""

from __future__ import annotations

import dataclasses

from segment_assets.iam import documents
from segment_assets_tests.deploy.sites import plan, site


def test_a_bucket_from_which_a_platform_reads_files_is_written_and_not_read_and_its_token_is_read():
    known = next(iter(plan().accounts.values()))
    settings = {"amc_account": "ENTITY1", "country": "DE", "bucket": "amc-drop"}
    account = known.model_copy(update={"destination": "amc_data", "account": "amcabc", "settings": settings})
    changed = plan().model_copy(update={"accounts": {**plan().accounts, "one_more": account}})
    policy = documents(dataclasses.replace(site(), plan=changed))["policy-delivery.json"]
    folder = ["arn:aws:s3:::amc-drop/segment-assets/amcabc/*"]
    (files,) = [one for one in policy["Statement"] if one["Resource"] == folder]
    assert files["Action"] == ["s3:PutObject"]
    secrets = [name for one in policy["Statement"] for name in one["Resource"] if ":secretsmanager:" in name]
    assert any("amc_data" in name for name in secrets)
