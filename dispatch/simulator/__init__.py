"""A stateful stand-in for Twilio's Messages and Calls API on loopback, and the page of simulated phones."""
