"""The doors: one package per telephone system, each translating its wire into the same records."""
