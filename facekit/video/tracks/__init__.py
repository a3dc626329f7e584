"""Face tracking: detection, tracks, and estimates averaged per track."""
