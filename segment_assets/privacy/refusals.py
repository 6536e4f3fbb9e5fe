"""Why a query is refused, doubtful or not valid: the codes, and the documented control that each belongs to.

Belongs here: the vocabulary. Not here: how a refusal is found.
"""

from __future__ import annotations

import enum


class Refusal(enum.StrEnum):
    """Why a query was refused. Codes are stored in logs, so a code is never renamed."""

    SYNTAX = "syntax"
    QUERY_TOO_LONG = "query_too_long"
    SEVERAL_STATEMENTS = "several_statements"
    NOT_A_SELECT = "not_a_select"
    SET_OPERATION = "set_operation"
    UNKNOWN_SYNTAX = "unknown_syntax"
    UNRENDERED_PARAMETER = "unrendered_parameter"
    COMMON_TABLE_EXPRESSION = "common_table_expression"
    SUBQUERY = "subquery"
    STAR = "star"
    WINDOW_FUNCTION = "window_function"
    HINT = "hint"
    LIMIT = "limit"
    OFFSET = "offset"
    NO_TABLE = "no_table"
    UNKNOWN_TABLE = "unknown_table"
    TOO_MANY_TABLES = "too_many_tables"
    DUPLICATE_ALIAS = "duplicate_alias"
    NO_RULE = "no_rule"
    MIXED_RULES = "mixed_rules"
    NOT_DIRECTLY_QUERYABLE = "not_directly_queryable"
    RUNNER_MAY_NOT_QUERY = "runner_may_not_query"
    COLUMN_NOT_ALLOWED = "column_not_allowed"
    AMBIGUOUS_COLUMN = "ambiguous_column"
    OUTPUT_NAME = "output_name"
    DUPLICATE_OUTPUT = "duplicate_output"
    JOIN_NOT_INNER = "join_not_inner"
    JOIN_CONDITION = "join_condition"
    JOIN_COLUMN = "join_column"
    JOIN_OPERATOR = "join_operator"
    RUNNER_JOIN_REQUIRED = "runner_join_required"
    NO_AGGREGATE = "no_aggregate"
    AGGREGATE_ARGUMENT = "aggregate_argument"
    AGGREGATE_NOT_ALLOWED = "aggregate_not_allowed"
    AGGREGATE_PLACE = "aggregate_place"
    DISTINCT = "distinct"
    DISTINCT_MISSING = "distinct_missing"
    NOT_A_DIMENSION = "not_a_dimension"
    NOT_A_LIST_COLUMN = "not_a_list_column"
    NOT_GROUPED = "not_grouped"
    GROUP_BY = "group_by"
    ORDER_BY = "order_by"
    HAVING = "having"
    CONDITION = "condition"
    LITERAL = "literal"
    FUNCTION_NOT_ALLOWED = "function_not_allowed"
    FUNCTION_NOT_SUPPORTED_YET = "function_not_supported_yet"
    NESTED_FUNCTION = "nested_function"
    # custom rule
    NO_ANALYSIS_ALLOWED = "no_analysis_allowed"
    TEMPLATE_NOT_ALLOWED = "template_not_allowed"
    PROVIDER_NOT_ALLOWED = "provider_not_allowed"
    ONLY_JOBS_ALLOWED = "only_jobs_allowed"
    DISALLOWED_OUTPUT = "disallowed_output"
    IDENTITY_LITERAL = "identity_literal"
    LITERAL_COMPARISON = "literal_comparison"
    COLUMN_COMPARISON = "column_comparison"
    AGGREGATE_EXPRESSION = "aggregate_expression"
    COMPANION_AGGREGATE = "companion_aggregate"
    ROWS_WITHOUT_AGGREGATE = "rows_without_aggregate"
    CONSTRUCT_NOT_SUPPORTED = "construct_not_supported"
    UNKNOWN_FUNCTION = "unknown_function"
    NOT_DOCUMENTED = "not_documented"
    LOCAL_ENGINE = "local_engine"
    # differential privacy
    DP_AGGREGATE = "dp_aggregate"
    DP_USER_COLUMN = "dp_user_column"
    DP_JOIN = "dp_join"
    DP_WINDOW = "dp_window"
    DP_SET_OPERATION = "dp_set_operation"
    DP_ROW_ORDER = "dp_row_order"
    DP_SUBQUERY = "dp_subquery"
    DP_BUDGET = "dp_budget"
    DP_NOT_LOCAL = "dp_not_local"
    # ID mapping tables
    MAPPING_ALONE = "mapping_alone"
    MAPPING_OVERLAP = "mapping_overlap"
    MAPPING_SIDE = "mapping_side"
    MAPPING_COLUMN = "mapping_column"
    # the collaboration
    RESULT_RECEIVER = "result_receiver"
    ADDITIONAL_ANALYSIS = "additional_analysis"
    ACCESS_BUDGET = "access_budget"
    INVALID_CONFIGURATION = "invalid_configuration"


