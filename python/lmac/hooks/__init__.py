"""Hooks: other libraries read and write compressed data through these modules, each named after its library."""
