"""Tests of the insight tables and of the page made from them."""
