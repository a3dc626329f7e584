"""Networks, their weights files and cards, and the runtimes that run them."""
