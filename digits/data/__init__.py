"""From where the images come to what a network is fed."""
