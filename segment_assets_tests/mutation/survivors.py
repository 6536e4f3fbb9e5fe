"""Mutants that no test can catch, each with the reason. A survivor that is not here ends the check with 1."""

EXPLAINED: dict[str, str] = {
    "meta_answers._ABSURD: number 1000000.0 -> 2000000.0": "any number far above a day of seconds does",
    "meta_answers._DIGITS_OF_INT64: number 19 -> 20": "a text of 19 digits is beyond every count that comes",
    "google.request: truth True -> False": "both lists of the zip are made of the same members",
    "meta_size._code: number 0 -> 1": "neither 0 nor 1 is a state of Meta's, so both are unknown",
    "customer_profiles_files._md5: truth False -> True": "the same digest, but for a Python without MD5 for security",
    "tiktok_file._upload: truth False -> True": "the same digest, but for a Python without MD5 for security",
}
