"""Outputs: videos, lines of JSON, and the summary."""
