"""The services, one folder each; they share only `proto/`, `jpbank/` and `chassis/`."""
