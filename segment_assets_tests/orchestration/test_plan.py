"""The plan is refused with the place and the remedy, and never with a stack trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.cli import main
from segment_assets.plan import PlanError, default_plan, load_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHIPPED = default_plan().read_text(encoding="utf-8")
SHIPPED_DOCUMENT = yaml.safe_load(SHIPPED)


def told(file: Path) -> list[str]:
    """The lines with which the command line refuses a plan, each without the folder that it names the file in."""
    done = CliRunner().invoke(main, ["plan", "check", str(file)])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit), "only an exit, not an error that a person would see as a trace"
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.removeprefix("segment-assets: ").splitlines()
    assert all(line.startswith(f"{file.parent}/") for line in lines)
    return [line.removeprefix(f"{file.parent}/") for line in lines]


def line_of(text: str, needle: str, *, after: str = "") -> int:
    """Number of the first line that holds `needle`, beginning where `after` is."""
    start = text.index(after)
    return text[: text.index(needle, start)].count("\n") + 1


def test_the_shipped_plan_is_fine() -> None:
    plan = load_plan()
    done = CliRunner().invoke(main, ["plan", "check", str(default_plan())])
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{len(plan.segments)} segments" in done.stdout
    assert {a.account for a in plan.activations} == set(plan.accounts)


MISTAKES: dict[str, tuple[Callable[[str], str], str, str, str]] = {
    # what is wrong: (the edit, the text whose line is named, after which text, words that say what to change)
    "an unknown key": (
        lambda text: text.replace("    converters: without\n", "    converters: without\n    convertors: any\n", 1),
        "convertors", "", "there is no such key; did you mean 'converters'?",
    ),
    "a misspelt key in the place of one that is asked for": (
        lambda text: text.replace("    purpose: retargeting\n", "    purpos: retargeting\n", 1),
        "purpos:", "activations:", "activations.0.purpos: there is no such key; did you mean 'purpose'?",
    ),
    "a misspelt key of an account": (
        lambda text: text.replace("    terms_accepted_by:", "    terms_acepted_by:", 1),
        "terms_acepted_by", "accounts:", "accounts.lumen_eu.terms_acepted_by: there is no such key; did you mean 'terms_accepted_by'?",
    ),
    "a misspelt key deeper in an entry": (
        lambda text: text.replace(
            "\nactivations:\n", '    sending: {time_zone: UTC, windos: [{days: [mon], from: "10:00", to: "18:00"}]}\n\nactivations:\n', 1
        ),
        "windos", "", "sending.windos: there is no such key; did you mean 'windows'?",
    ),
    "a misspelt part of the plan": (
        lambda text: text.replace("\naccounts:\n", "\nacounts:\n", 1),
        "acounts:", "", "acounts: there is no such key; did you mean 'accounts'?",
    ),
    "a misspelt part that is written out before the plan is read": (
        lambda text: text.replace("\naccounts:\n", "\nmatrixes: {}\naccounts:\n", 1),
        "matrixes:", "", "matrixes: there is no such key; did you mean 'matrices'?",
    ),
    "a misspelt key that says of which kind a segment is": (
        lambda text: text.replace("    source: landing\n", "    sorce: landing\n", 1),
        "sorce:", "segments:", ".sorce: there is no such key; did you mean 'source'?",
    ),
    "a segment that does not say of which kind it is": (
        lambda text: text.replace("    source: landing\n", "", 1),
        "newsletter_subscribers:", "segments:", "source is missing; write source: clean_room or landing",
    ),
    "a key that is like none": (
        lambda text: text.replace("    salt: autumn-2026\n", "    salt: autumn-2026\n    zzz: 1\n", 1),
        "zzz", "", "there is no such key; there are salt, share",
    ),
    "a setting that the platform has not": (
        lambda text: text.replace("settings: {account_type", "settings: {acount_type", 1),
        "lumen_ads:", "accounts:", "accounts.lumen_ads: google: no setting acount_type; there are account_type",
    ),
    "a word that a setting has not": (
        lambda text: text.replace('    account: "1001"\n', '    account: "1001"\n    settings: {limited_data_use: usa}\n', 1),
        "lumen_eu:", "accounts:", "accounts.lumen_eu: meta: limited_data_use has an unknown word; write one of none, united_states",
    ),
    "an experiment that is not there": (
        lambda text: text.replace("experiment: autumn_holdout", "experiment: spring_holdout", 1),
        "experiment: spring_holdout", "segments:", "'spring_holdout' is not in the plan; add it or correct the name",
    ),
    "two experiments that would hold out the same people": (
        lambda text: text.replace("\nsegments:\n", "  spring:\n    salt: autumn-2026\n    share: 0.10\n\nsegments:\n", 1),
        "salt: autumn-2026", "spring:", "it is that of autumn_holdout, so both would hold out the same people",
    ),
    "a destination that is not there": (
        lambda text: text.replace("destination: meta", "destination: metta", 1),
        "destination: metta", "", "no such destination; there are ",
    ),
    "a statement that the platform asks for": (
        lambda text: text.replace("    statements: {customer_file_source: USER_PROVIDED_ONLY}\n", "", 1),
        "- segment: exposed_non_converters", "activations:", "customer_file_source is missing",
    ),
    "a pair that is named twice": (
        lambda text: text.replace("- segment: high_value_converters", "- segment: exposed_non_converters", 1),
        "- segment: exposed_non_converters\n    account: lumen_eu\n    purpose: lookalike", "activations:",
        "named twice; keep one",
    ),
    "a segment name that is no folder name": (
        lambda text: text.replace("  high_value_converters:", "  High Value:", 1), "High Value:", "", "match pattern",
    ),
    "consent on nobody's word": (
        lambda text: text.replace("consent: file", "consent: asserted", 1),
        "newsletter_subscribers:", "", "name who says that people agreed",
    ),
    "an account that is not there": (
        lambda text: text.replace("account: lumen_eu", "account: lumen_us", 1),
        "account: lumen_us", "", "'lumen_us' is not in the plan; add it or correct the name",
    ),
    "a header that maps to no column of ours": (
        lambda text: text.replace("Vorname: first_name", "Vorname: forename", 1),
        "headers:", "", "forename: not among our columns",
    ),
    "a limit out of range": (
        lambda text: text.replace("    share: 0.10", "    share: 1.10", 1), "share: 1.10", "", "less than 1",
    ),
    "terms that nobody has accepted yet": (
        lambda text: text.replace("terms_accepted_on: 2026-09-14", "terms_accepted_on: 2999-09-14", 1),
        "terms_accepted_on: 2999-09-14", "", "lies in the future",
    ),
    "terms on nobody's word": (
        lambda text: text.replace("    terms_accepted_by: dana.reyes@lumen.example\n", "", 1),
        "lumen_eu:", "accounts:", "terms_accepted_by",
    ),
    "a sensitive segment that nobody allowed": (
        lambda text: text.replace("sensitive: none", "sensitive: health", 1),
        "- segment: exposed_non_converters", "activations:", "is about health; it is sent when somebody else than",
    ),
    "minors whom the plan's author allows": (
        lambda text: text.replace("minors: excluded", "minors: unknown\n    allowed_by: Dana.Reyes@lumen.example", 1),
        "- segment: exposed_non_converters", "activations:", "may hold minors, and the plan's author allows it",
    ),
    "a segment that does not say whether it is sensitive": (
        lambda text: text.replace("    sensitive: none\n", "", 1), "exposed_non_converters:", "", "sensitive",
    ),
    "a name that says something about people": (
        lambda text: text.replace("    purpose: retargeting\n", "    purpose: retargeting\n    audience_name: DiabetesDE\n"),
        "- segment: exposed_non_converters", "activations:", "'diabetes' (health); choose a neutral audience_name",
    ),
    "an address in a name": (
        lambda text: text.replace("    purpose: loyalty\n", "    purpose: loyalty\n    audience_name: a@b.example\n", 1),
        "- segment: newsletter_subscribers", "activations:", "a character that no name",
    ),
    "two segments that claim one audience": (
        lambda text: text.replace("    purpose: lookalike seed\n", "    purpose: lookalike seed\n    audience_name: News\n", 1)
        .replace("    purpose: loyalty\n", "    purpose: loyalty\n    audience_name: ' news'\n", 1),
        "- segment: newsletter_subscribers", "activations:", "claim one audience on lumen_eu",
    ),
    "two segments that adopt one audience": (
        lambda text: text.replace("    purpose: lookalike seed\n", "    purpose: lookalike seed\n    adopt: '778'\n", 1)
        .replace("    purpose: loyalty\n", "    purpose: loyalty\n    adopt: ' 778'\n", 1),
        "adopt: ' 778'", "activations:", "adopt one audience on lumen_eu",
    ),
    "an adopted audience that would be deleted": (
        lambda text: text.replace("    purpose: loyalty\n", "    purpose: loyalty\n    adopt: '778'\n    on_removal: delete\n", 1),
        "on_removal: delete", "activations:", "an adopted audience is not ours to delete",
    ),
    "one segment twice on one platform account under two names": (
        lambda text: text.replace('    destination: google\n    account: "1234567890"', '    destination: meta\n    account: "1001"')
        .replace("    settings: {account_type: GOOGLE_ADS}\n", "", 1)
        .replace("statements:\n      terms_of_service", "statements:\n      customer_file_source: USER_PROVIDED_ONLY\n      terms_of_service"),
        "- segment: newsletter_subscribers\n    account: lumen_ads", "activations:", "named twice; keep one",
    ),
    "a time of day that YAML reads as a number": (
        lambda text: text.replace(
            "\nactivations:\n", '    sending: {time_zone: UTC, windows: [{from: 10:00, to: "18:00"}]}\n\nactivations:\n', 1
        ),
        "sending: {time_zone", "", "write it in quotes",
    ),
    "a missing key": (
        lambda text: text.replace("    owner: team:crm\n", "", 1), "newsletter_subscribers:", "", "owner: is missing; add it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_its_line_and_what_to_change(mistake: str, tmp_path: Path) -> None:
    edit, place, after, remedy = MISTAKES[mistake]
    text = edit(SHIPPED)
    assert text != SHIPPED
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    lines = told(file)
    assert len(lines) == 1
    assert lines[0].startswith(f"ours.yaml, line {line_of(text, place, after=after)}: ")
    assert remedy in lines[0]


def test_each_of_two_misspelt_keys_is_told_once_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    text = SHIPPED.replace("    purpose: retargeting\n    use:", "    purpos: retargeting\n    us:", 1)
    file.write_text(text, encoding="utf-8")
    ends = [line.partition("activations.0.")[2] for line in told(file)]
    assert ends == [f"{key}: there is no such key; did you mean {key + 'e'!r}?" for key in ("purpos", "us")]


def test_what_a_named_person_vouches_for_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    text = MISTAKES["a name that says something about people"][0](SHIPPED)
    text = text.replace(
        "audience_name: DiabetesDE", "audience_name: DiabetesDE\n    name_reviewed_by: kim@lumen.example"
    )
    text = text.replace("sensitive: none", "sensitive: health\n    allowed_by: kim@lumen.example", 1)
    file.write_text(text, encoding="utf-8")
    assert load_plan(file).segments["exposed_non_converters"].allowed_by == "kim@lumen.example"


def test_a_template_names_every_audience_that_has_no_name_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    text = SHIPPED.replace('naming: "{tenant} {segment}"', 'naming: "{account} {segment} {use}"')
    file.write_text(
        text.replace("purpose: loyalty\n", "purpose: loyalty\n    audience_name: Letter\n", 1), encoding="utf-8"
    )
    plan = load_plan(file)
    names = [plan.audience_name(activation) for activation in plan.activations]
    assert names[:3] == ["lumen_eu exposed_non_converters target", "lumen_eu high_value_converters seed", "Letter"]
    file.write_text(SHIPPED.replace("{tenant} {segment}", "{tenant} {campaign}"), encoding="utf-8")
    [line] = told(file)
    assert line.startswith(f"ours.yaml, line {line_of(SHIPPED, 'naming:')}: naming: {{campaign}} cannot be filled in")


def on_google(text: str, statements: str) -> str:
    """The shipped plan with the newsletter on a Google account, and these statements about it."""
    account = """
  search:
    destination: google
    account: "123-456-7890"
    owner: team:activation
    terms_accepted_by: dana.reyes@lumen.example
    terms_accepted_on: 2026-09-14
