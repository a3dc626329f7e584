"""Labelled faces and weights -> figures, for everybody and for each group."""
