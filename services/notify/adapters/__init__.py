"""Tables, mail, SMS providers and sealed contacts behind the ports."""
