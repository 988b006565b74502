"""notify: tells citizens what became of their application, once per event and channel."""
