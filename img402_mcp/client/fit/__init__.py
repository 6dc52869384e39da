"""An image under so many bytes: `subprocess` runs a `worker`, which tries the encodings that `strategy` names."""
