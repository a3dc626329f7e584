"""What every room needs: errors, files, downloads, and imports that wait until they are needed."""
