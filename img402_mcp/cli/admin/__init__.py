"""What `host admin` can do: the images, and for each API the file of its name. `THINGS` in each is a table."""
