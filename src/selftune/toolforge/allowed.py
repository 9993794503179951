"""What the source of a tool may name: modules with the names in them, built-ins, and kinds of syntax.

All three are lists of what is allowed, never of what is not. Of a module only these names are reached: many a harmless
module holds `sys` or `os` as an attribute. Nothing here opens a file, a socket or a process, or finds an attribute by a
name that is computed.
"""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES: Final = {
    "base64": "b64encode b64decode urlsafe_b64encode urlsafe_b64decode b32encode b32decode b16encode b16decode",
    "binascii": "hexlify unhexlify crc32 Error",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "isleap leapdays monthrange weekday timegm month_name month_abbr day_name day_abbr",
    "cmath": "exp log log10 phase polar rect sqrt sin cos tan pi e tau inf nan isnan isinf isfinite isclose",
    "collections": "Counter OrderedDict defaultdict deque ChainMap",
    "collections.abc": "Callable Iterable Iterator Mapping Sequence Set",
    "colorsys": "rgb_to_hls hls_to_rgb rgb_to_hsv hsv_to_rgb rgb_to_yiq yiq_to_rgb",
    "csv": "reader writer DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC Error",
    "datetime": "date datetime time timedelta timezone UTC MINYEAR MAXYEAR",
    "decimal": (
        "Decimal DecimalException InvalidOperation DivisionByZero ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN "
        "ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP"
    ),
    "difflib": "SequenceMatcher get_close_matches unified_diff context_diff ndiff",
    "fractions": "Fraction",
    "functools": "reduce partial cmp_to_key",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_256 sha3_512 blake2b blake2s",
    "heapq": "heappush heappop heapify heapreplace heappushpop nlargest nsmallest merge",
    "html": "escape unescape",
    "io": "StringIO",
    "ipaddress": (
        "ip_address ip_network ip_interface IPv4Address IPv6Address IPv4Network IPv6Network AddressValueError "
        "NetmaskValueError"
    ),
    "itertools": (
        "accumulate batched chain combinations combinations_with_replacement compress count cycle dropwhile "
        "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest"
    ),
    "json": "dumps loads JSONDecodeError",
    "math": (
        "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp exp2 "
        "expm1 fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp "
        "lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt tan tanh tau "
        "trunc ulp"
    ),
    "operator": (
        "add sub mul truediv floordiv mod pow neg pos abs eq ne lt le gt ge and_ or_ xor not_ invert lshift rshift "
        "concat contains countOf indexOf getitem itemgetter truth"
    ),
    "random": "Random betavariate choice choices gauss randint random randrange sample shuffle uniform",
    "re": (
        "compile escape findall finditer fullmatch match search split sub subn error Pattern Match A ASCII DOTALL S I "
        "IGNORECASE M MULTILINE X VERBOSE U UNICODE"
    ),
    "statistics": (
        "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode pstdev "
        "pvariance stdev variance quantiles covariance correlation linear_regression StatisticsError"
    ),
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation capwords",
    "struct": "pack unpack calcsize error",
    "textwrap": "wrap fill shorten dedent indent",
    "typing": "Any Callable Dict Final Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Union",
    "unicodedata": "bidirectional category combining decimal digit name normalize numeric lookup east_asian_width",
    "urllib.parse": "parse_qs parse_qsl quote quote_plus unquote unquote_plus urlencode urljoin urlparse urlsplit",
    "zlib": "adler32 crc32",
    "__future__": "annotations",
}

MODULES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {name: frozenset(names.split()) for name, names in _MODULES.items()}
)
"""Each module that may be imported, with the names that may be reached in it."""

IMPURE_MODULES: Final = frozenset({"random"})
IMPURE_NAMES: Final = frozenset({"now", "today", "utcnow"})
"""Attributes that ask what time it is."""

_ERRORS: Final = (
    "ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError NotImplementedError "
    "OverflowError RecursionError RuntimeError StopIteration TypeError UnicodeDecodeError UnicodeEncodeError "
    "UnicodeError ValueError ZeroDivisionError"
)
BUILTINS: Final = frozenset(
    (
        "abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float format "
        "frozenset hex int isinstance issubclass iter len list map max min next oct ord pow range repr reversed round "
        "set slice sorted str sum tuple zip True False None NotImplemented " + _ERRORS
    ).split()
)

_FIXED: Final = (
    "frozenset tuple str int float complex bool bytes range len abs round ord chr pow "
    "join lower upper strip replace encode compile Decimal Fraction date datetime time timedelta timezone "
    "sqrt log log2 log10 exp factorial comb perm gcd lcm radians degrees sin cos tan ip_address ip_network "
    "IPv4Address IPv6Address IPv4Network IPv6Network"
)
FIXED: Final = frozenset(_FIXED.split())
"""What may be called for a constant outside a function: what comes out can't be changed by a call."""

NODES: Final = frozenset(
    {
        ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign,
        ast.Delete, ast.For, ast.While, ast.If, ast.Raise, ast.Try, ast.ExceptHandler, ast.Assert, ast.Import,
        ast.ImportFrom, ast.alias, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Match, ast.match_case,
        ast.MatchValue, ast.MatchSingleton, ast.MatchSequence, ast.MatchMapping, ast.MatchStar, ast.MatchAs,
        ast.MatchOr, ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp, ast.Dict, ast.Set,
        ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Call,
        ast.keyword, ast.FormattedValue, ast.JoinedStr, ast.Constant, ast.Attribute, ast.Subscript, ast.Starred,
        ast.Name, ast.List, ast.Tuple, ast.Slice, ast.Load, ast.Store, ast.Del, ast.And, ast.Or, ast.Not, ast.Invert,
        ast.UAdd, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift,
        ast.RShift, ast.BitOr, ast.BitXor, ast.BitAnd, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is,
        ast.IsNot, ast.In, ast.NotIn,
    }
)  # fmt: skip
"""Kinds of syntax: no class, no `global`, no `with`, no decorator, no `yield`, nothing asynchronous."""

HIDDEN_ATTRIBUTES: Final = ("gi_", "cr_", "ag_", "tb_", "f_", "co_", "func_")
"""How those attributes begin that lead from a value to the frame, the code or the module behind it."""

REFUSED_ATTRIBUTES: Final = frozenset({"format", "format_map", "mro"})
"""The first two find attributes by names within a text; the last one leads to `object`."""
