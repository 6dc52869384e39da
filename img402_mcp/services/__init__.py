"""The upload APIs, one room each: a class with a name and `async upload(image, send) -> Receipt`."""
