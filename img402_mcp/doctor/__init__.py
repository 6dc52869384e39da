"""What `doctor` looks at: small checks, each with what it found and the way out. It pays and uploads nothing."""
