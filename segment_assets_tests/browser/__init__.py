"""Tests that open what people look at in a headless browser, and the script that takes the screenshots."""
