"""Makes an image fit a limit: `subprocess` runs a `worker`, which tries the encodings that `strategy` names."""
