"""Where notices come in, and the loop that sends them."""
