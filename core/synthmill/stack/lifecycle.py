"""The bucket's own clean-up: the net below the deletion by the services, which fetch no file that old any more."""

from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, Rule

PREFIX = "tmp/"
RULE_ID = "synthmill-temporary-files"
DAYS = 1
"""Whole days are all that S3 knows; the services delete such files after hours."""


def with_our_rule(present: LifecycleConfig | None) -> LifecycleConfig | None:
    """The rules of a bucket with ours among them, the others kept; None when ours is there already."""
    others = [rule for rule in (present.rules if present else []) if rule.rule_id != RULE_ID]
    if present is not None and len(others) < len(present.rules):
        return None
    return LifecycleConfig([*others, _rule()])


def _rule() -> Rule:
    return Rule(
        ENABLED,
        rule_filter=Filter(prefix=PREFIX),
        rule_id=RULE_ID,
        expiration=Expiration(days=DAYS),
        abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=DAYS),
    )
