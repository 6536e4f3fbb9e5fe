"""The contestants of the identity benchmark: each reads one Parquet file of people and writes one of digests.

`ours` validates, quarantines with a reason and knows every country's numbers. The others do what such scripts do:
they know the twelve calling codes and drop the national zero, and they hash whatever comes out.
`aws_pandas` is written anew from the description of AWS's Audience Uploader (NFKD and strip, digits only, no zeros in
front, hexdigest per cell), without its concatenation of frames and with the pattern meant as a pattern.
"""

from __future__ import annotations

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.identity import digest_parquet
from segment_assets.identity.hashing import sha256_matrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALLING_CODES = {
    "US": "1", "GB": "44", "DE": "49", "FR": "33", "IT": "39", "ES": "34",
    "CA": "1", "AU": "61", "JP": "81", "BR": "55", "IN": "91", "NL": "31",
}  # fmt: skip
NARROW = ("email", "phone_digits")
WIDE = (
    *("email", "email_gmail_folded", "phone_digits", "phone_e164", "first_name", "last_name"),
    *("city", "state", "postal_code", "country", "birth_year", "gender"),
)
CORES = os.cpu_count() or 1


def _ours(forms: tuple[str, ...]) -> Callable[[Path, Path], int]:
    def run(source: Path, target: Path) -> int:
        return digest_parquet(source, target, forms=forms).rows * len(forms)

    return run


def _duckdb(*, wide: bool) -> Callable[[Path, Path], int]:
    codes = ", ".join(f"'{country}': '{code}'" for country, code in CALLING_CODES.items())
    phone = f"""CASE WHEN starts_with(trim(phone), '+') THEN regexp_replace(phone, '[^0-9]', '', 'g')
        ELSE map {{{codes}}}[country] || ltrim(regexp_replace(phone, '[^0-9]', '', 'g'), '0') END"""
    folded = """CASE WHEN e LIKE '%@gmail.com' OR e LIKE '%@googlemail.com'
        THEN replace(split_part(split_part(e, '@', 1), '+', 1), '.', '') || '@' || split_part(e, '@', 2) ELSE e END"""
    letters = "regexp_replace(lower(strip_accents({})), '[^a-z]', '', 'g')"
    texts = {"email": "e", "phone_digits": "p"}
    if wide:
        texts |= {"email_gmail_folded": folded, "phone_e164": "'+' || p", "birth_year": "left(birth_date, 4)"}
        texts |= {name: f"lower(trim({name}))" for name in ("first_name", "last_name", "postal_code", "country")}
        texts |= {name: letters.format(name) for name in ("city", "state")} | {"gender": "left(lower(gender), 1)"}
    hashed = ", ".join(f"unhex(sha256({text})) AS {name}" for name, text in texts.items())

    def run(source: Path, target: Path) -> int:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT {hashed} FROM (SELECT *, lower(trim(email, e' \\t')) AS e, {phone} AS p "
                f"FROM read_parquet('{source}'))) TO '{target}' (FORMAT parquet, COMPRESSION uncompressed)"
            )
        return pq.read_metadata(target).num_rows * len(texts)

    return run


