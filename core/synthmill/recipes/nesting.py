"""Whether a template nests so deep that the engine could run out of stack and take the process with it.

minijinja limits brackets and blocks to 150 levels, but walks chains by recursion too: `- - 1`, `a.b.c`, `x|f|g`,
`{% elif %}`. With 1 MiB of stack, half of a consumer's thread, an unoptimized build stands 600 links of the
worst chain and 400 `elif`.
"""

from synthmill.recipes.words import Token, sections

MAX_CHAIN = 500
"""Words and signs between two commas, summed over open brackets; at most one link each."""
MAX_ELIF = 100
"""Branches, summed over open `if` blocks."""


def is_too_nested(template: str) -> bool:
    """True if one of the limits is passed."""
    branches: list[int] = []
    for mark, tokens in sections(template):
        if _longest_chain(tokens) > MAX_CHAIN:
            return True
        if mark == "%" and tokens:
            _count_branch(tokens, branches)
            if sum(branches) > MAX_ELIF:
                return True
    return False


def _longest_chain(tokens: list[Token]) -> int:
    open_chains = [0]
    total = longest = 0
    for kind, text in tokens:
        if kind == "op" and text in ")]}" and len(open_chains) > 1:
            total -= open_chains.pop()
        if kind == "op" and text == ",":
            total -= open_chains[-1]
            open_chains[-1] = 0
        else:
            open_chains[-1] += 1
            total += 1
        if kind == "op" and text in "([{":
            open_chains.append(0)
        longest = max(longest, total)
    return longest


def _count_branch(tokens: list[Token], branches: list[int]) -> None:
    tag = next((text for kind, text in tokens if kind == "name"), "")
    if tag == "if":
        branches.append(1)
    elif tag == "elif" and branches:
        branches[-1] += 1
    elif tag == "endif" and branches:
        branches.pop()
