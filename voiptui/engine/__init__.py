"""Polling, keeping, searching and downloading: what runs behind the screen and behind the command line."""
