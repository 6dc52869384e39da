"""What viewers show although its bytes bend the format: the same pixels, in a stream that keeps to it."""
