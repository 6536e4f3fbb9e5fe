"""Identifiers that others minted: network addresses, customer numbers, UID2, EUID, RampID, X accounts.

Belongs here: what such an id looks like. Not here: how one is obtained. None is ever hashed here but where a form says
so, and none is changed except in its notation.
Source: Meta (EXTERN_ID: the same string every time), Amazon's OpenAPI (externalUserId), X (handle without its at sign).
Shapes of UID2 and EUID: unifiedid.com, of RampIDs: docs.liveramp.com.
"""

from __future__ import annotations

import ipaddress
import re

from segment_assets.contracts import Reason
from segment_assets.identity.text import whole_number

# 32 or 33 bytes in base64: both generations of raw UID2 and EUID have 44 characters.
_UID2 = re.compile(r"[A-Za-z0-9+/]{43}[A-Za-z0-9+/=]")
# LiveRamp publishes no length that we could read: maintained ids begin with XY, derived ones with Xi.
_RAMP_ID = re.compile(r"X[Yi][A-Za-z0-9_-]{20,98}")
_EXTERNAL_TOKEN = re.compile(r"[0-9a-zA-Z_-]{1,128}")
_HANDLE = re.compile(r"[a-z0-9_]{1,15}")
_USER_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_LONGEST_EXTERNAL_ID = 512
# Of no use to anybody outside: unspecified, loopback, link-local, private (RFC 1918, RFC 4193), multicast.
_NOT_ON_THE_INTERNET = tuple(
    ipaddress.ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("100.64.0.0/10", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)


def ip_address(value: str, country: str | None = None) -> str | Reason:
    """An IPv4 address, or an IPv6 address in its one short notation (RFC 5952).

    >>> ip_address("203.0.113.7"), ip_address("2001:DB8:0:0::1")
    ('203.0.113.7', '2001:db8::1')
    >>> ip_address("192.168.0.1")
    <Reason.NOT_AN_IP_ADDRESS: 'not_an_ip_address'>
    """
    del country
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return Reason.NOT_AN_IP_ADDRESS
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return Reason.NOT_AN_IP_ADDRESS
        address = address.ipv4_mapped or address
    return Reason.NOT_AN_IP_ADDRESS if any(address in block for block in _NOT_ON_THE_INTERNET) else str(address)


def external_id(value: str, country: str | None = None) -> str | Reason:
    """The advertiser's own id, unchanged. An e-mail address is refused: it is a person's, not the advertiser's.

    >>> external_id("CRM-00042"), external_id("jane@example.com")
    ('CRM-00042', <Reason.NOT_AN_EXTERNAL_ID: 'not_an_external_id'>)
    """
    del country
    return value if "@" not in value and len(value) <= _LONGEST_EXTERNAL_ID else Reason.NOT_AN_EXTERNAL_ID


def external_token(value: str, country: str | None = None) -> str | Reason:
    """An id of letters, digits, "_" and "-", at most 128 of them, as Amazon asks for.

    >>> external_token("u_81f2"), external_token("u 81f2")
    ('u_81f2', <Reason.NOT_AN_EXTERNAL_ID: 'not_an_external_id'>)
    """
    del country
    return value if _EXTERNAL_TOKEN.fullmatch(value) else Reason.NOT_AN_EXTERNAL_ID


def uid2(value: str, country: str | None = None) -> str | Reason:
    """A raw UID2 or EUID, unchanged. A token (encrypted and longer) is none.

    >>> uid2("not one")
    <Reason.NOT_A_UID2: 'not_a_uid2'>
    """
    del country
    return value if _UID2.fullmatch(value) else Reason.NOT_A_UID2


def ramp_id(value: str, country: str | None = None) -> str | Reason:
    """A RampID, unchanged.

    >>> ramp_id("XY1000bTTTTTTT")
    <Reason.NOT_A_RAMP_ID: 'not_a_ramp_id'>
    """
    del country
    return value if _RAMP_ID.fullmatch(value) else Reason.NOT_A_RAMP_ID


def handle(value: str, country: str | None = None) -> str | Reason:
    """The name of an X account, without its at sign, in lower case.

    >>> handle("@AdsAPI"), handle("ads api")
    ('adsapi', <Reason.NOT_A_HANDLE: 'not_a_handle'>)
    """
    del country
    name = value.lower().removeprefix("@").strip()
    return name if _HANDLE.fullmatch(name) else Reason.NOT_A_HANDLE


def user_number(value: str, country: str | None = None) -> str | Reason:
    """The number of an X account.

    >>> user_number("783214"), user_number("7.8E+5")
    ('783214', <Reason.NOT_A_USER_NUMBER: 'not_a_user_number'>)
    """
    del country
    number = whole_number(value)
    return number if _USER_NUMBER.fullmatch(number) else Reason.NOT_A_USER_NUMBER
