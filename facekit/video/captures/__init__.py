"""Captures: pictures saved in a folder or sent to S3."""
