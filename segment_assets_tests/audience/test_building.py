"""What becomes of the rows of a segment, seen through build_audience."""

from __future__ import annotations

import pytest

from segment_assets.audience import AudiencePolicy, HoldOut, Regime, building
from segment_assets.contracts import ColumnState, PermanentError
from segment_assets.identity import pseudonym
from segment_assets.tables import HASHED_AUDIENCE

from .conftest import KEY, YES, members, sha

AD_ID = "0a1b2c3d-1111-4222-8333-444455556666"
US_PHONE = {"phone": "+1 212 555 2368", "country": "US"}
PLACE = {"source_row": 0, "file": None, "line": None}


def person(number, **more):
    return {"email": f"person{number}@example.com", "country": "US", **more}


def test_a_row_becomes_a_person_with_digests_in_the_declared_columns(build):
    built = build([{**person(1), **US_PHONE, "mobile_ad_id": AD_ID.upper(), "first_name": "Ann"}])
    assert built.table.schema == HASHED_AUDIENCE.arrow_schema()
    [ann] = built.people
    assert ann["email"] == sha("person1@example.com")
    assert ann["phone_digits"] == sha("12125552368")
    assert ann["first_name"] == sha("ann")
    assert ann["mobile_ad_id"] == AD_ID
    assert ann["eligibility"] == "eligible"
    assert ann["cluster_id"] == ann["member_id"]


def test_the_customer_number_names_the_person_before_any_identifier_does(build):
    built = build([person(1, customer_id=" 42 "), person(2), {**US_PHONE}, {"mobile_ad_id": AD_ID}])
    expected = {
        pseudonym(KEY, "customer", "42"),
        pseudonym(KEY, "email", sha("person2@example.com").hex()),
        pseudonym(KEY, "phone_digits", sha("12125552368").hex()),
        pseudonym(KEY, "mobile_ad_id", sha(AD_ID).hex()),
    }
    assert {one["member_id"] for one in built.people} == expected


def test_people_are_written_in_order_of_their_member_id(build):
    ids = [one["member_id"] for one in build([person(n) for n in range(200)]).people]
    assert ids == sorted(ids)
    assert len(ids) == 200


