"""What starts a process of this service."""
