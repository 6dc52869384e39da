"""An image without its metadata, thumbnails and hidden bytes; its pixels stay as they are encoded."""
