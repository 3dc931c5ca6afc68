"""One synthetic telephone world, spoken on loopback in the wire formats of the five systems."""
