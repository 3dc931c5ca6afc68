"""The records every telephone system is translated into, and what belongs to reading them."""
