"""Networks: their configuration, weights files, cards, calibration, backbones and runtimes."""
