"""Estimates drawn into photographs."""
