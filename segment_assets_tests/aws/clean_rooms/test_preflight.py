"""Before a query is paid for: the rules, every table's state, the templates; whose move it is, and what it costs."""

from __future__ import annotations

import datetime as dt

import pytest

from segment_assets import collaboration, queries
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws.clean_rooms_preflight import Preflight
from segment_assets.resources.clean_room import ProtectedQuery
from segment_assets.sandbox.aws.clean_rooms.faults import Trouble

OURS, PARTNERS = "111122223333", "444455556666"
WEEK = {"week_start": dt.date(2026, 1, 5), "week_end": dt.date(2026, 1, 12)}
NAMES = [told["association"]["name"] for told in collaboration.document()["configuredTables"]]
# Every code of botocore 1.44.5's model that is about a table, and a newer one.
CODES = [
    "ANALYSIS_RULE_MISSING",
    "ANALYSIS_TEMPLATES_NOT_CONFIGURED",
    "ANALYSIS_PROVIDERS_NOT_CONFIGURED",
    "DIFFERENTIAL_PRIVACY_POLICY_NOT_CONFIGURED",
    "COLLABORATION_ANALYSIS_RULE_NOT_CONFIGURED",
    "RESULT_RECEIVERS_NOT_ALLOWED",
    "ANALYSIS_RULE_TYPES_NOT_COMPATIBLE",
]


def asked(name: str, **more: object) -> ProtectedQuery:
    texts = {key: value.isoformat() for key, value in WEEK.items()}
    return ProtectedQuery(name, queries.render(queries.read(f"clean_room/{name}"), WEEK), parameters=texts, **more)


def not_ready(*codes: str, analysis: str = "DIRECT_ANALYSIS") -> dict:
    reasons = [{"code": code, "message": "somebody@example.com"} for code in codes]
    return {"schemaStatusDetails": [{"status": "NOT_READY", "reasons": reasons, "analysisType": analysis}]}


@pytest.fixture
def preflight(aws):
    return Preflight(aws.session, aws.service.catalog.membership, collaboration.document())


@pytest.fixture
def room(aws, preflight):
    return aws.room(preflight=preflight)


@pytest.mark.parametrize("name", [name.partition("/")[2] for name in queries.names("clean_room")])
def test_every_query_of_ours_is_started_when_the_collaboration_is_as_we_know_it(aws, room, name):
    room.start(asked(name))
    assert len(aws.service.started) == 1


def test_a_query_that_the_rules_refuse_is_never_sent(aws, room):
    with pytest.raises(PermanentError, match="peek: not started: the rules of the tables refuse it") as refusal:
        room.start(ProtectedQuery("peek", "SELECT * FROM impressions WHERE email_sha256 = 'jane@example.com'"))
    assert "jane" not in str(refusal.value)
    assert aws.service.calls == []


def test_a_query_that_the_documentation_leaves_open_starts_only_when_the_plan_allows_it(aws, room):
    sql = asked("overlap_by_creative").sql.replace("i.creative_id", "NVL(i.creative_id, 'none')")
    with pytest.raises(NeedsHumanError, match="name it in the plan: uncertain_queries, overlap_by_creative"):
        room.start(ProtectedQuery("overlap_by_creative", sql))
    assert aws.service.started == []
    room.start(ProtectedQuery("overlap_by_creative", sql, uncertain_allowed=True))
    assert len(aws.service.started) == 1


@pytest.mark.parametrize("code", CODES)
def test_a_table_that_is_not_ready_stops_a_query_with_owner_reason_and_action(aws, room, code):
    aws.service.catalog.changes["impressions"] = not_ready(code)
    with pytest.raises(
        NeedsHumanError, match=rf"overlap: .*impressions.*\({code}\): account {PARTNERS} has to "
    ) as told:
        room.start(asked("overlap"))
    assert "somebody" not in str(told.value)
    assert aws.service.started == []
    room.start(asked("exposed_customers"))
    assert len(aws.service.started) == 1, "it uses another table of the partner"


def test_a_table_that_is_not_ready_for_additional_analyses_is_ready_for_queries(aws, room):
    aws.service.catalog.changes["impressions"] = not_ready(
        "ADDITIONAL_ANALYSES_NOT_ALLOWED", analysis="ADDITIONAL_ANALYSIS"
    )
    room.start(asked("overlap"))
    assert len(aws.service.started) == 1


def test_several_things_in_the_way_are_told_at_once(aws, room):
    columns = [{"name": "email_sha256", "type": "string"}, {"name": "date", "type": "date"}]
    aws.service.catalog.changes |= {"impressions": None, "conversions": {"columns": columns}}
    with pytest.raises(NeedsHumanError) as told:
        room.start(asked("overlap"))
    assert f"impressions is not in the collaboration: account {PARTNERS} has to associate it" in str(told.value)
    assert "conversions does not show creative_id, event_type, price, currency, price_band" in str(told.value)
    assert aws.service.started == []


def test_a_preflight_without_an_answer_leaves_the_start_for_later(aws, room):
    aws.service.plans.fault("BatchGetSchema", Trouble.ANSWER_GARBLED)
    aws.service.plans.fault("GetMembership", Trouble.ANSWER_GARBLED)
    with pytest.raises(TransientError, match="get membership"):
        room.start(asked("overlap"))
    assert aws.service.started == []


