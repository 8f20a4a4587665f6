"""One training in several processes, on one machine or more."""
