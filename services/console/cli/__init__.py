"""`kyufu`, the staff's command: speaks gRPC to the console's door and nothing else."""
