"""voiptui: registrations, active calls and CDRs of many telephone systems in one terminal."""

__version__ = "0.1.0"
