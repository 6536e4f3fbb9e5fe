"""Mutants that no test can catch, each with the reason. A survivor that is not here ends the check with 1."""

_SAME_LENGTH = "both lists of the zip are made of the same members"
_MD5 = "the same digest, but for a Python without MD5 for security"

EXPLAINED: dict[str, str] = {
    "criteo.read: comparison >= -> >": "as many as there are people: the longer way gives the same answer",
    "google._ADDRESS: number 1 -> 2": "the address is the one group of several keys, and has four",
    "google.request: truth True -> False": _SAME_LENGTH,
    "meta._body: truth True -> False": _SAME_LENGTH,
    "customer_profiles_files._md5: truth False -> True": _MD5,
    "tiktok_file._upload: truth False -> True": _MD5,
}
