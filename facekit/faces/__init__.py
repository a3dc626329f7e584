"""A picture -> the faces in it, found, aligned and cut out."""