class TestTheTables:
    def test_all_tables_are_told_in_order_with_owner_state_and_moment(self, preflight):
        tables = preflight.tables()
        assert [table.name for table in tables] == NAMES
        assert {table.owner for table in tables} == {OURS, PARTNERS}
        assert all(table.ready and not table.differences and not table.rule_differences for table in tables)
        assert {table.updated for table in tables} == {"2026-01-05T09:00:00+00:00"}

    def test_columns_are_held_against_the_declared_types_by_family(self, aws, preflight):
        [shown] = [
            told["configuredTable"]["allowedColumns"]
            for told in collaboration.document()["configuredTables"]
            if told["association"]["name"] == "impressions"
        ]
        types = {"clicks": "int", "cost": "decimal(18,4)", "local_hour": "string", "date": "timestamp"}
        columns = [{"name": name, "type": types.get(name, "varchar(64)")} for name in shown if name != "device"]
        aws.service.catalog.changes["impressions"] = {"columns": columns}
        [impressions] = preflight.tables(["impressions"])
        assert impressions.differences == ("device is missing", "date is timestamp", "local_hour is string")
        assert impressions.missing == ("device",)
        assert not impressions.ready

    def test_a_rule_that_the_partner_has_changed_is_told_by_the_members_that_differ(self, aws, preflight):
        [ours] = [
            told["analysisRule"]["analysisRulePolicy"]["v1"]["aggregation"]
            for told in collaboration.document()["configuredTables"]
            if told["association"]["name"] == "impressions"
        ]
        theirs = ours | {
            "outputConstraints": [{"columnName": "email_sha256", "minimum": 500, "type": "COUNT_DISTINCT"}],
            "dimensionColumns": list(reversed(ours["dimensionColumns"])),
        }
        aws.service.catalog.changes["rule impressions"] = {"policy": {"v1": {"aggregation": theirs}}}
        [impressions] = preflight.tables(["impressions"])
        assert impressions.rule_differences == ("outputConstraints",)
        assert impressions.ready, "AWS enforces its rule, whatever we know of it"

    def test_the_membership_is_told_in_the_words_of_aws(self, aws, preflight):
        told = preflight.membership()
        assert (told.status, told.abilities, told.pays_for_queries) == (
            "ACTIVE",
            ("CAN_QUERY", "CAN_RECEIVE_RESULTS"),
            True,
        )
        assert told.collaboration == aws.service.catalog.collaboration
        aws.service.catalog.membership_changes = {"status": "REMOVED", "memberAbilities": []}
        assert (preflight.membership().status, preflight.membership().abilities) == ("REMOVED", ())


class TestThePartnersTable:
    def test_it_is_an_entry_of_a_catalogue_without_rows(self, preflight):
        entry = preflight.partner_table("impressions")
        assert (entry.rows, entry.files, entry.differences) == (None, 0, [])
        assert preflight.partner_table("impressions") == entry

    def test_its_version_changes_with_columns_and_update_time(self, aws, preflight):
        versions = {preflight.partner_table("impressions").version}
        later = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
        for change in (
            {"impressions": {"updateTime": later}},
            {"rule impressions_list": {"updateTime": later}},
            {"impressions_list": {"columns": [{"name": "email_sha256", "type": "string"}]}},
        ):
            aws.service.catalog.changes = change
            versions.add(preflight.partner_table("impressions").version)
        assert len(versions) == 4
        assert "campaign_id is missing" in preflight.partner_table("impressions").differences

    def test_what_aws_says_against_it_is_a_difference(self, aws, preflight):
        aws.service.catalog.changes["impressions_list"] = not_ready("ANALYSIS_RULE_MISSING")
        [difference] = preflight.partner_table("impressions").differences
        assert f"account {PARTNERS} has to give the configured table an analysis rule" in difference

    def test_our_own_tables_and_unknown_ones_are_none_of_the_partners(self, aws, preflight):
        assert preflight.partner_table("customers") is None
        assert preflight.partner_table("nothing") is None
        aws.service.catalog.changes = dict.fromkeys(name for name in NAMES if name.startswith("impressions"))
        assert preflight.partner_table("impressions") is None


class TestTemplates:
    """A template is approved once and never changes; our query may."""

    NAME = "touch_credits"

    @pytest.fixture
    def arn(self, aws):
        return aws.service.catalog.template(self.NAME, queries.read(f"clean_room/{self.NAME}"))

    def test_a_template_of_todays_text_is_started_with_the_weeks_dates(self, aws, preflight, arn):
        aws.room(preflight=preflight, templates={self.NAME: arn}).start(asked(self.NAME))
        [started] = [told for name, told in aws.service.calls if name == "StartProtectedQuery"]
        assert started["sqlParameters"]["parameters"] == {"week_start": "2026-01-05", "week_end": "2026-01-12"}

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"source": {"text": "SELECT 1"}}, f"its text is not segment_assets/queries/clean_room/{NAME}.sql"),
            ({"format": "PYSPARK_1_0"}, "it is no SQL"),
            ({"analysisParameters": []}, "its parameters are not week_end, week_start"),
        ],
    )
    def test_a_template_that_asks_something_else_is_not_started(self, aws, preflight, arn, change, says):
        aws.service.catalog.changes[self.NAME] = change
        with pytest.raises(PermanentError, match=says):
            aws.room(preflight=preflight, templates={self.NAME: arn}).start(asked(self.NAME))
        assert aws.service.started == []

    def test_a_template_that_is_not_there_is_told(self, aws, preflight, arn):
        gone = arn[:-4] + "0000"
        with pytest.raises(PermanentError, match="it is not in the collaboration; have today's query approved"):
            aws.room(preflight=preflight, templates={self.NAME: gone}).start(asked(self.NAME))

    def test_comments_and_line_ends_are_no_difference(self, aws, preflight, arn):
        text = queries.read(f"clean_room/{self.NAME}")
        bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        aws.service.catalog.changes[self.NAME] = {"source": {"text": bare.replace("\n", "\r\n") + ";"}}
        [status] = preflight.templates({self.NAME: arn})
        assert (status.problems, set(status.parameters)) == ((), {"week_start", "week_end"})
