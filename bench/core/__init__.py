"""How fast each hop of the stream core is, beside what others would have built."""
