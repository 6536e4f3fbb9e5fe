"""Every vector of docs: values and hashes that Meta and Google published, and those derived from their rules."""

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


# Google's quickstart and formatter tests, and what its Formatter makes of more values.
GOOGLE = [
    (
        "email_gmail_folded",
        " Quinn.Y@GMAIL.COM ",
        None,
        "quinny@gmail.com",
        "fbd9eca2a8e4e7219579f0651ebc8e3ce50ee7204c1c8f9d1774d163a7a9df63",
    ),
    (
        "email_gmail_folded",
        "ALEXJ@example.com",
        None,
        "alexj@example.com",
        "2ef46c4214c3fc1b277a2d976d55194e12b899aa50d721f28da858c7689756e3",
    ),
    (
        "email_gmail_folded",
        "Jefferson.LOVES.Hiking@googlemail.com",
        None,
        "jeffersonloveshiking@googlemail.com",
        "2824967181c781aced84c32bf8bb51fc6401202eeff88263776f63c99df9314c",
    ),
    (
        "email_gmail_folded",
        "alexj@altostrat.com",
        None,
        "alexj@altostrat.com",
        "e8bd3f8da6f5af73bec1ab3fbf7beb47482c4766dfdfc94e6bd89e359c139478",
    ),
    (
        "email_gmail_folded",
        "dana@example.com",
        None,
        "dana@example.com",
        "07e2f1394b0ea80e2adca010ea8318df697001a005ba7452720edda4b0ce57b3",
    ),
    (
        "email_gmail_folded",
        "j.o.e+tag@example.com",
        None,
        "j.o.e+tag@example.com",
        "c80b0350166dc95925839c9a933d146f114df43e24c5179cab83ede4431754c3",
    ),
    (
        "email_gmail_folded",
        "quinn@CYMBALGROUP.com",
        None,
        "quinn@cymbalgroup.com",
        "05bb62526f091b45d20e243d194766cca8869137421047dc53fa4876d111a6f0",
    ),
    (
        "email_gmail_folded",
        "rosario@example.org",
        None,
        "rosario@example.org",
        "83a834cc5327bc4dee7c5408988040dc5813c7662611cd93b707aff72bf7d33f",
    ),
    ("last_name_lower", "  Quinn ", None, "quinn", "c512ca0c5c1e71be19f3356821e56732b5fb3ac894b0dbc5846d0b6920106fb3"),
    ("last_name_lower", "O'Brien", None, "o'brien", "65b87174be3b1b122e2b0929f0b84888637d31a4a83bb96a860bcff411f5e668"),
    (
        "first_name_lower",
        "  GivenName  ",
        None,
        "givenname",
        "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814",
    ),
    (
        "first_name_lower",
        "Givenname",
        None,
        "givenname",
        "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814",
    ),
    (
        "phone_e164",
        "+44 20 7946 0958",
        None,
        "+442079460958",
        "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
    ),
    (
        "phone_e164",
        "+44-113-496-0987",
        "gb",
        "+441134960987",
        "0fac52d27ec377f8ad2f9de75d1f9bace693237e31868ae6f4616b8bbd0e94fb",
    ),
    # Google's Formatter takes any digits for a whole number; we have to be told the country.
    (
        "phone_e164",
        "1 (800) 555-0199",
        "us",
        "+18005550199",
        "78724165620b8a76386cab242569ebc85dd2346f3f5ae88dc13bb57e31020b90",
    ),
    (
        "phone_e164",
        "441134960987",
        "gb",
        "+441134960987",
        "0fac52d27ec377f8ad2f9de75d1f9bace693237e31868ae6f4616b8bbd0e94fb",
    ),
]


@pytest.mark.parametrize(("form", "raw", "country", "normal", "expected"), GOOGLE)
def test_a_value_has_google_s_normal_form_and_hash(form, raw, country, normal, expected):
    assert NORMAL_FORMS[form].normalise(raw, country) == normal
    assert digest(NORMAL_FORMS[form], raw, country).value == bytes.fromhex(expected)
