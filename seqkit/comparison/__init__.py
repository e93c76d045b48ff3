"""Networks held against each other: the same data, the same budget, a table, a picture and a page."""
