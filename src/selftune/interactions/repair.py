"""Text that was decoded with the wrong encoding, mended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

REPLACEMENT: Final = "\ufffd"

# What bytes 80 to BF, the tail of a UTF-8 character, look like when they are read as Mac Roman.
_TAIL: Final = re.escape(bytes(range(0x80, 0xC0)).decode("mac_roman"))
# Heads E2, F0, C3 and C2 only: as Mac Roman they are a low quote, the Apple sign, a root and a negation, which do not
# stand before such a tail in honest text. Other heads are letters and quotes that do.
_MAC_ROMAN: Final = re.compile(f"\u201a[{_TAIL}]{{2}}|\uf8ff[{_TAIL}]{{3}}|\u221a[{_TAIL}]|\u00ac\u2020")
_TELLING: Final = 3
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def repair_text(text: str) -> str:
    """The text as its writer meant it; equal to the input when nothing was wrong.

    Only the encoding is mended (ftfy, and Mac Roman which ftfy leaves alone): quotes, ligatures, line ends and
    normal forms stay as they were. NUL goes; half of a surrogate pair becomes U+FFFD.
    """
    if text.isascii():
        return text.replace("\0", "")
    import ftfy

    whole = join_surrogates(text).replace("\0", "")
    return _all_from_mac_roman(_MAC_ROMAN.sub(_from_mac_roman, ftfy.fix_text(whole, _encoding_only())))


def join_surrogates(text: str) -> str:
    """The text with its surrogate pairs joined; half of one becomes U+FFFD, for no file can hold it."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _all_from_mac_roman(text: str) -> str:
    """The text as UTF-8 that was read as Mac Roman throughout: the heads of Cyrillic and Greek are dashes there.

    Honest text is hardly ever UTF-8 in Mac Roman's bytes, and with three such characters never by chance.
    """
    try:
        mended = text.encode("mac_roman").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
    return mended if sum(not char.isascii() for char in mended) >= _TELLING else text


def _from_mac_roman(match: re.Match[str]) -> str:
    try:
        return match[0].encode("mac_roman").decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _encoding_only() -> TextFixerConfig:
    import ftfy

    return ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
    )
