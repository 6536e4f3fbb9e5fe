"""Every vector of docs: values and hashes that Meta published, and those derived from its written rules."""

from __future__ import annotations

import pytest

from segment_assets.identity import NORMAL_FORMS, digest

VECTORS = [
    ("country", "US", None, "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
    ("birth_day", "1985-02-4", None, "6cd5b6e51936a442b973660c21553dd22bd72ddc8751132a943475288113b4c0"),
    ("birth_year", "1985", None, "78e370b587b145920213731b7c7c725e512b3b6577c51c800218a7c764c532ae"),
    ("email", "mary@example.com", None, "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"),
    ("email", "test1@example.com", None, "9b431636bd164765d63c573c346708846af4f68fe3701a77a3bdd7e7e5166254"),
    ("email", "test2@example.com", None, "8cc62c145cd0c6dc444168eaeb1b61b351f9b1809a579cc9b4c9e9d7213a39ee"),
    ("first_name", "Mary", None, "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    ("first_name", "Valéry", None, "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    ("last_name", "O'Brien", None, "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"),
    # Without its plus or a country this number could as well be a Chinese mobile.
    ("phone_digits", "15559876543", "us", "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"),
    ("phone_digits", "+15559876543", None, "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"),
    ("state", "California", "us", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
    ("postal_code", "SW1A 1AA", "gb", "949af780a19e6f6d4b99d7044743348dbbb7ab2245fe146863573b23d02c5890"),
]


@pytest.mark.parametrize(("form", "raw", "country", "expected"), VECTORS)
def test_a_published_value_has_the_published_hash(form, raw, country, expected):
    cell = digest(NORMAL_FORMS[form], raw, country)
    assert cell.value == bytes.fromhex(expected)
    assert cell.reason is None
