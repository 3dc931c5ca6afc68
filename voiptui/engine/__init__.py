"""What keeps data of many telephone systems fresh, searches them all at once and fetches recordings."""
