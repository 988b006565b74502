"""What a notice is and says; pure."""
