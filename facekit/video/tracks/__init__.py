"""Frames -> faces that are followed, and what is known of each."""
