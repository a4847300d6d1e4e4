"""Sections of a report, in a language, before they take a form."""
