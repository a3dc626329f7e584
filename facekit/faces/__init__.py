"""Pictures -> batches of faces: detection, alignment, chips and features."""
