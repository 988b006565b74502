"""Pure rules of the money: no I/O, no clock, no random numbers, no protobuf."""
