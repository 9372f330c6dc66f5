"""Sheets of questions, their keys, and marks."""
