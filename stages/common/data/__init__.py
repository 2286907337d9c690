"""Photos to arrays: layouts, decoding, preparing, the arrays on disk, views."""
