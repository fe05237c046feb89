"""Why an input was not used: a closed set, written into dead-letter headers and used as a metric label."""

from enum import StrEnum


class Reason(StrEnum):
    """Adding one is compatible; renaming one breaks dashboards and whoever filters dead-letter."""

    # found while reading the bytes
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    TOO_DEEP = "too_deep"
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    NOT_AN_OBJECT = "not_an_object"
    # found by the contract
    WRONG_VERSION = "wrong_version"
    MISSING_FIELD = "missing_field"
    BAD_FIELD = "bad_field"
    BAD_AGENT_ID = "bad_agent_id"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    # found by the pipeline, which knows the record and the agent's past
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    STALE_EPOCH = "stale_epoch"
    FUTURE = "future"
    CURRENCY_CHANGED = "currency_changed"
    # found by a notifier
    UNDELIVERABLE = "undeliverable"


class Rejected(ValueError):
    """An input that cannot be used. `detail` is one line for a person: field, value, what was expected."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
