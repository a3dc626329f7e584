"""Pictures that are kept: in a folder, or sent to S3."""