def _polars_hash(*, wide: bool) -> Callable[[Path, Path], int]:
    def run(source: Path, target: Path) -> int:
        import polars as pl
        import polars_hash as plh

        digits = pl.col("phone").str.replace_all("[^0-9]", "")
        national = pl.col("country").replace_strict(CALLING_CODES) + digits.str.strip_chars_start("0")
        phone = pl.when(pl.col("phone").str.starts_with("+")).then(digits).otherwise(national)
        email = pl.col("email").str.strip_chars().str.to_lowercase()
        at = pl.col("e").str.split_exact("@", 1)
        mailbox = at.struct.field("field_0").str.replace(r"\+.*$", "").str.replace_all(".", "", literal=True)
        is_gmail = pl.col("e").str.ends_with("@gmail.com") | pl.col("e").str.ends_with("@googlemail.com")
        texts = {"email": pl.col("e"), "phone_digits": pl.col("p")}
        if wide:
            letters = {
                name: pl.col(name).str.to_lowercase().str.replace_all("[^a-z]", "") for name in ("city", "state")
            }
            texts |= {
                "email_gmail_folded": pl.when(is_gmail)
                .then(mailbox + "@" + at.struct.field("field_1"))
                .otherwise(pl.col("e")),
                "phone_e164": "+" + pl.col("p"),
                "birth_year": pl.col("birth_date").str.slice(0, 4),
                "gender": pl.col("gender").str.to_lowercase().str.slice(0, 1),
                **{
                    name: pl.col(name).str.strip_chars().str.to_lowercase()
                    for name in ("first_name", "last_name", "postal_code", "country")
                },
                **letters,
            }
        frame = pl.scan_parquet(source).with_columns(e=email, p=phone).select(**texts)
        frame = frame.select(plh.col(name).chash.sha2_256().str.decode("hex").alias(name) for name in texts)
        frame.sink_parquet(target, compression="uncompressed")
        return pq.read_metadata(target).num_rows * len(texts)

    return run


def _aws_pandas(source: Path, target: Path) -> int:
    import pandas as pd

    frame = pd.read_parquet(source, columns=["email", "phone"])
    for name in frame.columns:
        frame[name] = frame[name].str.normalize("NFKD").str.strip()
    frame["phone"] = frame["phone"].str.replace(r"[^0-9]+", "", regex=True).str.lstrip("0")
    for name in frame.columns:
        frame[name] = frame[name].apply(lambda text: hashlib.sha256(text.encode()).hexdigest())
    frame.to_parquet(target)
    return frame.size


def _limit(source: Path, target: Path) -> int:
    """Blocks of 64 bytes through the engine's compression function, as a message without end: no text, no padding."""
    import stringzilla

    del source, target
    chunk, lanes, rounds = bytes(65_536), 16, 1_000

    def stream(_: int) -> int:
        hashers = stringzilla.Sha256s(lanes)
        chunks = stringzilla.Strs([chunk] * lanes)
        for _round in range(rounds):
            hashers.update(chunks)
        return lanes * rounds * len(chunk) // 64

    with ThreadPoolExecutor(CORES) as pool:
        return sum(pool.map(stream, range(CORES)))


def _hasher(source: Path, target: Path) -> int:
    """Our door to the engine on clean e-mail addresses in memory, on all cores."""
    del source, target
    emails = _some_emails()
    with ThreadPoolExecutor(CORES) as pool:
        return sum(map(len, pool.map(lambda _: sha256_matrix(emails), range(CORES * 256))))


@functools.cache
def _some_emails() -> pa.Array:
    """As many as a core's cache holds with their digests."""
    return pa.array([f"person.number{row}@example.com" for row in range(16_384)])


CONTESTANTS: dict[tuple[str, str], Callable[[Path, Path], int]] = {
    ("narrow", "ours"): _ours(NARROW),
    ("narrow", "duckdb"): _duckdb(wide=False),
    ("narrow", "polars_hash"): _polars_hash(wide=False),
    ("narrow", "aws_pandas"): _aws_pandas,
    ("wide", "ours"): _ours(WIDE),
    ("wide", "duckdb"): _duckdb(wide=True),
    ("wide", "polars_hash"): _polars_hash(wide=True),
    ("bare", "limit"): _limit,
    ("bare", "hasher"): _hasher,
}


def warm_up(name: str) -> None:
    """Import what a contestant needs, and only that, before its clock starts."""
    import importlib

    for module in {
        # pyarrow imports pandas as soon as it is given a numpy array.
        "ours": ("stringzilla", "phonenumbers", "pyarrow.compute", "pandas"),
        "duckdb": ("duckdb",),
        "polars_hash": ("polars", "polars_hash"),
        "aws_pandas": ("pandas",),
    }.get(name, ("stringzilla",)):
        importlib.import_module(module)
    if name == "hasher":
        sha256_matrix(_some_emails())
