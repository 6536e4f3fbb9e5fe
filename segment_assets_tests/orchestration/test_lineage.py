"""Column lineage: what is shown is what the SQL, the code and the contracts do, from the accounts to a platform's field."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets import queries
from segment_assets.assets.activations import activation_key
from segment_assets.assets.lineage import origins
from segment_assets.audience.clean_room_members import clean_room_members
from segment_assets.contracts import MatchKey, PermanentError
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.destinations import registry
from segment_assets.identity import NORMAL_FORMS
from segment_assets.plan import load_plan
from segment_assets.queries import lineage
from segment_assets.tables import CONVERSIONS, CUSTOMERS, EXPOSED_CUSTOMERS, HASHED_AUDIENCE, SEGMENT_MEMBERS, TABLES
from segment_assets_tests.orchestration.conftest import Walked

RENEW = "SEGMENT_ASSETS_RENEW_SNAPSHOTS"
LINEAGE = "dagster/column_lineage"
Deps = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[dg.AssetKey, dg.AssetSpec]:
    definitions = build_definitions(Deployment(Kind.LOCAL, tmp_path_factory.mktemp("home")))
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def shown(metadata) -> dict[str, set[tuple[str, str]]]:
    found = metadata.get(LINEAGE)
    found = getattr(found, "column_lineage", found) or dg.TableColumnLineage({})
    return {
        column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps}
        for column, deps in found.deps_by_column.items()
    }


def test_the_lineage_of_every_query_is_what_its_sql_says_now() -> None:
    derived = lineage.derived()
    file = Path(lineage.__file__).with_name(lineage.FILE)
    if os.environ.get(RENEW):
        file.write_text(json.dumps(derived, indent=1) + "\n", encoding="utf-8")
    assert derived == lineage.declared(), f"run this test once with {RENEW}=1 and review {lineage.FILE} like code"


def test_every_query_fills_the_declared_table_that_names_it() -> None:
    folders = {path.parent.name for path in Path(queries.__file__).parent.glob("*/*.sql")}
    assert folders == set(lineage.DIALECTS)
    filled = {table.query: table for table in TABLES.values() if table.query}
    told = lineage.declared()
    assert set(told) == set(filled) == {name for folder in folders for name in queries.names(folder)}
    for name, table in filled.items():
        assert set(told[name]) == set(table.column_names()), name


@pytest.mark.parametrize(
    ("query", "column", "made_from"),
    [
        # A matched person is in the tables of both accounts.
        ("clean_room/overlap", "matched_converters", {"conversions.email_sha256", "impressions.email_sha256"}),
        ("clean_room/overlap_by_creative", "creative_id", {"impressions.creative_id"}),
        # The table of the LIST rule is the stored table under another name.
        ("clean_room/exposed_customers", "customer_id", {"customers.customer_id"}),
        ("planning/audience_overlap", "overlap_rate", {"customers.email_sha256", "customer_reach.exposed_customers"}),
        ("measurement/overlap_by_creative", "creative_id", {"conversions.creative_id", "overlap_by_creative.creative_id"}),
        ("measurement/value_bands", "band_number", set()),
        # What was taken out later is not there any more.
        ("activation/delivery_summary", "acknowledged", {"deliveries.unchanged", "deliveries.accepted", "deliveries.removes_acknowledged", "deliveries.removes_unproven"}),
    ],
)  # fmt: skip
def test_a_column_of_a_query_is_made_from_what_a_reader_of_the_sql_would_say(
    query: str, column: str, made_from: set[str]
) -> None:
    assert set(lineage.declared()[query][column]) == made_from


def test_a_join_key_stands_for_every_column_that_joins_make_equal_to_it() -> None:
    sql = """
        SELECT COUNT(DISTINCT a.email_sha256) AS people FROM customers AS a
        JOIN conversions AS b ON b.email_sha256 = a.email_sha256
        JOIN impressions AS c ON c.email_sha256 = b.email_sha256 AND c.date >= b.date
    """
    tables = ("conversions", "customers", "impressions")
    assert lineage.origins(sql, "spark") == {"people": [f"{table}.email_sha256" for table in tables]}


def test_sql_over_a_table_that_nobody_declared_is_refused_by_name() -> None:
    with pytest.raises(PermanentError, match="nobodys_table"):
        lineage.origins("SELECT a.b FROM nobodys_table AS a", "athena")


def test_members_of_the_clean_room_are_made_from_the_customer_columns_that_are_declared(tmp_path: Path) -> None:
    """Every text of a customer's record is the name of its own column, and is looked for in the result."""
    text = {column.name: column.name for column in CUSTOMERS.columns if column.type.value == "string"}
    other = {"date_created": None, "gpc_opt_out": True}
    listed = pa.Table.from_pylist([{"customer_id": "customer_id"}], EXPOSED_CUSTOMERS.arrow_schema())
    found: list[pa.RecordBatch] = []
    clean_room_members(
        pads.dataset(listed),
        pads.dataset(pa.Table.from_pylist([{**text, **other}], CUSTOMERS.arrow_schema())),
        pads.dataset(CONVERSIONS.arrow_schema().empty_table()),
        converters="any",
        price_bands=(),
        workdir=tmp_path,
        write=found.append,
    )
    (row,) = pa.Table.from_batches(found).to_pylist()
    assert row["gpc_opt_out"] is True
    row["gpc_opt_out"] = "gpc_opt_out"
    for column, made_from in origins(SEGMENT_MEMBERS).items():
        read = {f"customers.{row[column]}"} if isinstance(row[column], str) else set()
        assert {name for name in made_from if name.startswith("customers.")} == read, column


