"""Suggest what somebody may like next, learned from who met what."""
