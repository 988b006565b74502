"""Who may see what, and what a trace and a review are; pure."""
