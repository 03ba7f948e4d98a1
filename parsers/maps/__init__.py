"""Maps: files that say which element of a segment becomes which field of a record; see `docs/maps.md`."""
