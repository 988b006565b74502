"""The national rehearsal: a share of all households of Japan through the whole core."""
