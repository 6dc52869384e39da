"""What the host reports about itself: log, metrics, health."""
