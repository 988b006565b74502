"""Measured speed: hot paths and peers, each as ratios of one run on one machine."""