"""
    activation = f"""
  - segment: newsletter_subscribers
    account: search
    purpose: loyalty
    use: target
    statements: {{{statements}}}
"""
    return text.replace("\nactivations:\n", f"{account}\nactivations:\n", 1).rstrip("\n") + activation


GOOGLE_ASKS = {
    "terms_of_service": "ACCEPTED",
    "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
    "consent_ad_user_data": "CONSENT_GRANTED",
    "consent_ad_personalization": "CONSENT_STATUS_UNSPECIFIED",
}


def written(statements: dict[str, str]) -> str:
    return ", ".join(f"{name}: {word}" for name, word in statements.items())


def test_an_activation_with_all_that_its_platform_asks_to_be_stated_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(on_google(SHIPPED, written(GOOGLE_ASKS)), encoding="utf-8")
    assert load_plan(file).activations_of("search")["newsletter_subscribers"].statements == GOOGLE_ASKS


@pytest.mark.parametrize("name", GOOGLE_ASKS)
def test_each_statement_is_asked_for_by_name_and_in_the_platform_s_words(name: str, tmp_path: Path) -> None:
    for change, says in (({}, "is missing"), ({name: "PERHAPS"}, "not in the words of google")):
        stated = {key: word for key, word in GOOGLE_ASKS.items() if key != name} | change
        text = on_google(SHIPPED, written(stated))
        file = tmp_path / "ours.yaml"
        file.write_text(text, encoding="utf-8")
        [line] = told(file)
        assert f"statements.{name}" in line
        assert says in line
        assert GOOGLE_ASKS[name] in line


def test_every_mistake_of_a_plan_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    text = SHIPPED
    for mistake in ("a header that maps to no column of ours", "a limit out of range"):
        text = MISTAKES[mistake][0](text)
    file.write_text(text, encoding="utf-8")
    assert len(told(file)) == 2


NOT_A_PLAN: dict[str, bytes] = {
    "not YAML": b"tenant: [lumen\nauthor: }",
    "a tab for indentation": b"tenant: lumen\nsegments:\n\tx: 1\n",
    "empty": b"",
    "a list": b"- a\n- b\n",
    "binary": b"\x00\x01\x02\xff\xfe",
    "Latin-1": "tenant: lümen\n".encode("latin-1"),
    "a control character": b"tenant: lu\x07men\n",
}


@pytest.mark.parametrize("what", NOT_A_PLAN)
def test_a_file_that_is_no_plan_is_refused_by_its_name(what: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_bytes(NOT_A_PLAN[what])
    assert all(line.startswith("ours.yaml") for line in told(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert told(tmp_path / "gone.yaml") == [
        "gone.yaml: cannot be read (No such file or directory); give the path of a plan file"
    ]


@pytest.mark.parametrize(("text", "what"), [("", "holds nothing"), ("- tenant: a\n", "is no mapping of keys")])
def test_a_file_without_keys_is_told_what_a_plan_begins_with(text: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    assert told(file) == [
        f"ours.yaml, line 1: plan: the file {what}; begin with `tenant:`, as the plan that ships does"
    ]


def test_a_segment_that_is_mistyped_where_it_is_declared_is_one_mistake(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    text = SHIPPED.replace("  newsletter_subscribers:\n", "  newsleter_subscribers:\n", 1)
    file.write_text(text, encoding="utf-8")
    (line,) = told(file)
    uses = sum(one["segment"] == "newsletter_subscribers" for one in SHIPPED_DOCUMENT["activations"])
    assert line.startswith(f"ours.yaml, line {line_of(text, 'newsletter_subscribers', after='activations:')}: ")
    assert f"there is 'newsleter_subscribers') (as in {uses - 1} more activations)" in line


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    assert "cannot be read" in told(tmp_path)[0]


def test_a_segment_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    """YAML's last one would win in silence, and with it another consent or another source."""
    again = "  newsletter_subscribers:\n    source: landing\n    description: x\n    owner: team:crm\n"
    again += "    provenance: first_party\n    legal_basis: consent\n    consent: file\n"
    text = SHIPPED.replace("\naccounts:\n", f"\n{again}\naccounts:\n", 1)
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    second = text[: text.rindex("  newsletter_subscribers:")].count("\n") + 1
    lines = told(file)
    assert len(lines) == 1
    assert lines[0].startswith(f"ours.yaml, line {second}: ")
    assert "newsletter_subscribers" in lines[0]
    assert "twice" in lines[0]


