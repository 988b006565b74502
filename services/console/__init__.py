"""console: the staff's side: reviews, traces, status, dead letters and the command `kyufu`."""
