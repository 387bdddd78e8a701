"""Whole journeys: live servers, real workers, Chromium and simulated phones."""
