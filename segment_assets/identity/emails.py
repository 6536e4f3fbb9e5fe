"""E-mail addresses: trimmed, lower-cased, and really an address.

Belongs here: the published rules and the syntax check. Not here: which platform asks for which (`destinations`).
Source: Meta, Customer File Custom Audiences, "Hashing" (trim, lower-case); for the folding of Gmail addresses Google,
Data Manager API, "Format user data", and google-ads-datamanager-util 0.4.0; of UID2 unifiedid.com and uid2-client
2.9.0; for the letters and digits of Reddit its Conversions API help page. Everything beyond is ours:
NFKC, because a full-width at sign from an Asian keyboard is the same address to mail (RFC 8265 maps width,
UTS 46 applies NFKC to domains) and changes nothing in ASCII; and refusing what no mail server could deliver to.
"""

from __future__ import annotations

import re
import unicodedata

from segment_assets.contracts import Reason

_MAX_ADDRESS, _MAX_LOCAL, _MAX_DOMAIN, _MAX_LABEL = 254, 64, 253, 63  # RFC 5321 4.5.3.1, RFC 1035 2.3.4

# RFC 5322 dot-atom, widened to the letters, marks and digits of all scripts (RFC 6531, RFC 5890).
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_ASCII_ADDRESS = re.compile(
    r"[a-z0-9_!#$%&'*+/=?^`{|}~-]+(?:\.[a-z0-9_!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])",
)
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_WHITE_SPACE = re.compile(r"\s+")
_UID2_GMAIL = frozenset({"gmail.com"})


def email(value: str, country: str | None = None) -> str | Reason:
    """The address as Meta hashes it. `country` plays no part.

    >>> email("Jane.Doe+News@Example.COM")
    'jane.doe+news@example.com'
    >>> email("jane@localhost")
    <Reason.NOT_AN_EMAIL: 'not_an_email'>
    """
    del country
    address = _compatible(value)
    if not _is_deliverable_length(address):
        return Reason.NOT_AN_EMAIL
    if address.isascii():
        return address if _ASCII_ADDRESS.fullmatch(address) else Reason.NOT_AN_EMAIL
    return address if _is_international_address(address) else Reason.NOT_AN_EMAIL


def spaceless_email(value: str, country: str | None = None) -> str | Reason:
    """The address after all white space in it is removed, as TikTok, LinkedIn and LiveRamp say it.

    >>> spaceless_email("  JaneDoe @Gmail.com")
    'janedoe@gmail.com'
    """
    return email(_WHITE_SPACE.sub("", value), country)


def folded_as_by_gmail(address: str) -> str | Reason:
    """An address in normal form, with Google's own mailboxes in the one spelling that Google hashes.

    Gmail ignores dots and whatever follows a plus before the at sign; other providers do not, and googlemail.com
    is not rewritten to gmail.com.

    >>> folded_as_by_gmail("j.a.n.e+news@gmail.com"), folded_as_by_gmail("j.a.n.e+news@example.com")
    ('jane@gmail.com', 'j.a.n.e+news@example.com')
    >>> folded_as_by_gmail("+news@gmail.com")
    <Reason.NOT_AN_EMAIL: 'not_an_email'>
    """
    return _folded(address, _GMAIL)


def folded_as_by_uid2(address: str) -> str | Reason:
    """An address in normal form, folded for gmail.com and, unlike Google, not for googlemail.com.

    >>> folded_as_by_uid2("jane.saoirse+work@gmail.com"), folded_as_by_uid2("jane.doe+work@googlemail.com")
    ('janesaoirse@gmail.com', 'jane.doe+work@googlemail.com')
    """
    return _folded(address, _UID2_GMAIL)


def folded_everywhere(address: str) -> str | Reason:
    """An address in normal form without dots and plus tag whatever its provider, where a platform was set to that.

    >>> folded_everywhere("jane.doe+news@example.com")
    'janedoe@example.com'
    """
    return _folded(address, None)


def letters_and_digits(address: str) -> str | Reason:
    """An address in normal form, its mailbox without plus tag and without all that is no letter or digit (Reddit).

    >>> letters_and_digits("al.ice$+apple@example.com")
    'alice@example.com'
    """
    local, _, domain = address.partition("@")
    mailbox = "".join(c for c in local.partition("+")[0] if c.isalnum())
    return f"{mailbox}@{domain}" if mailbox else Reason.NOT_AN_EMAIL


def _folded(address: str, domains: frozenset[str] | None) -> str | Reason:
    local, _, domain = address.partition("@")
    if domains is not None and domain not in domains:
        return address
    mailbox = local.partition("+")[0].replace(".", "")
    return f"{mailbox}@{domain}" if mailbox else Reason.NOT_AN_EMAIL


def _compatible(value: str) -> str:
    if value.isascii():
        return value.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).lower()).strip()


def _is_deliverable_length(address: str) -> bool:
    local, _, domain = address.partition("@")
    if not local or len(address) > _MAX_ADDRESS or len(local) > _MAX_LOCAL or len(domain) > _MAX_DOMAIN:
        return False
    return len(domain) <= _MAX_LABEL or all(len(label) <= _MAX_LABEL for label in domain.split("."))


def _is_international_address(address: str) -> bool:
    local, _, domain = address.partition("@")
    labels = domain.split(".")
    is_dotted = len(labels) > 1 and len(labels[-1]) > 1 and not labels[-1].isdigit()
    return bool(_LOCAL.fullmatch(_letters_for_marks(local))) and is_dotted and all(map(_is_label, labels))


def _is_label(label: str) -> bool:
    plain = _letters_for_marks(label)
    return bool(plain) and plain[0] != "-" != plain[-1] and all(c == "-" or (c.isalnum()) for c in plain)


def _letters_for_marks(text: str) -> str:
    """Vowel signs and joiners belong to words of many scripts, yet are no letters to a regular expression."""
    return "".join("x" if unicodedata.category(c)[0] == "M" or c in "\u200c\u200d" else c for c in text)
