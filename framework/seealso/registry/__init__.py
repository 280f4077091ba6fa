"""Finds plugins, checks them, and hands out what they bring."""
