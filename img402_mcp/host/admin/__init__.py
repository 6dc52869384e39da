"""What the person who runs the host may do: `host admin`."""
