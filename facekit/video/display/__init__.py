"""Live display: captions, head-up display, window and keys."""
