"""The tasks that come with seqkit; each is found through its entry point and knows no other."""
