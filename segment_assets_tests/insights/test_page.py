"""The page as text: what it says, what it never says, and names that want to be more than names."""

from __future__ import annotations

import dataclasses
import functools
import json
import struct
import zlib
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from segment_assets.dashboard import Figures, page
from segment_assets.dashboard.pages import ROAD
from segment_assets.dashboard.pictures import packed
from segment_assets_tests.browser import example

SECTIONS = ["flow", "overlap", "reach", "creatives", "bands", "profile", "deliveries"]


class Read(HTMLParser):
    """The text, its elements, its words outside of scripts, and the charts' specifications."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.links: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._inside: list[str] = []
        self.text = text
        self.feed(text)
        self.specifications = json.loads(self.scripts[1])

    def handle_starttag(self, tag, attrs) -> None:
        self.elements[tag] += 1
        self._inside.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href", "action"}]

    def handle_endtag(self, tag) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.words.append(data)


@functools.cache
def shown() -> Read:
    """The page of the example, rendered once."""
    return Read(page(example.figures()))


def drawn(specification: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a chart, of all its layers."""
    return [row for rows in specification["datasets"].values() for row in rows]


def titles(figures: Figures) -> dict[str, str]:
    return {section.id: section.title for section in ROAD.sections_of(figures)}


def test_titles_say_what_the_numbers_say() -> None:
    said = titles(example.figures())
    assert said["overlap"] == "The publisher reached 29 % of our customers, and 10 % of those converted"
    assert said["reach"] == "cmp_autumn_offer · display reached most customers: 6,255, 1.5 times each"
    assert said["creatives"] == "cr_offer_display_01 was seen by most converters: 45 % of those matched"
    assert said["bands"] == "51 % of converters had seen an impression at 0-25 EUR, 35 % at 25-50 EUR"
    assert said["profile"] == "Among converters, by country of birth: GB over-represented"
    assert said["deliveries"].startswith(
        "Of 15,712 additions and changes, the platforms took 15,272, refused 40, and left 400"
    )


def test_where_nothing_is_told_every_title_about_the_week_says_below_threshold() -> None:
    said = titles(example.figures(nothing_told=True))
    for section in ("overlap", "reach", "creatives", "bands", "profile"):
        assert "below threshold" in said[section], section
        assert not any(sign.isdigit() for sign in said[section].replace("12 October 2026", "")), section


def test_a_profile_of_which_only_counts_are_told_has_no_index_and_the_page_is_made() -> None:
    """What all matched converters are is withheld in such a week, and shares would tell it."""
    figures = example.figures()
    counted = [
        row | dict.fromkeys(("matched_share", "affinity_index", "index_low", "index_high")) for row in figures.profile
    ]
    profile = next(
        part for part in ROAD.sections_of(dataclasses.replace(figures, profile=counted)) if part.id == "profile"
    )
    assert profile.title == "The profile of matched converters is below threshold"
    assert (profile.charts, profile.notes) == ([], ["Below threshold: GB, SE, US."])
    assert next(iter(profile.numbers.rows))[-2:] == ("150", "below threshold")


def test_a_title_says_nothing_of_countries_and_bands_that_are_withheld() -> None:
    figures = example.figures()
    told = dataclasses.replace(
        figures, profile=[example.country("US", 15_535, 99.0)], bands=[example.band("0-25", 1, 632, 325)]
    )
    known = titles(told)
    assert known["profile"] == "Converters are born where our customers are: no difference beyond chance"
    assert known["bands"] == "About 51 % of converters had seen an impression, whatever they spent"
    more = {"profile": example.country("SE", 1_474, None), "bands": example.band("250+", 5, 69, None)}
    partly = titles(dataclasses.replace(told, **{name: [*getattr(told, name), row] for name, row in more.items()}))
    assert partly["profile"].startswith("Of the countries of birth that are told, none is more or less common")
    assert partly["bands"] == "About 51 % of converters had seen an impression, in every band that is told"


