"""What runs the system in containers, and what watches it."""
