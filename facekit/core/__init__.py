"""Errors, files, downloads and lazy imports, which all other packages use."""
