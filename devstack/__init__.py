"""One machine's whole Kyufu: servers, services and simulators, started, watched and stopped."""
