"""Reading, cutting, numbering and padding of data that several tasks share."""
