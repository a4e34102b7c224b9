"""The words of the template language that both engines know.

They are the defaults of the Rust crate, with its feature `json`, less `pprint`, which writes lists and maps
differently in the Python binding, and `debug`.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILTERS = _names(
    """abs attr batch bool capitalize chain count d default dictsort e escape first float format groupby indent int
    items join last length lines list lower map max min reject rejectattr replace reverse round safe select selectattr
    slice sort split string sum title tojson trim unique upper zip"""
)
TESTS = _names(
    """boolean defined divisibleby endingwith eq equalto escaped even false filter float ge greaterthan gt in int
    integer iterable le lessthan lower lt mapping ne none number odd safe sameas sequence startingwith string test
    true undefined upper"""
)
FUNCTIONS = frozenset({"range", "dict", "namespace"})
TAGS = _names(
    """if elif else endif for endfor set endset with endwith filter endfilter macro endmacro call endcall
    raw endraw do"""
)
RESERVED = FUNCTIONS | _names(
    """loop self super caller varargs kwargs debug cycler joiner true false none True False None and or not in is if
    else elif for set with"""
)
"""Names that mean something else inside a template than a column."""
