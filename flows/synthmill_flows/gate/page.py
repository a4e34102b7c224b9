"""Makes the page that Great Expectations renders safe to keep and to open anywhere.

As it comes it loads a dozen files from other people's servers, so that they learn who reads it, and it holds text that
a model wrote. What is left loads nothing and runs nothing: a policy in the page itself forbids both.
"""

import re

_LOADED = re.compile(
    r"<script\b.*?</script\s*>|<link\b[^>]*>|<img\b[^>]*\bsrc=[\"']https?:[^>]*>", re.DOTALL | re.IGNORECASE
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_POLICY = """
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
td, th { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left; vertical-align: top; }
.modal, .btn, form, footer { display: none; }
</style>
"""


def self_contained(page: str) -> str:
    """The page without anything that is loaded or run, with a plain style of its own."""
    bare = _LOADED.sub("", page)
    return _HEAD.sub(lambda head: head.group() + _POLICY, bare, count=1)
