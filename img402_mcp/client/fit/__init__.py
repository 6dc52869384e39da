"""An image under so many bytes: `parent` asks a `child` process, which climbs down a `ladder` of encodings."""