def test_a_share_of_people_stands_with_its_interval() -> None:
    overlap, bands = (part for part in ROAD.sections_of(example.figures()) if part.id in {"overlap", "bands"})
    assert overlap.numbers.rows[0][3] == "29.3 % (28.9 to 29.7)"
    assert bands.numbers.rows[0][-1] == "51.4 % (47.5 to 55.3)"
    labels = {row["label"] for _, chart in (*overlap.charts, *bands.charts) for row in drawn(chart.to_dict())}
    assert {"29.3 % (28.9 to 29.7)", "325 of 632 · 51.4 % (47.5 to 55.3)"} <= labels


def test_a_withheld_number_is_a_text_and_draws_no_bar() -> None:
    rows = drawn(shown().specifications["chart-creatives-0"])
    (row,) = (row for row in rows if row["name"] == "cr_retarget_social_01")
    assert (row["value"], row["label"]) == (None, "below threshold")


def test_without_any_figures_there_is_still_a_page_with_all_sections() -> None:
    empty = page(Figures(tenant="lumen_shop"))
    for section in SECTIONS:
        assert f'<section id="{section}"' in empty
    assert "No reporting week yet" in empty
    assert 'class="chart"' not in empty


def test_equal_figures_give_an_equal_page() -> None:
    assert Read(page(example.figures())).text == shown().text


def test_the_page_refers_to_nothing_outside_of_itself() -> None:
    read = shown()
    assert read.links[0] == "data:,"
    # The other pages, by the names of their files in the same folder.
    assert read.links[1:] == ["index.html", "planning.html", "activation.html", "measurement.html"]
    assert read.elements["script"] == 3
    assert not read.elements.keys() & {"iframe", "img", "object", "embed", "form", "base"}


@pytest.mark.parametrize("section", ["flow", "deliveries"])
def test_everybody_of_an_audience_is_in_exactly_one_part_of_its_bar(section: str) -> None:
    """Straight from the specification: the parts of a bar sum to what was said of it."""
    figures = example.figures()
    (chart,) = (chart for part in ROAD.sections_of(figures) if part.id == section for _, chart in part.charts)
    sums: Counter[str] = Counter()
    for row in drawn(chart.to_dict()):
        sums[row["name"]] += row.get("people", 0)
    for row in figures.deliveries:
        name = f"{row['segment']} → {row['destination']}/{row['account']}"
        assert sums[name] == (row["audience"] if section == "flow" else row["wanted"])


# Mostly the signs that mean something to HTML, to JSON inside a script, and to the template.
@given(st.text(st.sampled_from("<>&\"'/\\${}!-scriptx= ") | st.characters(exclude_categories=["Cs"]), min_size=1))
@settings(max_examples=3, deadline=None)
def test_no_name_of_a_segment_becomes_part_of_the_page(name: str) -> None:
    plain, read = shown(), Read(page(example.figures(segment=name)))
    assert read.elements == plain.elements
    assert read.links == plain.links
    assert any(name.strip() in word for word in read.words) or not name.isprintable() or not name.strip()


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "$title ${x} $"]
)
def test_a_name_that_is_markup_or_a_placeholder_is_shown_as_it_is(name: str) -> None:
    read = Read(page(example.figures(segment=name)))
    assert any(name in word for word in read.words)
    assert read.elements == shown().elements


def test_a_packed_picture_has_the_same_pixels_in_fewer_bytes() -> None:
    pixels = bytes(5_000)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 49, 100, 8, 0, 0, 0, 0)
    loose = zlib.compress(pixels, 0)
    halves = chunk(b"IDAT", loose[:100]) + chunk(b"IDAT", loose[100:])
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + halves + chunk(b"IEND", b"")
    small = packed(picture)
    assert len(small) < len(picture) / 10
    assert packed(small) == small
    assert chunk(b"IHDR", header) in small
    assert zlib.decompress(small[small.index(b"IDAT") + 4 : small.index(b"IEND") - 8]) == pixels
