"""One file a figure: numbers of a record in, a picture out."""