def test_every_normal_form_is_made_from_its_raw_column() -> None:
    declared = origins(HASHED_AUDIENCE)
    assert set(declared) == set(HASHED_AUDIENCE.column_names())
    forms = [form for form in NORMAL_FORMS.values() if form.name in declared]
    assert len(forms) > 15
    for form in forms:
        assert f"segment_members.{form.column}" in declared[form.name]
    assert set(declared["phone_digits"]) == {"segment_members.phone", "segment_members.country"}


def test_every_source_that_is_shown_is_a_column_of_an_asset_that_is_depended_on(specs) -> None:
    columns = {
        key: {column.name for column in spec.metadata["dagster/column_schema"].columns}
        for key, spec in specs.items()
        if "dagster/column_schema" in spec.metadata
    }
    seen = 0
    for key, spec in specs.items():
        deps = {dep.asset_key.to_user_string() for dep in spec.deps}
        for column, made_from in shown(spec.metadata).items():
            assert column in columns[key], f"{key}: {column}"
            for source, name in made_from:
                assert source in deps, f"{key}: {column}"
                assert name in columns[dg.AssetKey.from_user_string(source)], f"{key}: {column} from {source}.{name}"
                seen += 1
    assert seen > 100


def test_every_field_of_a_platform_goes_back_to_the_record_of_a_customer(specs) -> None:
    told = {key.to_user_string(): shown(spec.metadata) for key, spec in specs.items()}

    def roots(asset: str, column: str) -> set[str]:
        made_from = told[asset].get(column, set())
        return set().union(*(roots(*source) for source in made_from)) if made_from else {asset}

    for name, account in load_plan().accounts.items():
        asset = activation_key(name, account).to_user_string()
        match_keys = registry()[account.destination].match_keys
        assert list(told[asset]) == [sent.field for sent in match_keys.values()]
        for key, sent in match_keys.items():
            # RampIDs come with a list that lands; account A has none of its own.
            source = "segment_members/landing" if key is MatchKey.RAMP_ID else "account_a/customers"
            assert source in roots(asset, sent.field), f"{asset}: {sent.field}"


def test_a_list_that_a_partner_dropped_is_not_made_from_our_customers(specs) -> None:
    assert shown(specs[dg.AssetKey(["segment_members", "landing"])].metadata) == {}
    assert shown(specs[dg.AssetKey(["segment_members", "clean_room"])].metadata)["postal_code"] == {
        ("account_a/customers", "zip")
    }


def test_the_column_list_says_in_words_what_a_column_is_made_from(specs) -> None:
    schema = specs[dg.AssetKey(["audiences", "hashed_audience"])].metadata["dagster/column_schema"]
    told = {column.name: column.description for column in schema.columns}
    assert told["email"].endswith(" ← segment_members.email")
    assert told["phone_e164"].endswith(" ← segment_members (phone, country)")


def test_a_materialization_repeats_the_lineage_of_its_definition(walked: Walked, specs) -> None:
    """Dagster+ draws it from there alone."""
    keys = [dg.AssetKey(["audiences", "hashed_audience"]), dg.AssetKey(["clean_room", "overlap"])]
    keys += [activation_key(name, account) for name, account in walked.world.plan.accounts.items()]
    with walked.world.opened() as instance:
        for key in keys:
            made = instance.get_latest_materialization_event(key).asset_materialization
            assert shown(made.metadata) == shown(specs[key].metadata) != {}
