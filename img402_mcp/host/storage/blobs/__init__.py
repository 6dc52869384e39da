"""Where the bytes of images lie: one interface, one room for each kind of store."""