_CONTROLS = {
    "joinRequired": [Refusal.RUNNER_JOIN_REQUIRED],
    "joinColumns": [Refusal.JOIN_COLUMN, Refusal.JOIN_CONDITION],
    "allowedJoinOperators": [Refusal.JOIN_OPERATOR],
    "aggregateColumns": [Refusal.AGGREGATE_NOT_ALLOWED, Refusal.AGGREGATE_ARGUMENT, Refusal.AGGREGATE_PLACE],
    "dimensionColumns": [Refusal.NOT_A_DIMENSION],
    "listColumns": [Refusal.NOT_A_LIST_COLUMN],
    "scalarFunctions": [Refusal.FUNCTION_NOT_ALLOWED, Refusal.NESTED_FUNCTION],
    "allowedColumns": [Refusal.COLUMN_NOT_ALLOWED],
    "analysisMethod": [Refusal.NOT_DIRECTLY_QUERYABLE],
    "analysisRuleType": [Refusal.MIXED_RULES, Refusal.NO_RULE],
    "memberAbilities": [Refusal.RUNNER_MAY_NOT_QUERY],
    "allowedAnalyses": [Refusal.NO_ANALYSIS_ALLOWED, Refusal.TEMPLATE_NOT_ALLOWED, Refusal.ONLY_JOBS_ALLOWED],
    "allowedAnalysisProviders": [Refusal.PROVIDER_NOT_ALLOWED],
    "disallowedOutputColumns": [Refusal.DISALLOWED_OUTPUT],
    "aggregationThresholds.identityColumns": [Refusal.IDENTITY_LITERAL],
    "aggregationThresholds.allowedAggregateExpressionType": [Refusal.AGGREGATE_EXPRESSION],
    "aggregationThresholds": [Refusal.COMPANION_AGGREGATE, Refusal.ROWS_WITHOUT_AGGREGATE],
    "comparisonControls.allowedLiteralComparisonColumns": [Refusal.LITERAL_COMPARISON],
    "comparisonControls.allowedColumnComparisonColumns": [Refusal.COLUMN_COMPARISON],
    "differentialPrivacy": [code for code in Refusal if code.startswith("dp_")],
    "privacyBudget": [Refusal.DP_BUDGET, Refusal.ACCESS_BUDGET],
    "queryConstraints.requireOverlap": [Refusal.MAPPING_OVERLAP, Refusal.MAPPING_SIDE],
    "idMappingTable": [Refusal.MAPPING_ALONE, Refusal.MAPPING_COLUMN],
    "allowedResultReceivers": [Refusal.RESULT_RECEIVER],
    "additionalAnalyses": [Refusal.ADDITIONAL_ANALYSIS],
    "analysisRulePolicy": [Refusal.INVALID_CONFIGURATION],
    "quotas": [Refusal.QUERY_TOO_LONG, Refusal.TOO_MANY_TABLES],
    "local engine": [Refusal.LOCAL_ENGINE, Refusal.FUNCTION_NOT_SUPPORTED_YET, Refusal.LITERAL, Refusal.OUTPUT_NAME],
}
_CONTROL_OF = {code: control for control, codes in _CONTROLS.items() for code in codes}


def control_of(code: Refusal) -> str:
    """The documented control that a reason is about, in the API's words; else the documented query structure.

    >>> control_of(Refusal.RUNNER_JOIN_REQUIRED), control_of(Refusal.LIMIT)
    ('joinRequired', 'query structure')
    """
    return _CONTROL_OF.get(code, "query structure")