def test_a_mistake_beside_a_merge_has_its_own_line(tmp_path: Path) -> None:
    """YAML's `<<` takes over another entry's keys, here with a value that is replaced by a wrong one."""
    first = "  newsletter_subscribers:\n"
    text = SHIPPED.replace(first, first.replace(":", ": &shipped"), 1)
    text = text.replace("\naccounts:\n", "\n  another:\n    <<: *shipped\n    sensitive: perhaps\n\naccounts:\n", 1)
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    assert [line.split(": ")[0] for line in told(file)] == [f"ours.yaml, line {line_of(text, 'sensitive: perhaps')}"]


PARTS = ["tenant", "author", "naming", "experiments", "segments", "accounts", "activations", "matrices"]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(name=st.sampled_from(PARTS), value=PLAIN)
def test_whatever_a_part_of_the_plan_is_it_is_read_or_refused(tmp_path_factory, name: str, value: Any) -> None:
    file = tmp_path_factory.mktemp("plan") / "ours.yaml"
    file.write_text(yaml.safe_dump(SHIPPED_DOCUMENT | {name: value}, allow_unicode=True), encoding="utf-8")
    refusals = []
    try:
        load_plan(file)
    except PlanError as refusal:
        refusals = str(refusal).split("\n")
    assert all(line.startswith(f"{file}, line ") for line in refusals)
