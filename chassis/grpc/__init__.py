"""gRPC as this project uses it: tokens with roles, deadlines on every call, typed status codes."""
