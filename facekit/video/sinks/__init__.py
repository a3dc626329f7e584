"""What is written: videos, lines of JSON, a summary."""
