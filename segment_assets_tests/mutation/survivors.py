"""Mutants that no test can catch, each with the reason. A survivor that is not here ends the check with 1."""

_SAME_LENGTH = "both lists of the zip are made of the same members"
_MD5 = "the same digest, but for a Python without MD5 for security"
_WAITED_FOR = "a run is waited for in any state that is not known to be its end"

EXPLAINED: dict[str, str] = {
    "appflow_answers._STATES: word 'CancelStarted' -> 'CancelStartedx'": _WAITED_FOR,
    "appflow_answers._STATES: word 'InProgress' -> 'InProgressx'": _WAITED_FOR,
    "criteo.read: comparison >= -> >": "as many as there are people: the longer way gives the same answer",
    "form_data._BOUNDARY: word 'segment_assets_form_data' -> 'segment_assets_form_datax'": (
        "any boundary does that digests and numbers never hold"
    ),
    "google._ADDRESS: number 1 -> 2": "the address is the one group of several keys, and has four",
    "google.request: truth True -> False": _SAME_LENGTH,
    "meta._rows: truth True -> False": _SAME_LENGTH,
    "shaping.json_rows: truth True -> False": "the longer way makes one row for each of the members",
    "shaping.text_rows: truth True -> False": "every column has a cell for each of the same members",
    "customer_profiles_files._md5: truth False -> True": _MD5,
    "templates._MOST_KINDS: number 32 -> 33": "of more kinds the records are made one by one, and are the same",
    "templates._filled: number 1 -> 2": "any negative size means what is left, to numpy",
    "templates._written: truth True -> False": "there is a template for each of the kinds",
    "templates._in_order: number 1 -> 2": "any negative size means what is left, to numpy",
    "templates._texts: number 1 -> 2": "the end of a range of steps that are longer than that",
    "tiktok_file._upload: truth False -> True": _MD5,
}