def test_people_are_the_same_however_many_buckets_are_merged_at_once(build, monkeypatch):
    rows = [person(n, phone=f"+1 212 555 {2300 + n // 2}") for n in range(8)] * 2
    at_once = build(rows)
    monkeypatch.setattr(building, "TOGETHER_BYTES", 0)
    one_by_one = build(rows)
    assert len({one["member_id"][0] // 16 for one in at_once.people}) > 3, "all are in a few buckets"
    assert (one_by_one.people, one_by_one.counts) == (at_once.people, at_once.counts)
    assert (at_once.counts.members, at_once.counts.duplicates_merged, at_once.counts.shared_clusters) == (8, 8, 4)


@pytest.mark.parametrize("word", ["null", "NaN", "None", "n/a", " ", ""])
def test_a_null_word_is_no_customer_number_and_merges_no_strangers(build, word):
    built = build([person(1, customer_id=word), person(2, customer_id=word)])
    assert built.counts.members == 2


def test_a_row_that_names_nobody_goes_to_quarantine_whole(build):
    built = build([{"first_name": "Ann", "country": "US"}, person(1)])
    assert built.counts.quarantined_rows == 1
    assert built.quarantine == [{**PLACE, "column": "*", "reason": "no_identifier"}]


def test_a_customer_without_any_usable_identifier_stays_a_member(build):
    built = build([{"customer_id": "7", "email": "not an address", "country": "US"}])
    assert built.counts.members == 1
    assert built.people[0]["email"] is None
    assert built.quarantine == [{**PLACE, "column": "email", "reason": "not_an_email"}]


def test_every_refused_value_is_written_down_with_column_and_reason_and_never_its_value(build):
    built = build([person(1, phone="12", gender="sailor", birth_date="31.2.1990"), person(2, email="null")])
    written = {(row["source_row"], row["column"], row["reason"]) for row in built.quarantine}
    assert (0, "phone", "not_a_phone") in written
    assert (0, "gender", "not_a_gender") in written
    assert (1, "email", "null_text") in written
    assert len([row for row in built.quarantine if row["column"] == "birth_date"]) == 1
    assert "sailor" not in str(built.quarantine)
    assert sum(built.counts.refused_cells.values()) == len(built.quarantine)


def test_an_empty_cell_is_counted_but_is_no_refusal(build):
    built = build([person(1, phone="  ")])
    assert built.quarantine == []
    assert built.counts.empty_cells > 0


def test_values_that_came_hashed_are_taken_over_and_counted(build):
    built = build([{"email": sha("ann@example.com").hex().upper(), "country": "US"}])
    assert built.people[0]["email"] == sha("ann@example.com")
    assert built.counts.already_hashed["email"] == 1


def test_the_declared_state_of_a_column_is_obeyed(build):
    policy = AudiencePolicy(column_states={"email": ColumnState.RAW})
    built = build([{"customer_id": "1", "email": sha("ann@example.com").hex()}], policy=policy)
    assert built.people[0]["email"] is None


class TestMerging:
    def test_rows_of_one_person_become_one_record_with_each_cell_from_the_first_row_that_has_it(self, build):
        rows = [
            {"customer_id": "1", "first_name": "Ann", "country": "US"},
            {"customer_id": "1", "first_name": "Anna", "email": "ann@example.com"},
            {"customer_id": "1", "email": "later@example.com", **US_PHONE},
        ]
        built = build(rows)
        [ann] = built.people
        assert ann["first_name"] == sha("ann")
        assert ann["email"] == sha("ann@example.com")
        assert ann["phone_digits"] == sha("12125552368")
        assert built.counts.duplicates_merged == 2

    @pytest.mark.parametrize(
        ("statements", "door"),
        [
            (["granted", "denied"], "no_consent"),
            (["denied", "granted"], "no_consent"),
            (["granted", "unknown"], "eligible"),
            (["unknown", "unknown"], "no_consent"),
        ],
    )
    def test_of_several_statements_about_consent_the_strictest_counts(self, build, statements, door):
        rows = [person(1, country="DE", consent_ad_user_data=said) for said in statements]
        assert [one["eligibility"] for one in build(rows).people] == [door]

    def test_a_privacy_signal_on_any_row_counts_for_the_person(self, build):
        built = build([person(1, gpc_opt_out=False), person(1, gpc_opt_out=True)])
        assert built.counts.no_consent == 1


class TestConsent:
    @pytest.mark.parametrize(
        ("country", "said", "door"),
        [
            ("DE", "granted", "eligible"),
            ("DE", "unknown", "no_consent"),
            ("DE", None, "no_consent"),
            ("DE", "denied", "no_consent"),
            ("United Kingdom", "unknown", "no_consent"),
            ("CH", "unknown", "no_consent"),
            ("NO", "unknown", "no_consent"),
            ("US", "granted", "eligible"),
            ("US", "unknown", "eligible"),
            ("USA", None, "eligible"),
            ("US", "denied", "no_consent"),
            (None, "unknown", "no_consent"),
            ("Atlantis", "unknown", "no_consent"),
            ("Atlantis", "granted", "eligible"),
        ],
    )
    def test_each_region_asks_for_its_own_consent(self, build, country, said, door):
        built = build([person(1, country=country, consent_ad_personalization=said)])
        assert [one["eligibility"] for one in built.people] == [door]

    @pytest.mark.parametrize("said", ["Denied", "NO", "0", "false", "withdrawn", "opted-out", "???"])
    def test_a_no_in_other_words_and_a_word_we_do_not_know_are_a_no(self, build, said):
        assert build([person(1, consent_ad_user_data=said)]).counts.no_consent == 1

    def test_a_no_on_one_record_holds_for_every_record_with_that_email(self, build):
        rows = [
            person(1, customer_id="C1", email="ann@example.com", consent_ad_user_data="denied"),
            person(2, customer_id="C2", email="ann@example.com"),
            person(3, customer_id="C3", email="ben@example.com"),
        ]
        built = build(rows)
        assert (built.counts.eligible, built.counts.no_consent) == (1, 2)

    def test_a_no_on_one_spelling_of_a_gmail_mailbox_holds_for_all_of_them(self, build):
        rows = [
            {"email": "jane.doe@gmail.com", "country": "US", "consent_ad_user_data": "denied"},
            {"email": "janedoe+shop@gmail.com", "country": "US"},
            {"email": "janedoe@example.com", "country": "US"},
        ]
        built = build(rows)
        assert (built.counts.eligible, built.counts.no_consent) == (1, 2)

    def test_words_that_we_do_not_know_are_counted(self, build):
        assert build([person(1, consent_ad_user_data="perhaps")]).counts.consent_not_understood == 1

    def test_consent_asserted_by_the_plan_turns_silence_into_a_yes_but_not_a_no(self, build):
        rows = [
            person(1, country="DE", consent_ad_user_data=None),
            person(2, country="DE", consent_ad_user_data="denied"),
        ]
        built = build(rows, policy=AudiencePolicy(consent_asserted=True))
        assert (built.counts.eligible, built.counts.no_consent) == (1, 1)

    def test_the_policy_may_ask_everyone_for_a_yes(self, build):
        policy = AudiencePolicy(regime_elsewhere=Regime.OPT_IN)
        assert build([person(1, consent_ad_user_data="unknown")], policy=policy).counts.no_consent == 1

    def test_people_without_consent_leave_without_any_identifier(self, build):
        built = build([person(1, consent_ad_user_data="denied", mobile_ad_id=AD_ID, first_name="Ann")])
        [ann] = built.people
        kept = {"member_id", "cluster_id", "eligibility", "consent_ad_user_data"}
        assert {name for name, value in ann.items() if value is not None} == kept


class TestSuppression:
    @pytest.mark.parametrize(
        ("kind", "digest"),
        [
            ("member", pseudonym(KEY, "customer", "1")),
            ("email", sha("person1@example.com")),
            ("phone_digits", sha("12125552368")),
            ("mobile_ad_id", sha(AD_ID)),
        ],
    )
    def test_a_suppressed_member_or_any_suppressed_identifier_stops_the_person(self, build, kind, digest):
        rows = [person(1, customer_id="1", phone="(212) 555-2368", mobile_ad_id=AD_ID), person(2)]
        built = build(rows, suppressions=[{"kind": kind, "digest": digest}])
        assert (built.counts.suppressed, built.counts.eligible) == (1, 1)
        [ann] = [one for one in built.people if one["eligibility"] == "suppressed"]
        assert {name for name, value in ann.items() if value is not None} == {"member_id", "cluster_id", "eligibility"}

    def test_suppression_comes_before_consent(self, build):
        rows = [person(1, consent_ad_user_data="denied")]
        built = build(rows, suppressions=[{"kind": "email", "digest": sha("person1@example.com")}])
        assert (built.counts.suppressed, built.counts.no_consent) == (1, 0)

    def test_a_digest_suppressed_as_a_phone_stops_no_email(self, build):
        built = build([person(1)], suppressions=[{"kind": "phone_digits", "digest": sha("person1@example.com")}])
        assert built.counts.suppressed == 0

    def test_suppressions_of_an_unknown_kind_are_refused_instead_of_ignored(self, build):
        with pytest.raises(PermanentError, match="carrier_pigeon"):
            build([person(1)], suppressions=[{"kind": "carrier_pigeon", "digest": sha("1")}])


class TestClusters:
    def test_people_who_share_an_identifier_are_one_cluster_named_by_its_smallest_member(self, build):
        rows = [
            {"customer_id": "a", "email": "one@example.com", "country": "US"},
            {"customer_id": "b", "email": "one@example.com", **US_PHONE},
            {"customer_id": "c", "email": "two@example.com", **US_PHONE},
            {"customer_id": "d", "email": "three@example.com", "country": "US"},
        ]
        built = build(rows)
        by_cluster = {}
        for one in built.people:
            by_cluster.setdefault(one["cluster_id"], []).append(one["member_id"])
        assert sorted(map(len, by_cluster.values())) == [1, 3]
        assert all(cluster == min(ids) for cluster, ids in by_cluster.items())
        assert built.counts.shared_clusters == 1

    def test_two_spellings_of_a_gmail_mailbox_are_one_cluster(self, build):
        rows = [{"email": address} for address in ("j.doe@gmail.com", "jdoe@gmail.com", "jdoe@example.com")]
        assert build(rows).counts.shared_clusters == 1

    def test_a_long_chain_of_shared_identifiers_is_one_cluster(self, build):
        def row(n):
            return {
                "customer_id": str(n),
                "email": f"link{n // 2}@example.com",
                "mobile_ad_id": f"{(n + 1) // 2 + 1:08x}-1111-4222-8333-444455556666",
                "country": "US",
            }

        built = build([row(n) for n in range(3000)])
        assert len({one["cluster_id"] for one in built.people}) == 1

    def test_the_same_digest_in_different_kinds_connects_nobody(self, build):
        digest = sha("12125552368").hex()
        built = build([{"customer_id": "1", "email": digest}, {"customer_id": "2", "phone": digest}])
        assert built.counts.shared_clusters == 0


class TestHoldOut:
    POLICY = AudiencePolicy(experiments=(HoldOut("autumn", "salt-1", 0.3),))

    def test_about_the_share_of_the_people_is_held_out_and_keeps_its_digests(self, build):
        built = build([person(n) for n in range(2000)], policy=self.POLICY)
        assert 500 < built.counts.held_out < 700
        assert all(one["email"] for one in built.people if one["eligibility"] == "held_out")

    def test_another_salt_draws_other_people(self, build):
        def drawn(salt):
            policy = AudiencePolicy(experiments=(HoldOut("x", salt, 0.5),))
            built = build([person(n) for n in range(200)], policy=policy)
            return {one["member_id"] for one in built.people if one["eligibility"] == "held_out"}

        assert drawn("salt-1") != drawn("salt-2")
        assert drawn("salt-1") == drawn("salt-1")

    def test_only_people_who_could_have_been_sent_are_drawn(self, build):
        rows = [person(n, consent_ad_user_data="denied" if n % 2 else "granted") for n in range(400)]
        built = build(rows, policy=AudiencePolicy(experiments=(HoldOut("x", "s", 0.999999),)))
        assert (built.counts.no_consent, built.counts.held_out, built.counts.eligible) == (200, 200, 0)

    def test_two_experiments_may_not_share_a_salt(self):
        with pytest.raises(PermanentError, match="share a salt"):
            AudiencePolicy(experiments=(HoldOut("a", "s", 0.1), HoldOut("b", "s", 0.1)))

    @pytest.mark.parametrize("share", [-0.1, 1.0, 7])
    def test_a_share_outside_its_range_is_refused(self, share):
        with pytest.raises(PermanentError, match="share"):
            HoldOut("a", "s", share)


def test_an_empty_segment_builds_an_empty_audience(build):
    built = build([], policy=TestHoldOut.POLICY)
    assert built.people == []
    assert built.counts.rows_in == 0


def test_another_key_gives_other_pseudonyms(build):
    first, second = build([person(1)]), build([person(1)], key=b"another key of a tenant, 32 byt.")
    assert first.people[0]["member_id"] != second.people[0]["member_id"]


def test_nothing_is_left_in_the_working_folder(build, tmp_path):
    build.workdir, before = tmp_path, build.workdir
    try:
        build([person(1)])
    finally:
        build.workdir = before
    assert list(tmp_path.iterdir()) == []


def test_a_working_folder_with_a_quote_in_its_name_works(build, tmp_path):
    quoted = tmp_path / "it's here"
    quoted.mkdir()
    build.workdir, before = quoted, build.workdir
    try:
        assert build([person(1)]).counts.members == 1
    finally:
        build.workdir = before


def test_rows_out_of_order_and_in_many_batches_are_all_accounted_for(build):
    rows = members([person(n % 700, **YES) for n in range(2500)])
    built = build(rows.take(list(reversed(range(2500)))))
    assert (built.counts.rows_in, built.counts.members, built.counts.duplicates_merged) == (2500, 700, 1800)
