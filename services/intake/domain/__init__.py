"""What an application is, which forms are sound, and what its status is called. Pure."""
