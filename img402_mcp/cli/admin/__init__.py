"""The actions of `host admin`: for images, and for each API in the file of its name.

Each file has a table, `THINGS`, and `admin`, which makes the object whose methods the table names.
"""
